"""Jobs as documents: made, taken under a lease with an epoch, carried on, ended."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, InsertOne, ReturnDocument, UpdateOne

from shared.criteria import asked_for
from shared.errors import NotFound
from shared.jobs.job import ACTIVE, CANCELLED, FAILED, RUNNING, WAITING, Job
from shared.storage.mongo import Document, MongoDatabase
from shared.storage.work import UnitOfWork
from shared.tables.outcomes import COLUMNS, Outcome, counts

JOBS, ROWS = "jobs", "job_rows"
INDEXES = {
    JOBS: [
        IndexModel([("turn", ASCENDING), ("_id", ASCENDING)], name="active", partialFilterExpression={"active": True}),
        IndexModel([("cluster_id", ASCENDING), ("_id", DESCENDING)], name="by_cluster"),
        IndexModel([("kind", ASCENDING), ("_id", DESCENDING)], name="by_kind"),
        IndexModel([("expires_at", ASCENDING)], name="kept", expireAfterSeconds=0),
    ],
    ROWS: [
        IndexModel([("job", ASCENDING), ("_id", ASCENDING)], name="by_job"),
        IndexModel([("job", ASCENDING), ("outcome", ASCENDING), ("_id", ASCENDING)], name="by_outcome"),
        IndexModel([("expires_at", ASCENDING)], name="kept", expireAfterSeconds=0),
    ],
}
KEPT = timedelta(days=30)
"""How long a job and what became of its rows can be read after it was made."""
LEASE = timedelta(seconds=15)
_CANDIDATES = 200
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = {field.name for field in fields(Job)}


def job_of(document: Document) -> Job:
    """The job that a document holds."""
    known = {name: value for name, value in document.items() if name in _NAMES}
    return Job(id=document["_id"], **known)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCriteria:
    """Jobs; `actor` is the login that began them."""

    kind: str | None = None
    state: str | None = None
    cluster: str | None = None
    actor: str | None = None


class Jobs:
    """Jobs as the doors use them, inside one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def make(self, job: Job) -> Job:
        """A new job, which a worker takes within a moment."""
        document = {name: getattr(job, name) for name in _NAMES - {"id", "version", "created_at", "updated_at"}}
        now = self._work.clock()
        more = {"_id": job.id, "active": True, "turn": _NEVER, "lease_until": now, "expires_at": now + KEPT}
        return job_of(self._work.save(JOBS, {**document, **more}))

    def get(self, job_id: str) -> Job:
        """The job, or NotFound."""
        document = self._work.peek(JOBS, job_id)
        if document is None:
            raise NotFound(f"No job {job_id}.")
        return job_of(document)

    def listed(self, criteria: JobCriteria, *, after: str | None, limit: int) -> list[Job]:
        """Jobs that match, newest first."""
        names = {"cluster": "cluster_id"}
        query: Document = {names.get(name, name): value for name, value in asked_for(criteria).items()}
        if after:
            query["_id"] = {"$lt": after}
        return [job_of(row) for row in self._work.find(JOBS, query, sort=[("_id", DESCENDING)], limit=limit)]

    def cancel(self, job_id: str) -> Job:
        """End it before its next chunk; what is committed stays."""
        job = self.get(job_id)
        job.require(ACTIVE, CANCELLED)
        return self._change(job_id, {"cancelling": True})

    def resume(self, job_id: str) -> Job:
        """Go on behind the last item that is committed."""
        job = self.get(job_id)
        job.require(frozenset({"paused", "failed", "cancelled"}), WAITING)
        fresh = {
            "state": WAITING,
            "active": True,
            "cancelling": False,
            "problem": None,
            "attempts": 0,
            "ended_at": None,
        }
        return self._change(job_id, fresh)

    def rows(self, job_id: str, *, outcome: str | None, after: str | None, limit: int) -> list[Document]:
        """What became of the rows, in their order."""
        query: Document = {"job": job_id, **({"outcome": outcome} if outcome else {})}
        if after:
            query["_id"] = {"$gt": after}
        return list(self._work.collection(ROWS).find(query).sort("_id", ASCENDING).limit(limit))

    def _change(self, job_id: str, changes: Document) -> Job:
        return job_of(self._work.save(JOBS, {**self._work.get(JOBS, job_id), **changes}))


class Turns:
    """Jobs as a worker uses them: each turn is one lease."""

    def __init__(self, database: MongoDatabase, owner: str) -> None:
        self._jobs = database[JOBS]
        self._owner = owner
        self._latest: dict[str, datetime] = {}

    def take(self, kinds: Sequence[str]) -> Job | None:
        """The job whose turn it is, leased to us; None when nothing waits.

        First the cluster that had its last turn longest ago, then of its jobs the one with the oldest turn: a cluster
        with a hundred jobs and one with a single job get the same share. Turns of jobs that are over count, too, as
        far as this process gave them.
        """
        free = {"active": True, "kind": {"$in": list(kinds)}, "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        wanted = {"cluster_id": 1, "turn": 1}
        found = list(
            self._jobs.find(free, wanted)
            .sort([("turn", ASCENDING), ("_id", ASCENDING)])
            .limit(_CANDIDATES)
            .hint("active")
        )
        latest = dict(self._latest)
        for row in found:
            latest[row["cluster_id"]] = max(row["turn"], latest.get(row["cluster_id"], _NEVER))
        for row in sorted(found, key=lambda row: (latest[row["cluster_id"]], row["turn"])):
            if (job := self._lease(row["_id"])) is not None:
                return job
        return None

    def renew(self, job: Job) -> bool:
        """Keep it for another while. False when another worker has it."""
        until = {"$add": ["$$NOW", int(LEASE.total_seconds() * 1000)]}
        result = self._jobs.update_one({"_id": job.id, "epoch": job.epoch}, [{"$set": {"lease_until": until}}])
        return result.matched_count == 1

    def give_back(self, job: Job) -> None:
        """Let others have their turn."""
        self._jobs.update_one(
            {"_id": job.id, "epoch": job.epoch}, [{"$set": {"lease_until": "$$NOW", "turn": "$$NOW"}}]
        )

    def end(self, job: Job, state: str, problem: Document | None = None) -> None:
        """It is over, unless another worker has it."""
        changes = {"state": state, "problem": problem, "active": False, "ended_at": "$$NOW", "lease_until": "$$NOW"}
        self._jobs.update_one({"_id": job.id, "epoch": job.epoch}, _stamped(changes))

    def note_total(self, job: Job, total: int | None) -> None:
        """How many items there are, once that is known."""
        self._jobs.update_one({"_id": job.id, "epoch": job.epoch}, _stamped({"total": total}))

    def _lease(self, job_id: str) -> Job | None:
        until = {"$add": ["$$NOW", int(LEASE.total_seconds() * 1000)]}
        taken = {
            "lease_until": until,
            "owner": self._owner,
            "turn": "$$NOW",
            "epoch": {"$add": ["$epoch", 1]},
            "attempts": {"$add": ["$attempts", 1]},
            "state": RUNNING,
            "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
        }
        query = {"_id": job_id, "active": True, "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        document: Any = self._jobs.find_one_and_update(query, _stamped(taken), return_document=ReturnDocument.AFTER)
        if document is None:
            return None
        self._latest[document["cluster_id"]] = document["turn"]
        return job_of(document)


def note_progress(work: UnitOfWork, job: Job, cursor: int, size: int, outcomes: Sequence[Outcome]) -> None:
    """Write how far the job is in the transaction of the chunk's effects. Raced when another worker has the job."""
    changed = counts(outcomes)
    steps: Document = {
        "cursor": cursor,
        "done": {"$add": ["$done", size]},
        "attempts": 0,
        "counts": {
            "$mergeObjects": [
                "$counts",
                {name: {"$add": [{"$ifNull": [f"$counts.{name}", 0]}, n]} for name, n in changed.items()},
            ]
        },
    }
    condition = {"_id": job.id, "epoch": job.epoch, "cursor": job.cursor, "active": True}
    work.also(JOBS, UpdateOne(condition, _stamped(steps)))
    expires = (job.created_at or work.clock()) + KEPT
    for number, outcome in enumerate(outcomes):
        work.also(ROWS, InsertOne(_row(job, number, outcome, expires)))


def _row(job: Job, number: int, outcome: Outcome, expires: datetime) -> Document:
    facts = {name: getattr(outcome, name) for name in COLUMNS}
    place = f"{job.id}/{outcome.row:09d}/{number:04d}"
    return {"_id": place, "job": job.id, "subject": outcome.id, "expires_at": expires, **facts}


def _stamped(changes: Document) -> list[Document]:
    return [{"$set": {**changes, "version": {"$add": ["$version", 1]}, "updated_at": "$$NOW"}}]


__all__ = ["FAILED", "INDEXES", "JOBS", "ROWS", "Jobs", "Turns", "job_of", "note_progress"]
