"""Routes of courses and their versions."""

from decimal import Decimal
from typing import Any

from services.catalog_service.api.parts import (
    REVIEW,
    WRITE,
    Parts,
    actor_of,
    content_facts,
    course_reply,
    reader_of,
    show_course,
    show_version,
)
from services.catalog_service.domain.course import Course
from services.catalog_service.domain.found import NEWEST, RELEVANCE, Search
from services.catalog_service.domain.skills import DIGCOMP, GREENCOMP
from services.catalog_service.schemas import (
    CourseBody,
    CoursePatch,
    CoursePut,
    CourseQuery,
    CourseVersionView,
    CourseView,
    FoundView,
    ReturnBody,
)
from shared.errors import Invalid, NotFound, Unauthenticated, Violation
from shared.http.door import PUBLIC, Call, Door, Page, Reply

_COURSE = "/v1/courses/<course_id>"


def add(door: Door, parts: Parts) -> None:
    """Declare them."""
    _add_reading(door, parts)
    _add_versions(door, parts)
    _add_writing(door, parts)
    _add_author_steps(door, parts)
    _add_review(door, parts)


def _add_reading(door: Door, parts: Parts) -> None:
    @door.get("/v1/courses", scope=PUBLIC, query=CourseQuery, returns=CourseView, paged=True, tells=FoundView)
    def list_courses(call: Call) -> Reply:
        """Search the published courses; or list the own cluster's, drafts too (`mine`)."""
        wanted = dict(call.query)
        ids, mine, facets = wanted.pop("ids", None), wanted.pop("mine"), wanted.pop("facets")
        if ids:
            return Reply(call.page([show_course(c, reader_of(call)) for c in _named(call, parts, ids)]))
        if mine:
            return Reply(_own(call, parts, list(wanted)))
        found = parts.searches().find(_search(call, wanted, facets=facets))
        reader = reader_of(call)
        return Reply(call.page([show_course(course, reader) for course in found.courses], found.position, **found.told))

    @door.get(_COURSE, scope=PUBLIC, returns=CourseView)
    def get_course(call: Call, course_id: str) -> Reply:
        """A published or retired course; a draft for its own cluster."""
        reader = reader_of(call)
        return course_reply(parts.reading().courses.get(reader, course_id), reader)


def _search(call: Call, wanted: dict[str, Any], *, facets: bool) -> Search:
    text = wanted.pop("q", "")
    sort = wanted.pop("sort", RELEVANCE if text else NEWEST)
    terms = {name: wanted.pop(name) for name in _RUN_TERMS if name in wanted}
    if "max_price" in terms:
        terms["max_price"] = Decimal(str(terms["max_price"]))
    if ":" not in wanted.get("skill", ":") and wanted.get("framework") in {DIGCOMP, GREENCOMP}:
        wanted["skill"] = f"{wanted['framework']}:{wanted['skill']}"
    if "language" in wanted:
        wanted["language"] = wanted["language"].casefold()
    filters = {name: (str(value),) for name, value in wanted.items()}
    return Search(text=text, filters=filters, sort=sort, after=call.after, limit=call.limit, facets=facets, **terms)


_RUN_TERMS = ("starts_from", "starts_before", "max_price", "free_seats")


def _named(call: Call, parts: Parts, ids: list[str]) -> list[Course]:
    return parts.reading().courses.named(reader_of(call), ids)


def _add_versions(door: Door, parts: Parts) -> None:
    @door.get(f"{_COURSE}/versions", scope=PUBLIC, returns=CourseVersionView, paged=True)
    def list_course_versions(call: Call, course_id: str) -> Reply:
        """The published versions of a course, the oldest first."""
        found = parts.reading().courses.versions(reader_of(call), course_id, call.after or 0, call.limit)
        after = found[-1].number if len(found) == call.limit else None
        return Reply(call.page([show_version(version) for version in found], after))

    @door.get(f"{_COURSE}/versions/<number>", scope=PUBLIC, returns=CourseVersionView)
    def get_course_version(_call: Call, course_id: str, number: str) -> Reply:
        """One published version, as enrolments pin it."""
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise NotFound(f"No version {number}.")
        version = parts.reading().courses.version(course_id, int(number))
        return Reply(show_version(version), version=version.version)


def _add_writing(door: Door, parts: Parts) -> None:
    @door.post("/v1/courses", scope=WRITE, body=CourseBody, returns=CourseView)
    def write_course(call: Call) -> Reply:
        """Write a new course as a draft."""
        facts, actor = content_facts(call.body), actor_of(call)
        external_id = facts.pop("external_id", None)
        return course_reply(parts.writing(call.uow).courses.write(actor, external_id, facts), actor, made=True)

    @door.put(
        "/v1/courses/by-external-id/<external_id>",
        scope=WRITE,
        body=CoursePut,
        returns=CourseView,
        if_match="honoured",
    )
    def put_course(call: Call, external_id: str) -> Reply:
        """Make the provider's course or bring its draft up to date (201 or 200).

        A published course gets a draft revision when the content differs.
        """
        actor, courses = actor_of(call), parts.writing(call.uow).courses
        course, made = courses.put(actor, external_id, content_facts(call.body), call.if_match)
        return course_reply(course, actor, made=made)

    @door.patch(_COURSE, scope=WRITE, body=CoursePatch, returns=CourseView)
    def change_course(call: Call, course_id: str) -> Reply:
        """Change the draft. What is published changes by a revision only."""
        actor, courses = actor_of(call), parts.writing(call.uow).courses
        return course_reply(courses.rewrite(actor, course_id, content_facts(call.body), call.if_match), actor)


def _add_author_steps(door: Door, parts: Parts) -> None:
    options: dict[str, Any] = {"scope": WRITE, "returns": CourseView, "status": 200, "if_match": "honoured"}

    @door.post(f"{_COURSE}/submit", **options)
    def submit_course(call: Call, course_id: str) -> Reply:
        """Ask for review. Courses of a provider whom the cluster trusts are published at once."""
        actor = actor_of(call)
        return course_reply(parts.writing(call.uow).courses.submit(actor, course_id, call.if_match), actor)

    @door.post(f"{_COURSE}/revise", **options)
    def revise_course(call: Call, course_id: str) -> Reply:
        """Begin a draft revision of what is published."""
        actor = actor_of(call)
        return course_reply(parts.writing(call.uow).courses.revise(actor, course_id, call.if_match), actor)

    @door.post(f"{_COURSE}/retire", **options)
    def retire_course(call: Call, course_id: str) -> Reply:
        """Offer it no longer; open sessions finish."""
        actor = actor_of(call)
        return course_reply(parts.writing(call.uow).courses.retire(actor, course_id, call.if_match), actor)


def _add_review(door: Door, parts: Parts) -> None:
    options: dict[str, Any] = {"scope": REVIEW, "returns": CourseView, "status": 200, "if_match": "honoured"}

    @door.post(f"{_COURSE}/publish", **options)
    def publish_course(call: Call, course_id: str) -> Reply:
        """Approve it. Nobody reviews what they wrote."""
        actor = actor_of(call)
        return course_reply(parts.writing(call.uow).courses.publish(actor, course_id, call.if_match), actor)

    @door.post(f"{_COURSE}/return", body=ReturnBody, **options)
    def return_course(call: Call, course_id: str) -> Reply:
        """Send it back to its authors, with reasons."""
        actor, courses = actor_of(call), parts.writing(call.uow).courses
        returned = courses.send_back(actor, course_id, call.body["reasons"], call.if_match)
        return course_reply(returned, actor)


def _own(call: Call, parts: Parts, filters: list[str]) -> Page:
    reader = reader_of(call)
    if reader is None:
        raise Unauthenticated("Listing the own courses needs a token of the cluster's staff.")
    if filters:
        message = "The own courses come without other filters."
        raise Invalid(
            message, violations=[Violation(field=name, code="NOT_WITH_MINE", message=message) for name in filters]
        )
    found, after = parts.reading().courses.own(reader, call.after, call.limit)
    return call.page([show_course(course, reader) for course in found], after)
