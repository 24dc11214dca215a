"""What the views share: who calls, the actions of a call, and how things are shown."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from services.catalog_service.actions import Actions
from services.catalog_service.actions.searching import CourseSearch
from services.catalog_service.actions.sessions import Guest
from services.catalog_service.actions.skills import SkillSearch
from services.catalog_service.domain.actor import Actor
from services.catalog_service.domain.content import FIELD_UNKNOWN, Content, Outcome
from services.catalog_service.domain.course import Course, CourseVersion
from services.catalog_service.domain.session import Session
from services.catalog_service.domain.skills import Alignment
from shared.auth.caller import Caller
from shared.auth.visibility import is_cluster_wide
from shared.errors import Forbidden
from shared.http.door import Call, Reply
from shared.storage.work import UnitOfWork
from shared.versioned import Versioned

WRITE, REVIEW = "catalog:write", "catalog:review"
_STAFF = frozenset({WRITE, REVIEW, "teaching:write"})
_LISTS = ("job_roles", "prerequisites", "audience", "trainer_ids", "eligible_clusters")


@dataclass(frozen=True, slots=True)
class Parts:
    """`writing` makes the actions of a unit of work, `reading` those of a fresh one; `skills` those of vocabularies,
    `searches` those of the index."""

    writing: Callable[[UnitOfWork], Actions]
    reading: Callable[[], Actions]
    skills: Callable[[], SkillSearch]
    searches: Callable[[], CourseSearch]


def actor_of(call: Call) -> Actor:
    """Who writes: somebody of a cluster."""
    if call.who.cluster_id is None:
        raise Forbidden("This token names no cluster to write for.", code="NO_CLUSTER")
    return _actor(call.who, call.who.cluster_id)


def reader_of(call: Call) -> Actor | None:
    """Who reads, if they are of a cluster's staff and may see what is not public."""
    who = call.caller
    if who is None or who.cluster_id is None or who.scopes.isdisjoint(_STAFF):
        return None
    return _actor(who, who.cluster_id)


def guest_of(call: Call) -> Guest | None:
    """Who reads, if they may have a seat somewhere or speak for people who have."""
    who = call.caller
    if who is None or (who.person_id is None and who.cluster_id is None):
        return None
    if is_cluster_wide(who):
        return Guest("cluster_id", who.cluster_id or "")
    return Guest("person_id", who.person_id or "")


def _actor(who: Caller, cluster_id: str) -> Actor:
    return Actor(id=who.person_id or who.subject, cluster_id=cluster_id)


# -- from the wire


def content_facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """A course body in the words of `Content`."""
    facts = _tuples(body)
    if "outcomes" in facts:
        facts["outcomes"] = tuple(Outcome(**outcome) for outcome in facts["outcomes"])
    if "alignments" in facts:
        facts["alignments"] = tuple(Alignment(**alignment) for alignment in facts["alignments"])
    if "isced_f" in facts:
        facts["isced_f"] = facts["isced_f"] or FIELD_UNKNOWN
    return facts


def session_terms(body: Mapping[str, Any]) -> dict[str, Any]:
    """A session body in the words of `Terms`."""
    terms = _tuples(body)
    price = terms.get("price")
    if price is not None and " " not in price:
        terms["price"] = f"{price} EUR"
    return terms


def _tuples(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if name in _LISTS else value for name, value in body.items()}


# -- to the wire


def course_reply(course: Course, reader: Actor | None, *, made: bool = False) -> Reply:
    """One course with its ETag, and its address when it is new."""
    location = f"/v1/courses/{course.id}" if made else None
    status = 201 if made else None
    return Reply(show_course(course, reader), status=status, version=course.version, location=location)


def show_course(course: Course, reader: Actor | None) -> dict[str, Any]:
    """A course as this reader may see it."""
    own = reader is not None and reader.cluster_id == course.cluster_id
    return {
        **_content(course.shown),
        **_meta(course, f"/v1/courses/{course.id}"),
        "links": {
            "self": f"/v1/courses/{course.id}",
            "versions": f"/v1/courses/{course.id}/versions",
            "sessions": f"/v1/sessions?course={course.id}",
        },
        "cluster_id": course.cluster_id,
        "external_id": course.external_id,
        "status": course.status,
        "course_version": course.published_version,
        "published_at": course.published_at,
        "draft": _draft(course) if own else None,
    }


def show_version(version: CourseVersion) -> dict[str, Any]:
    """A published version."""
    return {
        **_content(version.content),
        **_meta(version, f"/v1/courses/{version.course_id}/versions/{version.number}"),
        "course_id": version.course_id,
        "course_version": version.number,
        "published_at": version.published_at,
    }


def session_reply(session: Session, *, made: bool = False, room: bool = True) -> Reply:
    """One session with its ETag, and its address when it is new."""
    location = f"/v1/sessions/{session.id}" if made else None
    status = 201 if made else None
    return Reply(show_session(session, room=room), status=status, version=session.version, location=location)


def show_session(session: Session, *, room: bool) -> dict[str, Any]:
    """A session, with the address of its meeting room or without."""
    fields = asdict(session)
    terms = fields.pop("terms")
    return {
        **terms,
        "url": terms["url"] if room else None,
        **fields,
        "links": {
            "self": f"/v1/sessions/{session.id}",
            "course": f"/v1/courses/{session.course_id}/versions/{session.course_version}",
            "seats": f"/v1/seats/{session.id}",
        },
    }


def _draft(course: Course) -> dict[str, Any] | None:
    if course.draft is None:
        return None
    return {**_content(course.draft), "status": course.draft_status, "reasons": course.reasons}


def _content(content: Content) -> dict[str, Any]:
    return {**asdict(content), "skill_category": content.skill_category}


def _meta(thing: Versioned, path: str) -> dict[str, Any]:
    return {
        "id": thing.id,
        "version": thing.version,
        "created_at": thing.created_at,
        "updated_at": thing.updated_at,
        "links": {"self": path},
    }
