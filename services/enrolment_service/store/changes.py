"""The feed of enrolments (`shared/storage/feed.py`): what changed of them, and who may be told."""

from collections.abc import Sequence
from datetime import datetime

from pymongo import ASCENDING, IndexModel, UpdateOne

from services.enrolment_service.domain import Change, Enrolment
from services.enrolment_service.domain.criteria import Scope
from shared.storage import feed
from shared.storage.documents import thing_of
from shared.storage.mongo import Document, MongoDatabase
from shared.storage.work import UnitOfWork

ENROLMENTS = "enrolments"
_STANDS: Document = {"position": {"$gt": 0}}
INDEXES = [
    feed.UNSTAMPED,
    # Only what has a position: an application costs them nothing before.
    *(
        IndexModel([(first, ASCENDING), (second, ASCENDING)], name=name, partialFilterExpression=_STANDS)
        for name, first, second in (
            ("changes_of_cluster", "cluster_id", "position"),
            ("changes_of_employer", "employer_id", "position"),
            ("changes_since", "changed_at", "position"),
        )
    ),
]


class Changes:
    """Reads the feed, and moves to its end what somebody may see from now on, or no longer."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def page(self, scope: Scope, since: datetime | None, *, after: int, limit: int) -> list[Change]:
        """Enrolments of the cluster, or of the employers, after the position, in its order."""
        rows = self._work.collection(ENROLMENTS)
        # One snapshot: a scan that meets a commit half-way could see a later position and have missed an earlier one.
        with self._work.database.client.start_session(snapshot=True) as session:
            if since is not None:
                first = feed.before(rows, since, session)
                if first is None:
                    return []
                after = max(after, first)
            query = {**_whose(scope), "position": {"$gt": after}}
            found = rows.find(query, session=session).sort("position", ASCENDING).limit(limit)
            return [_change(row) for row in found]

    def move(self, person_ids: Sequence[str], employer_id: str | None = None) -> None:
        """What these have with this employer, or with any, goes to the end of the feed: who sees it may have changed."""
        query: Document = {
            "person_id": {"$in": list(person_ids)},
            "employer_id": {"$ne": None} if employer_id is None else employer_id,
        }
        for row in self._work.collection(ENROLMENTS).find(query, {"_id": 1}):
            self._work.also(ENROLMENTS, UpdateOne({"_id": row["_id"]}, {"$set": feed.ENTERS}))


def enter_all(database: MongoDatabase) -> None:
    """Bring into the feed what was stored before there was one; what was brought in already stays where it is."""
    outside: Document = {"position": {"$exists": False}, "tombstone": {"$exists": False}}
    database[ENROLMENTS].update_many(outside, {"$set": feed.ENTERS})


def _whose(scope: Scope) -> Document:
    if scope.cluster_id is not None:
        return {"cluster_id": scope.cluster_id}
    return {"employer_id": {"$in": sorted(scope.employer_ids)}}


def _change(row: Document) -> Change:
    return Change(position=row["position"], changed_at=row["changed_at"], enrolment=thing_of(Enrolment, row))
