"""Courses: draft, review, publication, revision, retirement.

A course that was published keeps its content while a revision is written beside it (`draft`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

from services.catalog_service.domain.actor import Actor
from services.catalog_service.domain.content import Content, malformed, missing
from services.catalog_service.domain.naming import refuse_course
from shared.errors import Conflict, Forbidden, IllegalTransition, Violation
from shared.schemas import catalog as events
from shared.schemas.event import Event
from shared.versioned import Versioned

DRAFT, IN_REVIEW, PUBLISHED, RETIRED = "draft", "in_review", "published", "retired"
STATUSES: Final = (DRAFT, IN_REVIEW, PUBLISHED, RETIRED)
Decided = tuple["Course", list[Event]]
Fitness = Callable[[Content], Iterable[Violation]]
"""What speaks against the organisations that a content names (`naming.unfit`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course(Versioned):
    """A course. `published_version` counts published versions (0: none yet); `content` is the present one.

    `draft` is what is being written: the first version, or a revision. `draft_status` is its state: draft, in_review.
    `authors` wrote on it since the last publication: none of them may review it.
    """

    cluster_id: str
    provider_id: str
    external_id: str | None = None
    published_version: int = 0
    content: Content | None = None
    published_at: datetime | None = None
    draft: Content | None = None
    draft_status: str | None = None
    authors: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    retired: bool = False

    @property
    def status(self) -> str:
        """The state that everybody sees; a revision has its own in `draft_status`."""
        if self.retired:
            return RETIRED
        return PUBLISHED if self.content is not None else str(self.draft_status)

    @property
    def shown(self) -> Content:
        """What is published, or else the draft."""
        content = self.content or self.draft
        if content is None:
            raise ValueError(f"course {self.id} has no content")
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseVersion(Versioned):
    """A published version, kept permanently. `id` is the course's id and the number."""

    course_id: str
    number: int
    content: Content
    published_at: datetime
    published_by: str

    @classmethod
    def word(cls) -> str:
        """A course's version is one among others."""
        return "version"


def version_id(course_id: str, number: int) -> str:
    """The id of a published version."""
    return f"{course_id}/{number}"


def write(course: Course, actor: Actor, fitness: Fitness = lambda _: ()) -> Course:
    """A new course as a draft. `fitness` tells, here and below, what speaks against the organisations it names."""
    refuse_course([*malformed(course.shown), *fitness(course.shown)])
    return replace(course, authors=(actor.id,))


def rewrite(course: Course, changes: dict[str, Any], actor: Actor, fitness: Fitness = lambda _: ()) -> Course:
    """Other content in the draft; nothing happens when it is the same."""
    if course.draft is None or course.draft_status != DRAFT:
        raise IllegalTransition("course", _state(course), "changed", _ways(course))
    draft = replace(course.draft, **changes)
    if draft == course.draft:
        return course
    refuse_course([*malformed(draft), *fitness(draft)])
    return replace(course, draft=draft, provider_id=draft.provider_id, authors=_with(course.authors, actor.id))


def revise(course: Course, actor: Actor) -> Course:
    """Begin a draft revision beside what is published."""
    if course.status != PUBLISHED or course.draft is not None:
        raise IllegalTransition("course", _state(course), "revised", _ways(course))
    return replace(course, draft=course.content, draft_status=DRAFT, authors=(actor.id,), reasons=())


def submit(
    course: Course, actor: Actor, unknown_prerequisites: Iterable[str], fitness: Fitness = lambda _: ()
) -> Decided:
    """Ask for review. The draft must be complete."""
    draft = _draft(course, DRAFT, "submitted")
    broken = [*missing(draft), *malformed(draft), *_unmet(course, draft, unknown_prerequisites)]
    refuse_course([*broken, *fitness(draft)])
    submitted = replace(course, draft_status=IN_REVIEW, reasons=(), authors=_with(course.authors, actor.id))
    return submitted, [events.CourseSubmitted(**_head(course, draft), submitted_by=actor.id)]


def send_back(course: Course, actor: Actor, reasons: Iterable[str]) -> Decided:
    """A reviewer wants it changed. The reasons stay here."""
    draft = _draft(course, IN_REVIEW, "returned")
    _require_other_eyes(course, actor)
    returned = replace(course, draft_status=DRAFT, reasons=tuple(reasons))
    return returned, [events.CourseReturned(**_head(course, draft), returned_by=actor.id)]


def publish(
    course: Course, actor: Actor, now: datetime, fitness: Fitness = lambda _: (), *, trusted: bool = False
) -> tuple[Course, CourseVersion, list[Event]]:
    """A reviewer who did not write it approves: the draft is the next version. `trusted`: nobody needs to review it."""
    draft = _draft(course, IN_REVIEW, PUBLISHED)
    if not trusted:
        _require_other_eyes(course, actor)
    refuse_course(fitness(draft))
    number = course.published_version + 1
    kind = events.CoursePublished if number == 1 else events.CourseRevised
    event = kind(**_head(course, draft), **_told(draft), published_at=now)
    published = replace(
        course,
        published_version=number,
        content=draft,
        published_at=now,
        draft=None,
        draft_status=None,
        authors=(),
        reasons=(),
    )
    version = CourseVersion(
        id=version_id(course.id, number),
        course_id=course.id,
        number=number,
        content=draft,
        published_at=now,
        published_by=actor.id,
    )
    return published, version, [event]


def retire(course: Course) -> Decided:
    """No new sessions from now on; a revision under way is given up."""
    if course.status != PUBLISHED or course.content is None:
        raise IllegalTransition("course", _state(course), RETIRED, _ways(course))
    retired = replace(course, retired=True, draft=None, draft_status=None, authors=(), reasons=())
    return retired, [events.CourseRetired(**_head(course, course.content, course.published_version))]


def require_published(course: Course) -> Content:
    """Its present content. Conflict unless it is published."""
    if course.status != PUBLISHED or course.content is None:
        raise Conflict(f"The course is {course.status}, not published.", code="COURSE_NOT_PUBLISHED")
    return course.content


def _draft(course: Course, wanted: str, target: str) -> Content:
    if course.draft is None or course.draft_status != wanted:
        raise IllegalTransition("course", _state(course), target, _ways(course))
    return course.draft


def _state(course: Course) -> str:
    return course.draft_status or course.status


def _ways(course: Course) -> set[str]:
    """What can be done from here."""
    ways = {DRAFT: {"submitted"}, IN_REVIEW: {"published", "returned"}}.get(course.draft_status or "", set())
    if course.status == PUBLISHED:
        ways = ways | {"retired"} | (set() if course.draft else {"revised"})
    return ways


def _require_other_eyes(course: Course, actor: Actor) -> None:
    if actor.id in course.authors:
        raise Forbidden("You wrote on this course: somebody else must review it.", code="OWN_COURSE")


def _unmet(course: Course, draft: Content, unknown: Iterable[str]) -> Iterator[Violation]:
    for course_id in unknown:
        message = "A prerequisite must be a published course."
        yield Violation(field="prerequisites", code="PREREQUISITE_UNKNOWN", message=message, actual=course_id)
    if course.id in draft.prerequisites:
        message = "A course cannot be its own prerequisite."
        yield Violation(field="prerequisites", code="PREREQUISITE_SELF", message=message, actual=course.id)


def _with(authors: tuple[str, ...], author: str) -> tuple[str, ...]:
    return authors if author in authors else (*authors, author)


def _head(course: Course, content: Content, number: int | None = None) -> dict[str, Any]:
    return {
        "course_id": course.id,
        "course_version": number or course.published_version + 1,
        "cluster_id": course.cluster_id,
        "provider_id": content.provider_id,
    }


def _told(content: Content) -> dict[str, Any]:
    """The content in the event's words."""
    fields = asdict(content)
    outcomes = [events.Outcome(**outcome) for outcome in fields.pop("outcomes")]
    del fields["stated_skill_category"], fields["provider_id"], fields["alignments"]
    lists = {name: list(fields.pop(name)) for name in ("job_roles", "prerequisites", "audience")}
    return {**fields, **lists, "outcomes": outcomes, "skill_category": content.skill_category}
