"""The catalogue's documents: the only place that knows fields and indexes."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from pymongo import ASCENDING

from services.catalog_service.domain.course import Course, CourseVersion, version_id
from services.catalog_service.domain.criteria import SessionCriteria
from services.catalog_service.domain.session import OPEN, PLANNED, Session
from services.catalog_service.manifest import MANIFEST
from services.catalog_service.store import skills
from services.catalog_service.store.copies import ORGANISATIONS, PORTALS, Copies
from services.catalog_service.store.offers import SEATS
from services.catalog_service.store.skills import Skills
from shared.criteria import asked_for
from shared.storage import seals
from shared.storage.documents import TEXT, Documents, K, index
from shared.storage.migrations import Migration
from shared.storage.mongo import Document, MongoDatabase
from shared.storage.work import UnitOfWork
from shared.versioned import Versioned
from shared.wiring.runtime import Service

_COLLECTIONS: Mapping[type[Versioned], str] = {Course: "courses", CourseVersion: "course_versions", Session: "sessions"}
_SELF_PACED: Final = 2**53 - 1
"""Sorts sessions without dates behind all others."""


def _drop_search_indexes(database: MongoDatabase) -> None:
    """Searches have an index of their own in each process."""
    there = database["courses"].index_information()
    for name in ("by_newest", "by_title", "by_workload", "words", "skills"):
        if name in there:
            database["courses"].drop_index(name)


_LISTED = {"search.listed": True}
PARTICIPANTS: Final = "participants"
SERVICE = Service(
    manifest=MANIFEST,
    migrations=[Migration(1, "words_out_of_the_database", _drop_search_indexes)],
    indexes={
        ORGANISATIONS: [],
        PORTALS: [],
        seals.GRANTS: seals.INDEXES,
        "courses": [
            index("cluster_id", "_id", name="cluster"),
            # A second request of the same number is decided again and finds the first one's course.
            index(
                "cluster_id",
                "provider_id",
                "external_id",
                name="external_id",
                unique=True,
                only={"external_id": TEXT},
            ),
            index("published_at", name="listed", only=_LISTED),
            index("provider_id", "_id", name="provider", only=_LISTED),
        ],
        **skills.INDEXES,
        "course_versions": [index("course_id", "number", name="course", unique=True)],
        "sessions": [
            index("course_id", "order", "_id", name="course"),
            index("cluster_id", "order", "_id", name="cluster"),
            index("status", "order", "_id", name="status"),
            index("closes_at", name="due", only={"status": OPEN}),
        ],
        SEATS: [],
        PARTICIPANTS: [
            index("person_id", "session_id", name="person"),
            index("cluster_id", "session_id", name="cluster"),
        ],
    },
)


class Store(Documents):
    """The catalogue as one unit of work sees it."""

    def __init__(self, work: UnitOfWork) -> None:
        super().__init__(work, _COLLECTIONS)
        self.copies = Copies(work)
        self.skills = Skills(work.database)

    # -- courses

    def courses_with_number(self, cluster_id: str, provider_id: str, external_id: str) -> list[Course]:
        """None, or the one that the provider knows by this number."""
        number = {"$eq": external_id, **TEXT}
        return self._find(Course, {"cluster_id": cluster_id, "provider_id": provider_id, "external_id": number})

    def unknown_courses(self, ids: Iterable[str]) -> list[str]:
        """Those of the ids that are no published course."""
        wanted = list(dict.fromkeys(ids))
        self._work.preload("courses", wanted)
        return [i for i in wanted if not (self._work.peek("courses", i) or {}).get("published_version")]

    def own_courses(self, cluster_id: str, after: str | None, limit: int) -> list[Course]:
        """All courses of a cluster that are not retired, drafts too, by id."""
        condition: Document = {"cluster_id": cluster_id, "retired": False}
        if after is not None:
            condition["_id"] = {"$gt": after}
        return self._find(Course, condition, sort=[("_id", ASCENDING)], limit=limit)

    def version(self, course_id: str, number: int) -> CourseVersion:
        """A published version. Raises NotFound."""
        return self.get(CourseVersion, version_id(course_id, number))

    def versions(self, course_id: str, after: int, limit: int) -> list[CourseVersion]:
        """Published versions, oldest first."""
        query = {"course_id": course_id, "number": {"$gt": after}}
        return self._find(CourseVersion, query, sort=[("number", ASCENDING)], limit=limit)

    # -- sessions

    def sessions(self, criteria: SessionCriteria, plans_of: str | None, after: Any, limit: int) -> list[Session]:
        """Sessions that match, by their start, self-paced ones last, after a position of `session_position`.

        Plans only of the cluster `plans_of`.
        """
        visible: list[Document] = [{"status": {"$ne": PLANNED}}]
        if plans_of is not None:
            visible.append({"cluster_id": plans_of})
        query = {"$and": [*_session_conditions(asked_for(criteria)), {"$or": visible}]}
        return self._page(Session, query, "order", after, limit)

    def session_position(self, session: Session) -> list[Any]:
        """Where a session stands in the list."""
        return [_order(session), session.id]

    def due_sessions(self, now: datetime, after: str, limit: int) -> list[str]:
        """Open sessions whose deadline passed, by id."""
        query = {"status": OPEN, "closes_at": {"$lte": now}, "_id": {"$gt": after}}
        rows = self._work.collection("sessions").find(query, {"_id": 1}, sort=[("_id", ASCENDING)], limit=limit)
        return [row["_id"] for row in rows]

    # -- participants: who has a seat, from the enrolment service's events

    def let_in(self, enrolment_id: str, session_id: str, person_id: str, cluster_id: str) -> None:
        """Somebody of this cluster has a seat."""
        if self._work.peek(PARTICIPANTS, enrolment_id) is None:
            self._count(session_id, 1)
        seat = {"_id": enrolment_id, "cluster_id": cluster_id, "person_id": person_id, "session_id": session_id}
        self._work.save(PARTICIPANTS, seat)

    def let_out(self, enrolment_id: str) -> None:
        """They have none any more."""
        seat = self._work.peek(PARTICIPANTS, enrolment_id)
        if seat is not None:
            self._count(seat["session_id"], -1)
            self._work.delete(PARTICIPANTS, enrolment_id)

    def tell_seats(self, session_id: str, **said: int | str) -> None:
        """What the enrolment service said of a session's seats: `capacity`, `availability`."""
        known = self._work.peek(SEATS, session_id) or {"_id": session_id, "confirmed": 0}
        self._work.save(SEATS, {**known, **said})

    def _count(self, session_id: str, more: int) -> None:
        known = self._work.peek(SEATS, session_id) or {}
        self.tell_seats(session_id, confirmed=known.get("confirmed", 0) + more)

    def attended(self, session_ids: Iterable[str], field: str, value: str) -> set[str]:
        """In which of the sessions somebody has a seat whose `field` (person_id, cluster_id) has this value."""
        query = {field: value, "session_id": {"$in": list(session_ids)}}
        return set(self._work.collection(PARTICIPANTS).distinct("session_id", query))

    # -- inside

    def _page(self, kind: type[K], query: Document, field: str, after: Any, limit: int) -> list[K]:
        if after is not None:
            value, last = after
            query = {"$and": [query, {"$or": [{field: {"$gt": value}}, {field: value, "_id": {"$gt": last}}]}]}
        return self._find(kind, query, sort=[(field, ASCENDING), ("_id", ASCENDING)], limit=limit)

    def _beside(self, thing: Versioned) -> Document:
        if isinstance(thing, Course):
            return {"search": {"listed": thing.content is not None and not thing.retired}}
        if isinstance(thing, Session):
            return {"order": _order(thing), "closes_at": thing.terms.closes_at}
        return {}


def _order(session: Session) -> int:
    starts_at = session.terms.starts_at
    return _SELF_PACED if starts_at is None else _milliseconds(starts_at)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


_SESSION_FIELDS: Final = {
    "course": "course_id",
    "cluster": "cluster_id",
    "provider": "provider_id",
    "status": "status",
    "language": "terms.language",
    "mode": "terms.mode",
}


def _session_conditions(wanted: Mapping[str, Any]) -> Iterator[Document]:
    for name, value in wanted.items():
        if name == "starts_from":
            yield {"terms.starts_at": {"$gte": value}}
        elif name == "starts_before":
            yield {"terms.starts_at": {"$lt": value}}
        else:
            yield {_SESSION_FIELDS[name]: value}
