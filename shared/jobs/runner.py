"""The thread of a worker that carries jobs on."""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Protocol

from shared.errors import ServiceError
from shared.jobs.job import CANCELLED, DONE, FAILED, Item, Job, Kind, Task
from shared.jobs.store import JOBS, Turns, job_of, note_progress
from shared.logs import get_logger
from shared.storage.mongo import Mongo, MongoDatabase, is_outage
from shared.storage.transaction import commit
from shared.storage.work import Duplicate, Raced, UnitOfWork
from shared.tables.outcomes import FAILED as ROW_FAILED
from shared.tables.outcomes import Outcome

log = get_logger(__name__)

TURN_SECONDS = 1.0
_IDLE_SECONDS, _AFTER_FAILURE = 0.2, 0.5
_REST = 0.25
"""Part of a chunk's time that the database then has for others: who waits for an answer comes first."""
_MOST_ATTEMPTS = 5
_RACES, _RACE_PAUSE = 20, 0.02


class Life(Protocol):
    """Whom the thread shows that it goes on."""

    def beat(self) -> None:
        """It works."""
        ...

    def rest(self) -> None:
        """It has nothing to do."""
        ...


class LostJob(Exception):
    """Another worker has the job, or it was ended: nothing of this chunk was written."""


class Runner:
    """Carries on the jobs of one service. `run` survives the loss of MongoDB.

    Promises: each item takes effect once, whoever is killed when; items of a job take effect in their order; a job that
    ends the process again and again is given up after five times without progress, and the others go on.
    """

    def __init__(
        self, client: Mongo, database: MongoDatabase, new_work: Callable[[], UnitOfWork], kinds: Sequence[Kind]
    ) -> None:
        self._client, self._database, self._new_work = client, database, new_work
        self._kinds = {kind.name: kind for kind in kinds}
        self._turns = Turns(database, uuid.uuid4().hex)
        self._open: dict[str, tuple[int, Task]] = {}

    def run(self, stop: threading.Event, life: Life) -> None:
        """Give jobs their turns until `stop`; shows a sign of life at each turn."""
        while not stop.is_set():
            life.beat()
            try:
                pause = 0.0 if self.turn(stop) else _IDLE_SECONDS
            except Exception as error:
                if not is_outage(error):
                    log.exception("jobs_failed")
                pause = _AFTER_FAILURE
            life.rest()
            stop.wait(pause)

    def turn(self, stop: threading.Event | None = None) -> bool:
        """One turn of one job. False when no job waits."""
        job = self._turns.take(list(self._kinds))
        if job is None:
            return False
        try:
            self._carry_on(job, stop or threading.Event())
        except LostJob:
            log.info("job_lost", job=job.id)
            self._open.pop(job.id, None)
        except Exception as error:
            self._open.pop(job.id, None)
            if is_outage(error):
                raise
            self._fail(job, error)
        return True

    # -- inside

    def _carry_on(self, job: Job, stop: threading.Event) -> None:
        if job.cancelling:
            self._end(job, CANCELLED)
            return
        if job.attempts > _MOST_ATTEMPTS:
            self._end(
                job, FAILED, {"code": "JOB_GIVEN_UP", "detail": "It ended the process that ran it, several times."}
            )
            return
        kind, task = self._kinds[job.kind], self._task(job)
        until = time.monotonic() + TURN_SECONDS
        while time.monotonic() < until and not stop.is_set():
            begun = time.monotonic()
            items = task.items(job.cursor, kind.chunk)
            if not items:
                self._end(job, DONE)
                return
            job = self._chunk(job, task, items)
            self._open[job.id] = (job.cursor, task)
            if job.cancelling:
                self._end(job, CANCELLED)
                return
            stop.wait(_REST * (time.monotonic() - begun))
        self._turns.give_back(job)

    def _task(self, job: Job) -> Task:
        cursor, task = self._open.get(job.id, (-1, None))
        if task is None or cursor != job.cursor:
            task = self._kinds[job.kind].start(job)
            if task.total != job.total:
                self._turns.note_total(job, task.total)
        return task

    def _chunk(self, job: Job, task: Task, items: Sequence[Item]) -> Job:
        """Commit these items; what the database refuses for good is halved until the culprit stands alone."""
        if not self._turns.renew(job):
            raise LostJob
        try:
            return self._commit(job, task, items)
        except Duplicate as refused:
            if len(items) == 1:
                return self._commit(job, _Refused(items[0], refused), items)
            middle = len(items) // 2
            return self._chunk(self._chunk(job, task, items[:middle]), task, items[middle:])

    def _commit(self, job: Job, task: "Task | _Refused", items: Sequence[Item]) -> Job:
        for attempt in range(_RACES):
            time.sleep(min(_RACE_PAUSE, 0.002 * attempt))
            work = self._new_work()
            outcomes = task.apply(work, items)
            if job.dry_run:
                work = self._new_work()
            note_progress(work, job, items[-1].cursor, len(items), outcomes)
            try:
                commit(self._client, work)
            except Raced:
                self._require_ours(job)
                continue
            return self._fresh(job)
        raise ServiceError("Too many changes to the same rows at once.", code="BUSY")

    def _require_ours(self, job: Job) -> None:
        now = self._fresh(job)
        if (now.epoch, now.cursor) != (job.epoch, job.cursor):
            raise LostJob

    def _fresh(self, job: Job) -> Job:
        document = self._database[JOBS].find_one({"_id": job.id})
        if document is None:
            raise LostJob
        return job_of(document)

    def _fail(self, job: Job, error: Exception) -> None:
        if isinstance(error, ServiceError):
            self._end(job, FAILED, {"code": error.error_code, "detail": error.detail})
            return
        log.error("job_failed", job=job.id, kind=job.kind, exc_info=error)
        self._end(job, FAILED, {"code": "INTERNAL", "detail": "An unforeseen error; the log has the details."})

    def _end(self, job: Job, state: str, problem: dict[str, str] | None = None) -> None:
        self._open.pop(job.id, None)
        self._turns.end(job, state, problem)
        log.info("job_ended", job=job.id, kind=job.kind, state=state)


class _Refused:
    """Says of one item that the database does not take it."""

    def __init__(self, item: Item, refused: Duplicate) -> None:
        self._item, self._index = item, refused.index

    def apply(self, _work: UnitOfWork, _items: Sequence[Item]) -> list[Outcome]:
        row = getattr(self._item.value, "number", self._item.cursor)
        line = getattr(self._item.value, "line", row)
        message = "It exists already."
        return [Outcome(row=row, line=line, outcome=ROW_FAILED, code="DUPLICATE", column=self._index, message=message)]
