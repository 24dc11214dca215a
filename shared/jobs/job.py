"""What a job is, which states it has, and what its kind must be able to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from shared.errors import IllegalTransition
from shared.storage.work import UnitOfWork
from shared.tables.outcomes import Outcome

WAITING, RUNNING, PAUSED, DONE, FAILED, CANCELLED = "waiting", "running", "paused", "done", "failed", "cancelled"
STATES = (WAITING, RUNNING, PAUSED, DONE, FAILED, CANCELLED)
ACTIVE = frozenset({WAITING, RUNNING})
CAN_RESUME = frozenset({PAUSED, FAILED, CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of long work. `cursor` is the position behind the last item that is committed; 0 before the first.

    `counts` says how many items had each outcome, `problem` why it failed; `total` is None while nobody knows it.
    """

    id: str
    kind: str
    cluster_id: str
    actor: str
    options: Mapping[str, Any] = field(default_factory=dict)
    input: str | None = None
    dry_run: bool = False
    state: str = WAITING
    cancelling: bool = False
    cursor: int = 0
    done: int = 0
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    problem: Mapping[str, str] | None = None
    epoch: int = 0
    attempts: int = 0
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def require(self, states: frozenset[str], target: str) -> None:
        """IllegalTransition unless the job is in one of these states."""
        if self.state not in states:
            allowed = {"cancelled"} if self.state in ACTIVE else {"waiting"} if self.state in CAN_RESUME else set()
            raise IllegalTransition("job", self.state, target, allowed)


@dataclass(frozen=True, slots=True)
class Item:
    """Something to be done. `cursor` is the position behind it: where to go on when it is committed."""

    cursor: int
    value: Any


class Task(Protocol):
    """One job being worked on: where its items come from and what is done with them."""

    total: int | None

    def items(self, after: int, limit: int) -> Sequence[Item]:
        """The next items behind a position; none when nothing is left. Asked for in order, seldom twice."""
        ...

    def apply(self, work: UnitOfWork, items: Sequence[Item]) -> list[Outcome]:
        """Decide on a unit of work. May run more than once for the same items, and takes effect once."""
        ...


class Kind(Protocol):
    """A kind of job. A chunk is what is committed together: at most so many items."""

    @property
    def name(self) -> str:
        """The word in the job's document."""
        ...

    @property
    def chunk(self) -> int:
        """How many items are committed together."""
        ...

    def start(self, job: Job) -> Task:
        """Begin or go on. ServiceError fails the job with its code and sentence."""
        ...
