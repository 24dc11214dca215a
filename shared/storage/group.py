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
from shared.errors import Conflict, KeyReused, OutcomeUnknown, ServiceError, Unavailable
from shared.logs import get_logger
from shared.storage import abandoned, idempotency
from shared.storage.gathering import STOP, Gathering, gather
from shared.storage.mongo import SELECT_SECONDS, Mongo, MongoDatabase, is_gone, is_outage, within
from shared.storage.patience import REQUEST_SECONDS
from shared.storage.transaction import commit
from shared.storage.work import Asked, Blocked, Duplicate, Raced, UnitOfWork
from shared.storage.writes import Answer, Write

log = get_logger(__name__)

GROUP_SIZE = 32
_PAUSES = (0.0, 0.005, 0.02, 0.08)
"""Before each attempt at what lost a race, in seconds: the winner's change can be read only when a majority has it in
its journal, a few milliseconds after it has refused ours."""
_LEAST_SECONDS = 1.0
"""What is begun with has at least so much time, and what waits is refused so much before its deadline."""
_ASK_EVERY = 0.1
_AGAIN_AFTER = 0.02
_BLOCKED_AFTER = 0.2
"""Two groups that write the same are through in milliseconds. What is locked for longer must not hold up the others."""
_MOST_ROUNDS = 1_000
"""No act asks so many questions one after the other, however much data it has; one that never stops is told so."""

Resolver = Callable[[UnitOfWork, Sequence[Any]], Mapping[Hashable, Any]]
"""Answers the questions of one kind together: question -> answer."""


def _latch() -> threading.Lock:
    """Taken until there is an outcome: a Future hands the interpreter's lock to and fro three times, this once."""
    latch = threading.Lock()
    latch.acquire()
    return latch


@dataclass(frozen=True, slots=True)
class Answered:
    """The write is committed."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was written, and this is why; or nobody knows (OutcomeUnknown)."""

    error: BaseException


Outcome = Answered | Refused | Asked | Blocked
"""What came of one try of a write. A question (Asked) or a lock (Blocked) is nothing that the others wait for: the request
waits for it in its own thread, and is then tried again."""


@dataclass(slots=True)
class _Waiting:
    write: Write
    until: float
    answers: Mapping[Hashable, Any] = field(default_factory=dict)
    alone: bool = False
    taken: threading.Lock = field(default_factory=threading.Lock)
    decided: threading.Lock = field(default_factory=_latch)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    outcome: Outcome | None = None
    in_doubt: bool = False

    def take(self) -> bool:
        """To begin with it, or to give it up: whoever comes first."""
        return self.taken.acquire(blocking=False)

    def given_up(self, why: str) -> Unavailable:
        """What its client is told when nothing is under way for it."""
        return OutcomeUnknown() if self.in_doubt else Unavailable(f"{why}; nothing was changed.", retry_after=2)

    @property
    def left(self) -> float:
        """Seconds until its deadline."""
        return self.until - time.monotonic()


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
        seconds: float = REQUEST_SECONDS,
    ) -> None:
        """`resolvers` answer questions in the group, from the database. `apart` answers those that others must not wait
        for, such as one to another service: in the request's own thread, and the act runs again in a later group.
        `duplicates` names, per unique index, the error that its refusal means to the caller. `seconds` is the deadline of
        a write while MongoDB is slow or electing; when it is gone, that is said at once.
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
        self._seconds = seconds

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
            self._queue.put(STOP)
            thread.join(timeout=5)

    def _wait(self, write: Write) -> Answer:
        until = time.monotonic() + self._seconds
        answers: dict[Hashable, Any] = {}
        alone = in_doubt = False
        while True:
            item = _Waiting(write, until, answers, alone, in_doubt=in_doubt)
            outcome, in_doubt = self._once(item), item.in_doubt
            match outcome:
                case Answered():
                    return outcome.answer
                case Refused():
                    raise outcome.error
                case Asked():
                    answers = {**answers, outcome.question: self._apart[type(outcome.question)](outcome.question)}
                case Blocked():
                    alone = self._when_free(item)

    def _when_free(self, item: _Waiting) -> bool:
        """Wait a moment for a lock; what a dead process holds is ended."""
        if item.left <= 0:
            raise item.given_up("Something else holds what this changes")
        abandoned.end_idle(self._client)
        time.sleep(_AGAIN_AFTER)
        return True

    def _once(self, item: _Waiting) -> Outcome:
        """The outcome of one try: with others, or in the request's own thread."""
        if item.alone:
            self._run_group([item])
        else:
            self._queue.put(item)
            self._until_decided(item)
        return item.outcome or Refused(_undecided_yet())

    def _until_decided(self, item: _Waiting) -> None:
        """Who waits while MongoDB is gone, or until the deadline, goes away, unless the work on it has begun."""
        seconds = SELECT_SECONDS
        while not item.decided.acquire(timeout=seconds):
            seconds = _ASK_EVERY
            if (is_gone(self._client) or item.left < _LEAST_SECONDS) and item.take():
                raise item.given_up("The database does not answer at the moment")

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
        gathering = Gathering()
        while (came := gather(self._queue, self._size, gathering.expected, gathering.seconds)) is not None:
            group = [item for item in came if item.take()]
            gathering.came(len(group))
            begun = time.monotonic()
            self._run_group(group)
            gathering.took(time.monotonic() - begun, min(len(group) + self._queue.qsize(), self._size))

    def _run_group(self, group: list[_Waiting]) -> None:
        try:
            while waiting := _undecided(group):
                self._try(waiting)
        except BaseException as raised:  # noqa: BLE001 (each request gets it, and the next group its thread)
            error = raised if isinstance(raised, Exception) else RuntimeError(f"{type(raised).__name__} in a group")
            for item in _undecided(group):
                item.outcome = Refused(error)
        finally:
            for item in group:
                item.decided.release()

    def _try(self, group: list[_Waiting]) -> None:
        """Until the first deadline: one who has waited for long must not take the others' time away."""
        try:
            with within(max(_LEAST_SECONDS, min(item.left for item in group))):
                self._attempt(group)
        except Exception as error:
            if not is_outage(error):
                raise
            self._after_outage(_undecided(group), error)

    def _after_outage(self, group: list[_Waiting], error: Exception) -> None:
        """Refuse whoever has no time left, or everybody when MongoDB is gone. The others are tried again.

        After a commit whose outcome nobody knows only those with a key are: what it kept is found then.
        """
        gone = is_gone(self._client)
        for item in group:
            item.in_doubt = item.in_doubt or isinstance(error, OutcomeUnknown)
            if gone or item.left <= 0 or (item.in_doubt and item.write.key is None):
                item.outcome = Refused(OutcomeUnknown() if item.in_doubt else error)
        time.sleep(_AGAIN_AFTER)

    # -- one group

    def _attempt(self, group: list[_Waiting]) -> None:
        """Decide all, commit once; when the transaction is refused, each one alone."""
        work = self._new_work(group)
        try:
            _preload(work, group)
            decided = self._decide(work, group)
            commit(self._client, work, blocked_after=_BLOCKED_AFTER)
        except Exception as refused:
            for item in group:
                item.outcome = None  # it may have been refused because of another row that is not written now
            if is_outage(refused):
                raise
            self._part(group, refused)
            return
        for item, answer in decided:
            item.outcome = Answered(answer)

    def _part(self, group: list[_Waiting], refused: Exception) -> None:
        """The transaction was refused. Whose fault it was turns out when each is tried alone."""
        if isinstance(refused, Blocked):
            for item in group:
                item.outcome = refused
        elif len(group) == 1:
            self._retry_alone(group[0], refused)
        else:
            for item in group:
                self._attempt([item])

    def _retry_alone(self, item: _Waiting, refused: Exception) -> None:
        for pause in _PAUSES:
            time.sleep(pause)
            if isinstance(refused, Duplicate) and refused.index in self._duplicates:
                self._refuse_duplicate(item, refused)
            elif isinstance(refused, Blocked):
                item.outcome = refused
            elif not isinstance(refused, Raced | Duplicate):
                item.outcome = Refused(refused)
            else:
                refused = self._once_more(item)
            if item.outcome is not None:
                return
        item.outcome = Refused(_too_many_changes())

    def _refuse_duplicate(self, item: _Waiting, refused: Duplicate) -> None:
        """It is there already. When the same request made it, in another process, its answer is this one's, too."""
        try:
            kept = idempotency.kept_answer(self._new_work([item]), item.write.key) if item.write.key else None
            item.outcome = Answered(kept) if kept else Refused(self._duplicates[refused.index]())
        except KeyReused as reused:
            item.outcome = Refused(reused)

    def _once_more(self, item: _Waiting) -> Exception:
        """Decide on fresh state and commit. The item has its outcome then, or the refusal is returned."""
        work = self._new_work([item])
        try:
            decided = self._decide(work, [item])
            commit(self._client, work, blocked_after=_BLOCKED_AFTER)
        except Exception as again:
            item.outcome = None
            if is_outage(again):
                raise
            return again
        for _, answer in decided:
            item.outcome = Answered(answer)
        return _undecided_yet()

    def _decide(self, work: UnitOfWork, group: list[_Waiting]) -> list[tuple[_Waiting, Answer]]:
        decided: list[tuple[_Waiting, Answer]] = []
        undecided = group
        for _ in range(_MOST_ROUNDS):
            questions: list[tuple[_Waiting, Hashable]] = []
            for item in undecided:
                self._decide_one(work, item, decided, questions)
            if not questions:
                return decided
            self._resolve(work, [question for _, question in questions])
            undecided = [item for item, _ in questions]
        for item in undecided:
            item.outcome = Refused(_undecided_yet())
        return decided

    def _decide_one(
        self,
        work: UnitOfWork,
        item: _Waiting,
        decided: list[tuple[_Waiting, Answer]],
        questions: list[tuple[_Waiting, Hashable]],
    ) -> None:
        work.answers.update(item.answers)
        try:
            with work.savepoint():
                # In the request's own context, so that its events carry its trace.
                answer = item.context.run(self._answer, work, item)
            decided.append((item, answer))
        except Asked as asked:
            if type(asked.question) in self._apart:
                item.outcome = asked
            else:
                questions.append((item, asked.question))
        except Blocked as blocked:
            item.outcome = blocked
        except Exception as error:
            if is_outage(error):
                raise
            item.outcome = Refused(error)

    def _answer(self, work: UnitOfWork, item: _Waiting) -> Answer:
        write = item.write
        # The time budget again: the request's own context does not have the one of this thread.
        with within(max(_LEAST_SECONDS, item.left)):
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
            answers = self._resolvers[kind](work, alike)
            work.answers.update({question: answers[question] for question in alike})

    def _new_work(self, group: list[_Waiting]) -> UnitOfWork:
        work = UnitOfWork(self._database, self._clock, self._source, self._aliases())
        work.alone = group[0].alone
        return work


def _undecided(group: list[_Waiting]) -> list[_Waiting]:
    return [item for item in group if item.outcome is None]


def _preload(work: UnitOfWork, group: list[_Waiting]) -> None:
    """Load what the hints name: one query for the whole group, and another for what that leads to."""
    while True:
        hints = [hint for item in group if item.write.hints for hint in item.write.hints(work)]
        hints += [(idempotency.COLLECTION, "_id", item.write.key.record_id) for item in group if item.write.key]
        if not work.load(hints):
            return


def _too_many_changes() -> Conflict:
    return Conflict("Too many changes to the same thing at once; try again in a moment.", code="BUSY")


def _undecided_yet() -> Conflict:
    return Conflict("The request was not decided; try again.", code="BUSY")
