"""What was asked of the seat desk, what it answered, and what stands there at the end: the history that is judged.

Times are seconds of this machine's clock. The desk stamps each step of an enrolment when it decides on it: whatever
was claimed for a step was claimed before its stamp, and the step was committed after it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.storage.mongo import Document, MongoDatabase

UNKNOWN: Final = "UNKNOWN"
"""The answer of an operation that may or may not have happened."""
NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request. `subject` is who applies, or the enrolment; `answer` its status or the code of the refusal.

    `tries`: how often the client sent it, always with the same key; each may have claimed something.
    """

    session: str
    kind: str
    subject: str = ""
    called: float = 0.0
    answered: float = NEVER
    answer: str = UNKNOWN
    enrolment: str = ""
    place: int | None = None
    capacity: int = 0
    tries: int = 1

    @property
    def lasted(self) -> float:
        """From the call to the answer, in seconds."""
        return self.answered - self.called


@dataclass(frozen=True, slots=True)
class Step:
    """An enrolment came into this status, as decided at `at`."""

    status: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """An enrolment as it is stored at the end."""

    id: str
    person: str
    ticket: int | None
    steps: tuple[Step, ...]

    @property
    def status(self) -> str:
        """Its last status."""
        return self.steps[-1].status


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One session: its terms when it opened, the operations on it, and what stands there at rest.

    `swept_after`: a claim this old, in seconds, is given back unless its enrolment is there.
    """

    session: str
    capacity: int
    waitlist_limit: int
    approval: bool
    swept_after: float = NEVER
    operations: tuple[Operation, ...] = ()
    tracks: tuple[Track, ...] = ()
    seats: Document = field(default_factory=dict)


class Recorder:
    """Collects operations from many threads."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._lock = threading.Lock()

    def record(self, asked: Operation, send: Callable[[], Operation]) -> Operation:
        """Send what is asked and note call and answer. `send` returns the operation with its answer; when it raises,
        the outcome is unknown."""
        called = time.time()
        try:
            done = send()
        except Exception:  # noqa: BLE001 (whatever it was, it may have happened)
            done = asked
        done = replace(done, called=called, answered=time.time())
        with self._lock:
            self._operations.append(done)
        return done

    def __str__(self) -> str:
        """How often each kind of operation had each answer."""
        counts = Counter(f"{o.kind} {o.answer}" for o in self._operations)
        return f"{len(self)} operations: " + ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))

    def __len__(self) -> int:
        return len(self._operations)

    def by_session(self) -> dict[str, tuple[Operation, ...]]:
        """The operations of each session."""
        found: dict[str, list[Operation]] = defaultdict(list)
        for operation in list(self._operations):
            found[operation.session].append(operation)
        return {session: tuple(operations) for session, operations in found.items()}


def at_rest(database: MongoDatabase, opened: Iterable[Case], recorder: Recorder) -> list[Case]:
    """The cases with their operations and with what stands in the database now."""
    operations = recorder.by_session()
    return [
        replace(
            case,
            operations=operations.get(case.session, ()),
            tracks=tuple(_track(row) for row in database["enrolments"].find({"session_id": case.session})),
            seats=database["seats"].find_one({"_id": case.session}) or {},
        )
        for case in opened
    ]


def _track(row: dict[str, Any]) -> Track:
    steps = tuple(Step(step["status"], step["at"].timestamp()) for step in row["history"])
    return Track(id=row["_id"], person=row["person_id"], ticket=row["ticket"], steps=steps)
