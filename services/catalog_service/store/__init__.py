"""The catalogue's documents: the only place that knows fields and indexes."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from pymongo import ASCENDING, IndexModel

from services.catalog_service.domain.content import Content, Outcome
from services.catalog_service.domain.course import Course, CourseVersion, version_id
from services.catalog_service.domain.criteria import CourseCriteria, SessionCriteria
from services.catalog_service.domain.kept import Kept
from services.catalog_service.domain.session import OPEN, PLANNED, Session
from services.catalog_service.store.copies import COPIES, ORGANISATIONS, PORTALS, Copies
from shared.bus.generations import ReadModel
from shared.criteria import asked_for
from shared.errors import NotFound
from shared.schemas.event import Event
from shared.storage import seals
from shared.storage.mongo import Document
from shared.storage.work import Absent, UnitOfWork
from shared.wiring.house import Service

K = TypeVar("K", bound=Kept)

_COLLECTIONS: Mapping[type[Kept], str] = {Course: "courses", CourseVersion: "course_versions", Session: "sessions"}
_WORDS: Final = {Course: "course", CourseVersion: "version", Session: "session"}
_SELF_PACED: Final = 2**53 - 1
"""Sorts sessions without dates behind all others."""
COURSE_SORTS: Final = {"newest": "search.newest", "title": "search.title", "workload": "search.workload"}


def _index(*fields: str, name: str, unique: bool = False, only: Document | None = None) -> IndexModel:
    partial = {"partialFilterExpression": only} if only else {}
    return IndexModel([(field, ASCENDING) for field in fields], name=name, unique=unique, **partial)


_LISTED = {"search.listed": True}
PARTICIPANTS: Final = "participants"
SERVICE = Service(
    name="catalog",
    read_models=(COPIES, ReadModel("participants", (PARTICIPANTS,))),
    indexes={
        ORGANISATIONS: [],
        PORTALS: [],
        seals.GRANTS: seals.INDEXES,
        "courses": [
            _index("cluster_id", "_id", name="cluster"),
            # A second request of the same number is decided again and finds the first one's course.
            _index(
                "cluster_id",
                "provider_id",
                "external_id",
                name="external_id",
                unique=True,
                only={"external_id": {"$type": "string"}},
            ),
            *(_index(field, "_id", name=f"by_{sort}", only=_LISTED) for sort, field in COURSE_SORTS.items()),
            _index("search.words", name="words", only=_LISTED),
            _index("search.skills", name="skills", only=_LISTED),
            _index("provider_id", "_id", name="provider", only=_LISTED),
        ],
        "course_versions": [_index("course_id", "number", name="course", unique=True)],
        "sessions": [
            _index("course_id", "order", "_id", name="course"),
            _index("cluster_id", "order", "_id", name="cluster"),
            _index("status", "order", "_id", name="status"),
            _index("closes_at", name="due", only={"status": OPEN}),
        ],
        PARTICIPANTS: [
            _index("person_id", "session_id", name="person"),
            _index("cluster_id", "session_id", name="cluster"),
        ],
    },
)


class Store:
    """The catalogue as one unit of work sees it."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self.copies = Copies(work)

    def get(self, kind: type[K], thing_id: str) -> K:
        """The thing with this id. Raises NotFound."""
        try:
            return _thing(kind, self._work.get(_COLLECTIONS[kind], thing_id))
        except Absent as error:
            raise not_found(kind, thing_id) from error

    def named(self, kind: type[K], ids: Sequence[str]) -> list[K]:
        """Those of the ids that are there, in their order, by one query."""
        collection = _COLLECTIONS[kind]
        self._work.preload(collection, ids)
        found = (self._work.peek(collection, thing_id) for thing_id in ids)
        return [_thing(kind, row) for row in found if row is not None]

    def save(self, thing: K, events: Iterable[Event] = ()) -> K:
        """Keep it with what happened; returns it as stored."""
        document = msgspec.to_builtins(thing, builtin_types=(datetime,))
        for field in ("version", "created_at", "updated_at"):
            del document[field]
        document = {"_id": document.pop("id"), **document, **_derived(thing)}
        return _thing(type(thing), self._work.save(_COLLECTIONS[type(thing)], document, events))

    # -- courses

    def courses_with_number(self, cluster_id: str, provider_id: str, external_id: str) -> list[Course]:
        """None, or the one that the provider knows by this number."""
        query = {"cluster_id": cluster_id, "provider_id": provider_id, "external_id": external_id}
        return self._find(Course, query)

    def unknown_courses(self, ids: Iterable[str]) -> list[str]:
        """Those of the ids that are no published course."""
        wanted = list(dict.fromkeys(ids))
        self._work.preload("courses", wanted)
        return [i for i in wanted if not (self._work.peek("courses", i) or {}).get("published_version")]

    def search(self, criteria: CourseCriteria, sort: str, after: Any, limit: int) -> list[Course]:
        """Published courses that match, in the order of `sort`, after a position of `course_position`."""
        query = {"$and": [_LISTED, *_conditions(asked_for(criteria))]}
        return self._page(Course, query, COURSE_SORTS[sort], after, limit)

    def course_position(self, course: Course, sort: str) -> list[Any]:
        """Where a course stands in that order."""
        return [_search(course)[sort], course.id]

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
        seat = {"_id": enrolment_id, "cluster_id": cluster_id, "person_id": person_id, "session_id": session_id}
        self._work.peek(PARTICIPANTS, enrolment_id)
        self._work.save(PARTICIPANTS, seat)

    def let_out(self, enrolment_id: str) -> None:
        """They have none any more."""
        self._work.delete(PARTICIPANTS, enrolment_id)

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

    def _find(self, kind: type[K], query: Document, **options: Any) -> list[K]:
        return [_thing(kind, row) for row in self._work.find(_COLLECTIONS[kind], query, **options)]


def not_found(kind: type[Kept], thing_id: str) -> NotFound:
    """The same words whether it does not exist or is not for this caller."""
    return NotFound(f"No {_WORDS[kind]} {thing_id}.")


def _thing(kind: type[K], row: Document) -> K:
    return msgspec.convert({**row, "id": row["_id"]}, kind)


def _derived(thing: Kept) -> Document:
    """What is stored beside, for queries only."""
    if isinstance(thing, Course):
        return {"search": _search(thing)}
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


# -- search


def _search(course: Course) -> Document:
    content = course.content
    if content is None or course.retired or course.published_at is None:
        return {"listed": False}
    return {
        "listed": True,
        "newest": -_milliseconds(course.published_at),
        "title": _folded(content.titles[content.default_language]),
        "workload": content.workload_hours,
        "words": sorted(set(_words(_texts(content)))),
        "skills": sorted({skill for outcome in content.outcomes for skill in _skills(outcome)}),
        "frameworks": sorted({name for outcome in content.outcomes for name in _frameworks(outcome)}),
        "languages": sorted(tag.casefold() for tag in content.titles),
        "category": content.skill_category,
    }


def _conditions(wanted: Mapping[str, Any]) -> Iterator[Document]:
    for name, value in wanted.items():
        if name == "q":
            yield from ({"search.words": {"$regex": f"^{re.escape(word)}"}} for word in dict.fromkeys(_words([value])))
        elif name == "skill":
            framework = wanted.get("framework")
            yield {
                "search.skills": _folded(f"{framework}:{value}" if framework in _CODED and ":" not in value else value)
            }
        elif name == "category":
            yield {"search.category": {"$in": [value, "both"]}}
        elif name == "language":
            tag = re.escape(value.casefold())
            yield {"search.languages": {"$regex": f"^{tag}(-|$)"}}
        else:
            yield {_FIELDS[name]: value}


_CODED: Final = frozenset({"digcomp", "greencomp"})
_FIELDS: Final = {
    "framework": "search.frameworks",
    "pillar": "content.pillar",
    "mode": "content.mode",
    "eqf": "content.eqf_level",
    "provider": "content.provider_id",
    "cluster": "cluster_id",
}


def _texts(content: Content) -> Iterator[str]:
    yield from content.titles.values()
    yield from content.descriptions.values()
    yield from content.job_roles
    for outcome in content.outcomes:
        yield from outcome.title.values()
        yield outcome.esco_title or ""


def _words(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from re.findall(r"\w+", _folded(text))


def _folded(text: str) -> str:
    """Without case and accents, in any script."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _skills(outcome: Outcome) -> Iterator[str]:
    """What a skill can be searched by: its URI, its title, its code alone and with its framework."""
    yield from (_folded(text) for text in (outcome.esco_uri, outcome.esco_title) if text)
    for framework, code in (("digcomp", outcome.digcomp_code), ("greencomp", outcome.greencomp_code)):
        if code:
            yield from (code, f"{framework}:{code}")


def _frameworks(outcome: Outcome) -> Iterator[str]:
    named = {"esco": outcome.esco_uri, "digcomp": outcome.digcomp_code, "greencomp": outcome.greencomp_code}
    yield from (name for name, value in named.items() if value)
