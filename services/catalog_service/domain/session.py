"""Sessions: one run of a course, from plan to completion. Seats belong to the enrolment service once it is open."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from services.catalog_service.domain.course import Course, require_published
from services.catalog_service.domain.languages import broken_tag
from services.catalog_service.domain.naming import refuse_course
from shared.errors import Conflict, IllegalTransition, Violation, refuse
from shared.schemas import catalog as events
from shared.schemas.event import Event
from shared.versioned import Versioned

PLANNED, OPEN, CLOSED, RUNNING = "planned", "open", "closed", "running"
COMPLETED, CANCELLED = "completed", "cancelled"
STATUSES: Final = (PLANNED, OPEN, CLOSED, RUNNING, COMPLETED, CANCELLED)
ARROWS: Final[dict[str, frozenset[str]]] = {
    PLANNED: frozenset({OPEN, CANCELLED}),
    OPEN: frozenset({CLOSED, CANCELLED}),
    CLOSED: frozenset({RUNNING, CANCELLED}),
    RUNNING: frozenset({COMPLETED}),
    COMPLETED: frozenset(),
    CANCELLED: frozenset(),
}
_DATES: Final = frozenset({"starts_at", "ends_at", "application_deadline", "timezone"})
_SEATS: Final = frozenset({"capacity", "waitlist_limit", "quotas"})
Decided = tuple["Session", list[Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a session. Times are UTC; without dates it is self-paced. Price such as "250.00 EUR".

    What nobody approved until `approve_by` lapses; None: when enrolment ends.
    """

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    timezone: str
    application_deadline: datetime | None = None
    approve_by: datetime | None = None
    language: str
    mode: str
    place: str | None = None
    url: str | None = None
    trainer_ids: tuple[str, ...] = ()
    min_capacity: int = 1
    capacity: int
    waitlist_limit: int = 0
    price: str | None = None
    minimum_attendance: int = 80
    approval_needed: bool = True
    eligible_clusters: tuple[str, ...] = ()
    quotas: dict[str, int] = field(default_factory=dict)

    @property
    def closes_at(self) -> datetime | None:
        """When enrolment ends: at the deadline, or else when it starts."""
        return self.application_deadline or self.starts_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Versioned):
    """One run of a course in the version that was published when it was planned. `cluster_id` is the host."""

    course_id: str
    course_version: int
    cluster_id: str
    provider_id: str
    terms: Terms
    status: str = PLANNED
    reconfirm_until: datetime | None = None
    reason: str | None = None


def plan(session_id: str, course: Course, terms: dict[str, Any]) -> Decided:
    """A new session of a published course. Language and mode are the course's where not given."""
    content = require_published(course)
    timed = _in_moments(terms, terms["timezone"])
    made = Terms(**{"language": content.default_language, "mode": content.mode, **timed})
    refuse("session", broken(made))
    session = Session(
        id=session_id,
        course_id=course.id,
        course_version=course.published_version,
        cluster_id=course.cluster_id,
        provider_id=content.provider_id,
        terms=made,
    )
    return session, [events.SessionPlanned(**_told(session))]


def change(session: Session, changes: dict[str, Any]) -> Decided:
    """Other terms. Once it is open, dates are rescheduled and seats belong to the enrolment service."""
    if session.status in {COMPLETED, CANCELLED}:
        raise IllegalTransition("session", session.status, "changed", ())
    terms = _with(session.terms, changes)
    if terms == session.terms:
        return session, []
    if session.status != PLANNED:
        _require_free(session.terms, terms)
    refuse("session", broken(terms))
    changed = replace(session, terms=terms)
    return changed, [events.SessionChanged(**_told(changed))]


def open_enrolment(session: Session, course: Course, now: datetime, unfit: Iterable[Violation]) -> Decided:
    """People can enrol from now on. `unfit` speaks against the organisations that its version of the course names: a
    seal that is lent no longer would withhold every certificate."""
    opened = _to(session, OPEN)
    require_published(course)
    refuse("session", _too_late(session.terms, now))
    refuse_course(unfit, "The course of this session breaks")
    return opened, [events.SessionOpened(**_told(opened))]


def close_enrolment(session: Session) -> Decided:
    """The deadline passed, or somebody closes it."""
    return _to(session, CLOSED), [events.SessionEnrolmentClosed(**_head(session))]


def close_when_due(session: Session, now: datetime) -> Decided:
    """Close an open session whose deadline passed; anything else stays as it is."""
    due = session.terms.closes_at
    return close_enrolment(session) if session.status == OPEN and due and due <= now else (session, [])


def start(session: Session) -> Decided:
    """It runs."""
    return _to(session, RUNNING), [events.SessionStarted(**_head(session))]


def cancel(session: Session, reason: str | None) -> Decided:
    """It will not take place."""
    return replace(_to(session, CANCELLED), reason=reason), [events.SessionCancelled(**_head(session))]


def reschedule(session: Session, dates: dict[str, Any], confirm: date | None, now: datetime) -> Decided:
    """New dates before it runs. With `confirm`, participants must confirm again until then."""
    if session.status not in {PLANNED, OPEN, CLOSED}:
        raise IllegalTransition("session", session.status, "rescheduled", ())
    terms = _with(session.terms, dates)
    reconfirm_until = _moment(confirm, terms.timezone)
    refuse("session", [*broken(terms), *_broken_reconfirmation(terms, reconfirm_until, now)])
    moved = replace(session, terms=terms, reconfirm_until=reconfirm_until)
    return moved, [events.SessionRescheduled(**_told(moved), reconfirm_until=reconfirm_until)]


def complete(session: Session) -> Decided:
    """Its roster is complete. Whatever state the trainer left it in, it is over; a second time nothing happens."""
    if session.status in {COMPLETED, CANCELLED}:
        return session, []
    closing = [events.SessionEnrolmentClosed(**_head(session))] if session.status == OPEN else []
    return replace(session, status=COMPLETED), [*closing, events.SessionCompleted(**_head(session))]


def _with(terms: Terms, changes: dict[str, Any]) -> Terms:
    return replace(terms, **_in_moments(changes, changes.get("timezone", terms.timezone)))


def _in_moments(terms: dict[str, Any], timezone: str) -> dict[str, Any]:
    return {name: _moment(value, timezone) for name, value in terms.items()}


def _moment(value: Any, timezone: str) -> Any:
    """A deadline that is a plain date is the last second of that day in the session's own time zone."""
    if type(value) is not date:
        return value
    zone = ZoneInfo(timezone) if timezone in _timezones() else UTC  # an unknown one is refused with the other terms
    return datetime.combine(value, time(23, 59, 59), zone).astimezone(UTC)


def broken(terms: Terms) -> Iterator[Violation]:
    """Every rule that the terms break."""
    yield from _broken_dates(terms)
    yield from _broken_seats(terms)
    yield from broken_tag("language", terms.language)
    if not 0 <= terms.minimum_attendance <= 100:
        yield _odd(
            "minimum_attendance",
            "OUT_OF_RANGE",
            "It is a percentage.",
            terms.minimum_attendance,
            {"min": 0, "max": 100},
        )


def _broken_dates(terms: Terms) -> Iterator[Violation]:
    if terms.timezone not in _timezones():
        yield _odd(
            "timezone", "TIMEZONE_UNKNOWN", "Unknown time zone, e.g. Europe/Berlin.", terms.timezone, "Europe/Berlin"
        )
    if (terms.starts_at is None) != (terms.ends_at is None):
        missing = "ends_at" if terms.ends_at is None else "starts_at"
        yield Violation(field=missing, code="REQUIRED", message="Give both start and end, or neither if self-paced.")
    if terms.starts_at and terms.ends_at and terms.ends_at <= terms.starts_at:
        yield _order("ends_at", "It ends before it starts.", terms.ends_at, {"after": terms.starts_at.isoformat()})
    if terms.starts_at and terms.application_deadline and terms.application_deadline > terms.starts_at:
        message = "The deadline comes after the start."
        yield _order("application_deadline", message, terms.application_deadline, {"max": terms.starts_at.isoformat()})
    if terms.approve_by and terms.closes_at and terms.approve_by > terms.closes_at:
        message = "Nothing can be approved after the end of enrolment."
        yield _order("approve_by", message, terms.approve_by, {"max": terms.closes_at.isoformat()})


def _broken_seats(terms: Terms) -> Iterator[Violation]:
    if terms.capacity < 1:
        yield _odd("capacity", "OUT_OF_RANGE", "There must be a seat.", terms.capacity, {"min": 1})
    if not 0 <= terms.min_capacity <= max(terms.capacity, 0):
        limits = {"min": 0, "max": terms.capacity}
        yield _odd("min_capacity", "OUT_OF_RANGE", "It cannot be more than the capacity.", terms.min_capacity, limits)
    if terms.waitlist_limit < 0:
        yield _odd("waitlist_limit", "OUT_OF_RANGE", "It cannot be negative.", terms.waitlist_limit, {"min": 0})
    reserved = sum(terms.quotas.values())
    if reserved > terms.capacity or any(quota < 0 for quota in terms.quotas.values()):
        yield _odd(
            "quotas", "QUOTA_ABOVE_CAPACITY", "Quotas reserve more seats than there are.", reserved, terms.capacity
        )
    strangers = sorted(set(terms.quotas) - set(terms.eligible_clusters)) if terms.eligible_clusters else []
    if strangers:
        message = "Only eligible clusters can have a quota."
        yield _odd("quotas", "NOT_ELIGIBLE_CLUSTER", message, strangers, sorted(terms.eligible_clusters))


def _broken_reconfirmation(terms: Terms, until: datetime | None, now: datetime) -> Iterator[Violation]:
    if until is not None and until <= now:
        yield _order("reconfirm_until", "This has passed.", until, {"after": now.isoformat()})
    if until is not None and terms.starts_at is not None and until > terms.starts_at:
        yield _order("reconfirm_until", "It starts before that.", until, {"max": terms.starts_at.isoformat()})


def _too_late(terms: Terms, now: datetime) -> Iterator[Violation]:
    if terms.closes_at is not None and terms.closes_at <= now:
        message = "Nobody could enrol: the deadline has passed."
        yield _odd(
            "application_deadline", "DEADLINE_PASSED", message, terms.closes_at.isoformat(), {"after": now.isoformat()}
        )


def _require_free(before: Terms, after: Terms) -> None:
    changed = {name for name in asdict(before) if getattr(before, name) != getattr(after, name)}
    if changed & _DATES:
        raise Conflict("It is open: new dates are a matter of rescheduling.", code="RESCHEDULE_INSTEAD")
    if changed & _SEATS:
        raise Conflict("It is open: its seats belong to PUT seats and quotas now.", code="SEATS_ARE_ENROLMENTS")


def _to(session: Session, target: str) -> Session:
    allowed = ARROWS[session.status]
    if target not in allowed:
        raise IllegalTransition("session", session.status, target, allowed)
    return replace(session, status=target)


def _head(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "course_id": session.course_id,
        "course_version": session.course_version,
        "cluster_id": session.cluster_id,
    }


def _told(session: Session) -> dict[str, Any]:
    terms = asdict(session.terms)
    lists = {name: list(terms[name]) for name in ("eligible_clusters", "trainer_ids")}
    return {**_head(session), "provider_id": session.provider_id, **terms, **lists}


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _order(where: str, message: str, actual: datetime, required: dict[str, str]) -> Violation:
    return _odd(where, "DATE_ORDER", message, actual.isoformat(), required)


def _odd(where: str, code: str, message: str, actual: Any, required: Any) -> Violation:
    return Violation(field=where, code=code, message=message, actual=actual, required=required)
