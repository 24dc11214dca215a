"""Timers: what is due by the clock is done by one process at a time, each item alone, within a time budget."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pymongo.errors import PyMongoError

from shared.errors import ServiceError
from shared.logs import get_logger
from shared.storage.lease import Lease
from shared.storage.mongo import MongoDatabase

log = get_logger(__name__)
T = TypeVar("T")
Due = Callable[[str], Iterable[tuple[str, T | None]]]
"""What is due behind a position, in the order of positions; None for what was looked at and is not due."""

TURN_SECONDS: Final = 2.0
"""Less than a lease lasts, so that it outlives the turn."""
ITEM_SECONDS: Final = 0.5
CHUNK: Final = 200
_ASK_SECONDS = 1.0
_FIRST_REST, _LONGEST_REST, _RESTING = 1.0, 60.0, 10_000


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that is due every so often. `action` does what is due now and returns how much that was."""

    name: str
    seconds: float
    action: Callable[[], int]


class Turns(Generic[T]):
    """The action of a timer that goes through items, a turn at a time.

    An item that fails is logged, rests for a growing time and holds up nobody. A turn ends when its time is over, and
    the next one goes on behind the last item; so does it with an item that needs more than its own time.
    """

    def __init__(
        self,
        name: str,
        due: Due[T],
        act: Callable[[T], int],
        *,
        repeat: bool = False,
        turn_seconds: float = TURN_SECONDS,
        item_seconds: float = ITEM_SECONDS,
    ) -> None:
        """`act` does what is due for one item, in a transaction of its own, and returns how much that was; with
        `repeat` it is called again until that is 0."""
        self._name, self._due, self._act, self._repeat = name, due, act, repeat
        self._turn_seconds, self._item_seconds = turn_seconds, item_seconds
        self._after = ""
        self._resting: dict[str, tuple[float, float]] = {}

    def __call__(self) -> int:
        """One turn. Returns how much was done."""
        until, done = time.monotonic() + self._turn_seconds, 0
        for position, item in self._due(self._after):
            if item is not None and not self._rests(position):
                done += self._alone(position, item, until)
            self._after = position
            if time.monotonic() >= until:
                return done
        self._after = ""
        return done

    def _alone(self, position: str, item: T, until: float) -> int:
        done = 0
        try:
            for moved in self._moves(item, until):
                done += moved
        except Exception as error:
            self._let_rest(position)
            if isinstance(error, PyMongoError | ServiceError):
                log.warning("timer_item_failed", timer=self._name, item=position, error=type(error).__name__)
            else:
                log.exception("timer_item_failed", timer=self._name, item=position)
        else:
            self._resting.pop(position, None)
        return done

    def _moves(self, item: T, until: float) -> Iterator[int]:
        until = min(until, time.monotonic() + self._item_seconds)
        while moved := self._act(item):
            yield moved
            if not self._repeat or time.monotonic() >= until:
                return

    def _rests(self, position: str) -> bool:
        return time.monotonic() < self._resting.get(position, (0.0, 0.0))[0]

    def _let_rest(self, position: str) -> None:
        if len(self._resting) >= _RESTING:
            self._resting.clear()
        pause = min(_LONGEST_REST, 2 * self._resting.get(position, (0.0, _FIRST_REST / 2))[1])
        self._resting[position] = (time.monotonic() + pause, pause)


class Leased:
    """One timer of one process: takes its turns while this process has the timer's lease."""

    def __init__(self, timer: Timer, database: MongoDatabase) -> None:
        self._timer = timer
        self._lease = Lease(database, f"timer-{timer.name}", uuid.uuid4().hex)
        self._ask_at = 0.0

    def take(self) -> int:
        """A turn, if it is ours. What fails is logged: the next turn comes."""
        try:
            return self._timer.action() if self._ours() else 0
        except (PyMongoError, ServiceError) as error:
            log.warning("timer_failed", timer=self._timer.name, error=type(error).__name__)
        except Exception:
            log.exception("timer_failed", timer=self._timer.name)
        return 0

    def end(self) -> None:
        """Let another process go on at once."""
        try:
            if self._lease.held:
                self._lease.give_up()
        except PyMongoError as error:
            log.info("timer_lease_runs_out", timer=self._timer.name, error=type(error).__name__)

    def _ours(self) -> bool:
        if self._lease.held and not self._lease.due:
            return True
        if not self._lease.held and time.monotonic() < self._ask_at:
            return False
        self._ask_at = time.monotonic() + _ASK_SECONDS
        return self._lease.acquire()


def walk(read: Callable[[str, int], Sequence[str]]) -> Due[str]:
    """All ids that `read(after, limit)` gives in their order, chunk by chunk; each is an item and its own position."""

    def due(after: str) -> Iterator[tuple[str, str]]:
        ids: Sequence[str] = ()
        while ids := read(ids[-1] if ids else after, CHUNK):
            yield from ((i, i) for i in ids)
            if len(ids) < CHUNK:
                return

    return due
