"""Events of the catalogue: courses with their content, sessions with their terms."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from shared.schemas.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What somebody who passed knows, can do, or stands for. Titles by BCP 47 language."""

    title: dict[str, str]
    type: str
    esco_uri: str | None = None
    esco_title: str | None = None
    digcomp_code: str | None = None
    greencomp_code: str | None = None
    reuse_level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseEvent(Event):
    """Common to all events of a course. `cluster_id` is the cluster in whose name it is offered."""

    KEY: ClassVar[str] = "course_id"
    course_id: str
    course_version: int
    cluster_id: str
    provider_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseSubmitted(CourseEvent):
    """A trainer asked for review."""

    TYPE: ClassVar[str] = "course.submitted.v1"
    submitted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseReturned(CourseEvent):
    """A reviewer sent it back. The reasons are free text and stay in the catalogue."""

    TYPE: ClassVar[str] = "course.returned.v1"
    returned_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseContent(CourseEvent):
    """The whole content of a version: whoever listens can certify it without asking back."""

    awarding_body_id: str
    type: str
    default_language: str
    titles: dict[str, str]
    descriptions: dict[str, str]
    outcomes: list[Outcome]
    isced_f: str
    skill_category: str
    pillar: str | None
    workload_hours: float
    eqf_level: int | None
    ects: float | None
    mode: str
    assessment_type: str
    quality_assurance_type: str
    audience: list[str]
    prerequisites: list[str] = field(default_factory=list)
    job_roles: list[str] = field(default_factory=list)
    certificate_validity_months: int | None = None
    homepage: str | None = None
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePublished(CourseContent):
    """The first version can be offered."""

    TYPE: ClassVar[str] = "course.published.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseRevised(CourseContent):
    """A later version replaces the one before; enrolments keep the version they pinned."""

    TYPE: ClassVar[str] = "course.revised.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseRetired(CourseEvent):
    """No new sessions; open ones finish; certificates are untouched."""

    TYPE: ClassVar[str] = "course.retired.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent(Event):
    """Common to all events of a session. `cluster_id` is the host."""

    KEY: ClassVar[str] = "session_id"
    session_id: str
    course_id: str
    course_version: int
    cluster_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One time at which a session meets, with the place or the address of its own where it has one."""

    starts_at: datetime
    ends_at: datetime
    place: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTerms(SessionEvent):
    """The terms of a session; times in UTC, `timezone` (IANA) is the session's own. Attendance in percent.

    Applications that nobody approved until `approve_by` lapse; None: at the application deadline.
    `url` opens the meeting room: whoever passes the event on tells it only to those who teach or have a seat.
    """

    provider_id: str
    starts_at: datetime | None
    ends_at: datetime | None
    timezone: str
    application_deadline: datetime | None
    language: str
    mode: str
    capacity: int
    min_capacity: int
    waitlist_limit: int
    approval_needed: bool
    eligible_clusters: list[str]
    quotas: dict[str, int]
    minimum_attendance: int
    price: str | None
    trainer_ids: list[str]
    place: str | None = None
    url: str | None = None
    meetings: list[Meeting] = field(default_factory=list)
    approve_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlanned(SessionTerms):
    """A session exists; nobody can enrol yet."""

    TYPE: ClassVar[str] = "session.planned.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(SessionTerms):
    """People can enrol; from now on the enrolment service owns its seats."""

    TYPE: ClassVar[str] = "session.opened.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged(SessionTerms):
    """Terms other than dates and capacity changed."""

    TYPE: ClassVar[str] = "session.changed.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRescheduled(SessionTerms):
    """New dates. With `reconfirm_until`, participants must confirm again by then; without, they stay."""

    TYPE: ClassVar[str] = "session.rescheduled.v1"
    reconfirm_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnrolmentClosed(SessionEvent):
    """The deadline passed, or somebody closed it."""

    TYPE: ClassVar[str] = "session.enrolment_closed.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(SessionEvent):
    """It runs."""

    TYPE: ClassVar[str] = "session.started.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCompleted(SessionEvent):
    """Every attendee has an outcome."""

    TYPE: ClassVar[str] = "session.completed.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCancelled(SessionEvent):
    """It will not take place; enrolments are cancelled in consequence."""

    TYPE: ClassVar[str] = "session.cancelled.v1"
