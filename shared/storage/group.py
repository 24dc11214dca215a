"""Group commit: requests that wait in one process share one transaction, and each keeps its own outcome."""

import contextvars
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.clock import Clock, utc_now
from shared.errors import Conflict, KeyReused, ServiceError
from shared.logs import get_logger
from shared.storage import idempotency
from shared.storage.mongo import REQUEST_SECONDS, Mongo, MongoDatabase, is_outage, within
from shared.storage.transaction import commit
from shared.storage.work import Asked, Duplicate, Raced, UnitOfWork
from shared.storage.writes import Answer, Write

log = get_logger(__name__)

GROUP_SIZE = 32
_GATHER_SECONDS, _PATIENCE, _LONGEST_REST = 0.02, 0.75, 15
_ROUNDS = 4
_PAUSES = (0.0, 0.005, 0.02, 0.08)
"""Before each attempt at what lost a race, in seconds: the winner's change can be read only when a majority has it in
its journal, a few milliseconds after it has refused ours."""
_LAST_TRY_SECONDS = 0.3
_STOP: Any = None

Resolver = Callable[[UnitOfWork, Sequence[Any]], Mapping[Hashable, Any]]
"""Answers the questions of one kind together: question -> answer."""


def _latch() -> threading.Lock:
    """Taken until there is an outcome: a Future hands the interpreter's lock to and fro three times, this once."""
    latch = threading.Lock()
    latch.acquire()
    return latch


@dataclass(slots=True)
class _Waiting:
    write: Write
    memo: Mapping[Hashable, Any] = field(default_factory=dict)
    decided: threading.Lock = field(default_factory=_latch)
    since: float = field(default_factory=time.monotonic)
    until: float = 0.0
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    answer: Answer | None = None
    error: BaseException | None = None
    asked: Hashable = None

    @property
    def undecided(self) -> bool:
        """Whether there is no outcome yet, and no question that must be answered apart."""
        return self.answer is None and self.error is None and self.asked is None


@dataclass(slots=True)
class _Patience:
    """How many writes the next group waits for, and how long.

    Who was in flight a moment ago comes again, if they come in a loop. Who does not is not waited for the next times;
    and to wait as long as a group takes gains nothing (docs/decisions/0006).
    """

    expected: int = 1
    longest: float = 0.0
    in_vain: int = 0
    rest: int = 0

    @property
    def seconds(self) -> float:
        """How long the next group waits."""
        return 0.0 if self.rest else self.longest

    def came(self, number: int) -> None:
        """So many came: after the first wait in vain one group does not wait, then three, seven, at most fifteen."""
        if self.rest:
            self.rest -= 1
        else:
            self.in_vain = 0 if number >= self.expected else min(2 * self.in_vain + 1, _LONGEST_REST)
            self.rest = self.in_vain

    def took(self, seconds: float, in_flight: int) -> None:
        """The group took so long, and so many writes were in flight when it ended."""
        self.expected, self.longest = in_flight, min(_PATIENCE * seconds, _GATHER_SECONDS)


class GroupCommit:
    """Runs writes (see `Writes`). Alone, a write is committed at once; under load, up to 32 share a transaction.

    A row that fails (a broken rule, a duplicate, a lost race) fails alone; the rest is committed. Its thread starts with
    the first write, so that an instance made before a fork is safe.
    """

    def __init__(
        self,
        client: Mongo,
        database: MongoDatabase,
        source: str,
        *,
        clock: Clock = utc_now,
        resolvers: Mapping[type, Resolver] | None = None,
        apart: Mapping[type, Callable[[Any], Any]] | None = None,
        aliases: Callable[[], Mapping[str, str]] = dict,
        duplicates: Mapping[str, Callable[[], ServiceError]] | None = None,
        size: int = GROUP_SIZE,
    ) -> None:
        """`resolvers` answer questions in the group, from the database. `apart` answers those that others must not wait
        for, such as one to another service: in the request's own thread, and the act runs again in a later group.
        `duplicates` names, per unique index, the error that its refusal means to the caller.
        """
        self._client, self._database, self._source, self._clock = client, database, source, clock
        self._resolvers = dict(resolvers or {})
        self._apart = dict(apart or {})
        self._aliases = aliases
        self._duplicates = dict(duplicates or {})
        self._in_progress = idempotency.InProgress()
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._size = size
        self._outage: tuple[float, Exception | None] = (0.0, None)

    def run(self, write: Write) -> Answer:
        """Commit the write with whatever else waits; see `Writes.run`."""
        self._start()
        if write.key is None:
            return self._wait(write)
        with self._in_progress.hold(write.key):
            return self._wait(write)

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(_STOP)
            thread.join(timeout=5)

    def _wait(self, write: Write) -> Answer:
        waiting = self._once(write, {})
        while waiting.asked is not None:
            answer = self._apart[type(waiting.asked)](waiting.asked)
            waiting = self._once(write, {**waiting.memo, waiting.asked: answer})
        if waiting.error is not None or waiting.answer is None:
            raise waiting.error or _undecided_yet()
        return waiting.answer

    def _once(self, write: Write, memo: Mapping[Hashable, Any]) -> _Waiting:
        waiting = _Waiting(write, memo)
        self._queue.put(waiting)
        with waiting.decided:
            return waiting

    # -- the thread

    def _start(self) -> None:
        """One thread: two made smaller groups, each of which costs as much as a large one (docs/decisions/0006)."""
        if self._thread is None:
            with self._start_lock:
                if self._thread is None:
                    thread = threading.Thread(target=self._serve, name="group-commit", daemon=True)
                    thread.start()
                    self._thread = thread

    def _serve(self) -> None:
        patience = _Patience()
        while (group := self._next_group(patience.expected, patience.seconds)) is not None:
            patience.came(len(group))
            begun = time.monotonic()
            self._run_group(group)
            patience.took(time.monotonic() - begun, min(len(group) + self._queue.qsize(), self._size))

    def _next_group(self, expected: int, patience: float) -> list[_Waiting] | None:
        """Whoever waits; when they are fewer than expected, whoever comes within `patience` seconds, too."""
        first = self._queue.get()
        if first is _STOP:
            return None
        group, until = [first], time.monotonic() + patience
        while len(group) < self._size:
            left = until - time.monotonic() if len(group) < expected else 0.0
            try:
                item = self._queue.get(block=left > 0, timeout=max(left, 0.0))
            except queue.Empty:
                break
            if item is _STOP:
                self._queue.put(_STOP)
                break
            group.append(item)
        return group

    def _run_group(self, group: list[_Waiting]) -> None:
        self._refuse_after_outage(group)
        budget = max(0.2, REQUEST_SECONDS - (time.monotonic() - group[0].since))
        for item in group:
            item.until = time.monotonic() + budget
        try:
            with within(budget):
                self._attempt(_undecided(group))
        except BaseException as raised:  # noqa: BLE001 (each request gets it, and the next group its thread)
            error = raised if isinstance(raised, Exception) else RuntimeError(f"{type(raised).__name__} in a group")
            if is_outage(error):
                self._outage = (time.monotonic(), error)
            for item in _undecided(group):
                item.error = error
        finally:
            for item in group:
                item.decided.release()

    def _refuse_after_outage(self, group: list[_Waiting]) -> None:
        """Who already waited while the group before found MongoDB gone has no time left to find out again."""
        seen_at, error = self._outage
        for item in group:
            if item.since < seen_at:
                item.error = error

    # -- one group

    def _attempt(self, group: list[_Waiting]) -> None:
        """Decide all, commit once; when the transaction is refused, each one alone."""
        if not group:
            return
        work = self._new_work()
        try:
            _preload(work, group)
            decided = self._decide(work, group)
            commit(self._client, work)
        except Exception as refused:
            for item in group:
                _forget(item)  # it may have been refused because of another row that is not written now
            if is_outage(refused):
                raise
            if len(group) == 1:
                self._retry_alone(group[0], refused)
            else:
                for item in group:
                    self._attempt([item])
            return
        for item, answer in decided:
            item.answer = answer

    def _retry_alone(self, item: _Waiting, refused: Exception) -> None:
        for pause in _PAUSES:
            # When little of the group's time is left, it is for the tries, not for the pauses.
            time.sleep(max(0.0, min(pause, item.until - _LAST_TRY_SECONDS - time.monotonic())))
            if isinstance(refused, Duplicate) and refused.index in self._duplicates:
                self._refuse_duplicate(item, refused)
            elif not isinstance(refused, Raced | Duplicate):
                item.error = refused
            else:
                refused = self._once_more(item)
            if not item.undecided:
                return
        item.error = Conflict("Too many changes to the same thing at once; try again in a moment.", code="BUSY")

    def _refuse_duplicate(self, item: _Waiting, refused: Duplicate) -> None:
        """It is there already. When the same request made it, in another process, its answer is this one's, too."""
        try:
            item.answer = idempotency.kept_answer(self._new_work(), item.write.key) if item.write.key else None
            item.error = None if item.answer else self._duplicates[refused.index]()
        except KeyReused as reused:
            item.error = reused

    def _once_more(self, item: _Waiting) -> Exception:
        """Decide on fresh state and commit. The item has its outcome then, or the refusal is returned."""
        work = self._new_work()
        try:
            decided = self._decide(work, [item])
            commit(self._client, work)
        except Exception as again:
            _forget(item)
            if is_outage(again):
                raise
            return again
        for _, answer in decided:
            item.answer = answer
        return _undecided_yet()

    def _decide(self, work: UnitOfWork, group: list[_Waiting]) -> list[tuple[_Waiting, Answer]]:
        decided: list[tuple[_Waiting, Answer]] = []
        undecided = group
        for _ in range(_ROUNDS):
            questions: list[tuple[_Waiting, Hashable]] = []
            for item in undecided:
                self._decide_one(work, item, decided, questions)
            if not questions:
                break
            self._resolve(work, [question for _, question in questions])
            undecided = [item for item, _ in questions]
        return decided

    def _decide_one(
        self,
        work: UnitOfWork,
        item: _Waiting,
        decided: list[tuple[_Waiting, Answer]],
        questions: list[tuple[_Waiting, Hashable]],
    ) -> None:
        work.memo.update(item.memo)
        try:
            with work.savepoint():
                # In the request's own context, so that its events carry its trace.
                answer = item.context.run(self._answer, work, item)
            decided.append((item, answer))
        except Asked as asked:
            if type(asked.question) in self._apart:
                item.asked = asked.question
            else:
                questions.append((item, asked.question))
        except Exception as error:
            if is_outage(error):
                raise
            item.error = error

    def _answer(self, work: UnitOfWork, item: _Waiting) -> Answer:
        write = item.write
        # The time budget again: the request's own context does not have the one of this thread.
        with within(max(0.05, item.until - time.monotonic())):
            if write.key is None:
                return write.act(work)
            answer = idempotency.kept_answer(work, write.key)
            if answer is None:
                answer = write.act(work)
                idempotency.keep(work, write.key, answer, self._clock)
            return answer

    def _resolve(self, work: UnitOfWork, questions: Iterable[Hashable]) -> None:
        kinds: dict[type, list[Hashable]] = defaultdict(list)
        for question in questions:
            kinds[type(question)].append(question)
        for kind, alike in kinds.items():
            work.memo.update(self._resolvers[kind](work, alike))

    def _new_work(self) -> UnitOfWork:
        return UnitOfWork(self._database, self._clock, self._source, self._aliases())


def _undecided(group: list[_Waiting]) -> list[_Waiting]:
    return [item for item in group if item.undecided]


def _forget(item: _Waiting) -> None:
    """Nothing of what was found out about it holds: its transaction was refused."""
    item.error = item.asked = None


def _preload(work: UnitOfWork, group: list[_Waiting]) -> None:
    """Load what the hints name: one query for the whole group, and another for what that leads to."""
    for _ in range(_ROUNDS):
        hints = [hint for item in group if item.write.hints for hint in item.write.hints(work)]
        hints += [(idempotency.COLLECTION, "_id", item.write.key.record_id) for item in group if item.write.key]
        if not work.load(hints):
            return


def _undecided_yet() -> Conflict:
    return Conflict("The request was not decided; try again.", code="BUSY")
