"""The rules of enrolment: pure, no clock, no I/O. Each rule returns the new state and the facts to publish."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from shared.errors import Conflict, IllegalTransition, Invalid, Violation
from shared.schemas import enrolment as events
from shared.schemas.event import Event

OFFER_HOURS: Final = 48
SHARE_RESULTS: Final = "share_results"

APPLIED, INELIGIBLE, REJECTED, LAPSED = "applied", "ineligible", "rejected", "lapsed"
WAITLISTED, OFFERED, DECLINED, EXPIRED = "waitlisted", "offered", "declined", "expired"
CONFIRMED, ATTENDING, CANCELLED = "confirmed", "attending", "cancelled"
COMPLETED, FAILED, NO_SHOW = "completed", "failed", "no_show"

ARROWS: Final[dict[str, frozenset[str]]] = {
    APPLIED: frozenset({CONFIRMED, WAITLISTED, REJECTED, LAPSED, CANCELLED}),
    WAITLISTED: frozenset({OFFERED, CANCELLED}),
    OFFERED: frozenset({CONFIRMED, DECLINED, EXPIRED, CANCELLED}),
    CONFIRMED: frozenset({ATTENDING, NO_SHOW, CANCELLED}),
    ATTENDING: frozenset({COMPLETED, FAILED, CANCELLED}),
    COMPLETED: frozenset(),
    FAILED: frozenset(),
    NO_SHOW: frozenset(),
}
"""Allowed transitions; a status that is not a key is final. Corrections of a result have a rule of their own."""

INACTIVE: Final = frozenset({INELIGIBLE, REJECTED, LAPSED, DECLINED, EXPIRED, CANCELLED})
"""Statuses that leave the worker free to apply again."""
OPEN: Final = frozenset(status for status, targets in ARROWS.items() if CANCELLED in targets)
"""Statuses that can still be cancelled."""
HOLDS_SEAT: Final = frozenset({OFFERED, CONFIRMED, ATTENDING, COMPLETED, FAILED, NO_SHOW})
TAKES_TIME: Final = frozenset({OFFERED, CONFIRMED, ATTENDING})
ON_ROSTER: Final = frozenset({CONFIRMED, ATTENDING, COMPLETED, FAILED, NO_SHOW})
WITH_OUTCOME: Final = frozenset({COMPLETED, FAILED, NO_SHOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of status. `by` is a subject id, never a name."""

    status: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why somebody may not enrol: the code, where, what is and what would have to be."""

    code: str
    field: str
    message: str
    actual: Any = None
    required: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One worker's way through one session. Attendance in percent, score in points of 100."""

    id: str
    session_id: str
    course_id: str
    course_version: int
    person_id: str
    cluster_id: str
    host_cluster_id: str
    employer_id: str | None
    status: str
    history: list[Step] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    approver: str | None = None
    ticket: int | None = None
    offer_expires_at: datetime | None = None
    cancel_reason: str | None = None
    attendance: int | None = None
    score: float | None = None
    completed_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it stands in the way of another application to the same session."""
        return self.status not in INACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What this service knows of a session, from the catalogue's events. Times in UTC."""

    id: str
    course_id: str
    course_version: int
    cluster_id: str
    status: str
    application_deadline: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    timezone: str = "UTC"
    capacity: int = 0
    waitlist_limit: int = 0
    approval_needed: bool = False
    eligible_clusters: list[str] = field(default_factory=list)
    minimum_attendance: int = 0

    def clashes_with(self, other: "Session") -> bool:
        """Whether nobody can be in both: their times overlap. Without dates, or over, one takes nobody's time."""
        if not (self.starts_at and self.ends_at and other.starts_at and other.ends_at):
            return False
        over = {"cancelled", "completed"} & {self.status, other.status}
        return not over and self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Employment:
    """When somebody works for an employer."""

    organisation_id: str
    valid_from: date
    valid_until: date | None = None

    def holds(self, day: date) -> bool:
        """Whether it is in force on this day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What this service knows of a worker: no name. `certified` are course ids, `merged_from` records of theirs that
    became part of this one."""

    id: str
    cluster_id: str | None = None
    merged_into: str | None = None
    merged_from: list[str] = field(default_factory=list)
    erased: bool = False
    employments: dict[str, Employment] = field(default_factory=dict)
    consents: dict[str, str] = field(default_factory=dict)
    certified: dict[str, str] = field(default_factory=dict)

    def works_for(self, organisation_id: str, day: date) -> bool:
        """Whether some employment there holds on this day."""
        return any(e.organisation_id == organisation_id and e.holds(day) for e in self.employments.values())

    def shares_with(self, organisation_id: str) -> bool:
        """Whether they let this organisation see their results."""
        return organisation_id in self.consents.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What the seat desk gave: a seat, or a ticket of the queue with the place in it."""

    enrolment_id: str
    ticket: int | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Who asks for what. `busy` are the sessions that take the worker's time already."""

    enrolment_id: str
    session: Session
    person: Person
    employer_id: str | None
    prerequisites: list[str]
    busy: list[Session] = field(default_factory=list)


# -- applying


def reasons_against(application: Application, now: datetime) -> list[Reason]:
    """All rules that speak against it, at once (domain.md: scope, dates, prerequisites)."""
    return [
        *_session_reasons(application.session, now),
        *_clash_reasons(application.session, application.busy),
        *_cluster_reasons(application),
        *_employer_reasons(application, now.date()),
        *_prerequisite_reasons(application),
    ]


def _session_reasons(session: Session, now: datetime) -> Iterable[Reason]:
    if session.status != "open":
        yield Reason(
            code="SESSION_NOT_OPEN",
            field="session_id",
            message=f"The session is {session.status}; nobody can enrol.",
            actual=session.status,
            required="open",
        )
    if session.application_deadline is not None and now > session.application_deadline:
        yield Reason(
            code="DEADLINE_PASSED",
            field="session_id",
            message="The application deadline has passed.",
            actual=now.isoformat(),
            required=session.application_deadline.isoformat(),
        )


def _clash_reasons(session: Session, busy: Iterable[Session]) -> Iterable[Reason]:
    """Says when the worker is busy and not where: that may be the business of another employer."""
    clashes = [other for other in busy if other.id != session.id and session.clashes_with(other)]
    if clashes:
        yield Reason(
            code="SCHEDULE_CLASH",
            field="session_id",
            message="The worker has a seat in another session at the same time.",
            actual=sorted({_interval(other, session.timezone) for other in clashes}),
            required=f"free in {_interval(session, session.timezone)}",
        )


def _interval(session: Session, timezone: str) -> str:
    """From its start to its end (ISO 8601), as clocks show them there."""
    zone = ZoneInfo(timezone)
    moments = [moment.astimezone(zone).isoformat() for moment in (session.starts_at, session.ends_at) if moment]
    return "/".join(moments)


def _cluster_reasons(application: Application) -> Iterable[Reason]:
    allowed, home = application.session.eligible_clusters, application.person.cluster_id
    if allowed and home not in allowed:
        yield Reason(
            code="NOT_ELIGIBLE_CLUSTER",
            field="worker",
            message="The session is for people of other clusters.",
            actual=home,
            required=allowed,
        )


def _employer_reasons(application: Application, today: date) -> Iterable[Reason]:
    employer = application.employer_id
    if employer is None:
        return
    if not application.person.works_for(employer, today):
        yield Reason(
            code="NOT_EMPLOYEE",
            field="employer_id",
            message="The worker has no employment there today.",
            actual=employer,
            required="an employment in force",
        )
    if not application.person.shares_with(employer):
        yield Reason(
            code="CONSENT_MISSING",
            field="employer_id",
            message="The worker has not consented to share results with this employer.",
            actual=None,
            required=SHARE_RESULTS,
        )


def _prerequisite_reasons(application: Application) -> Iterable[Reason]:
    missing = sorted(set(application.prerequisites) - set(application.person.certified.values()))
    if missing:
        yield Reason(
            code="PREREQUISITE_MISSING",
            field="worker",
            message="A certificate of each of these courses is needed first.",
            actual=sorted(application.person.certified.values()),
            required=missing,
        )


def refuse(application: Application, reasons: list[Reason], by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Keep the application with everything that speaks against it."""
    enrolment = _begin(application, INELIGIBLE, by, now)
    refused = replace(enrolment, reasons=reasons)
    codes = [reason.code for reason in reasons]
    return refused, [_applied(refused, False), events.EnrolmentIneligible(**_common(refused), reasons=codes)]


def await_approval(application: Application, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Eligible; HR decides next."""
    enrolment = _begin(application, APPLIED, by, now)
    return enrolment, [_applied(enrolment, True)]


def admit(application: Application, seat: Seat, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Eligible and no approval needed: confirmed with a seat, or waiting with a ticket."""
    begun = _begin(replace(application, enrolment_id=seat.enrolment_id), APPLIED, by, now)
    seated, happened = seat_taken(begun, seat, by, now)
    return seated, [_applied(begun, False), *happened]


def seat_taken(enrolment: Enrolment, seat: Seat, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """The desk gave a seat or a ticket."""
    if seat.ticket is None:
        confirmed = _move(enrolment, CONFIRMED, by, now)
        return confirmed, [events.EnrolmentConfirmed(**_common(confirmed), confirmed_at=now)]
    waiting = replace(_move(enrolment, WAITLISTED, by, now), ticket=seat.ticket)
    return waiting, [events.EnrolmentWaitlisted(**_common(waiting), ticket=seat.ticket)]


# -- approval


def must_await_decision(enrolment: Enrolment, target: str) -> None:
    """Approve and reject are for applications that wait for a decision."""
    if enrolment.status != APPLIED:
        raise _illegal(enrolment, target)


def approve(enrolment: Enrolment, seat: Seat, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """HR says yes; the seat or ticket follows at once."""
    must_await_decision(enrolment, "approved")
    approved = replace(enrolment, approver=by)
    seated, happened = seat_taken(approved, seat, by, now)
    return seated, [events.EnrolmentApproved(**_common(approved), approved_by=by), *happened]


def reject(enrolment: Enrolment, reason: str | None, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """HR says no."""
    must_await_decision(enrolment, REJECTED)
    rejected = replace(_move(enrolment, REJECTED, by, now), approver=by, cancel_reason=reason)
    return rejected, [events.EnrolmentRejected(**_common(rejected), rejected_by=by)]


def lapse(enrolment: Enrolment, now: datetime) -> tuple[Enrolment, list[Event]]:
    """No approval came in time."""
    lapsed = _move(enrolment, LAPSED, "timer", now)
    return lapsed, [events.EnrolmentLapsed(**_common(lapsed))]


# -- the queue


def offer(enrolment: Enrolment, now: datetime) -> tuple[Enrolment, list[Event]]:
    """A seat came free: held for them for 48 hours."""
    expires = now + timedelta(hours=OFFER_HOURS)
    offered = replace(_move(enrolment, OFFERED, "queue", now), offer_expires_at=expires)
    return offered, [events.EnrolmentOffered(**_common(offered), offer_expires_at=expires)]


def accept_offer(enrolment: Enrolment, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """The offered seat is theirs. Too late is a conflict, even before the timer noticed."""
    if enrolment.status != OFFERED:
        raise _illegal(enrolment, CONFIRMED)
    if enrolment.offer_expires_at is not None and now > enrolment.offer_expires_at:
        raise Conflict("The offer has expired; the seat goes to the next in line.", code="OFFER_EXPIRED")
    confirmed = replace(_move(enrolment, CONFIRMED, by, now), offer_expires_at=None)
    return confirmed, [events.EnrolmentConfirmed(**_common(confirmed), confirmed_at=now)]


def decline_offer(enrolment: Enrolment, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """The seat goes to the next in line."""
    if enrolment.status != OFFERED:
        raise _illegal(enrolment, DECLINED)
    declined = _move(enrolment, DECLINED, by, now)
    return declined, [events.EnrolmentDeclined(**_common(declined))]


def expire_offer(enrolment: Enrolment, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Nobody answered in time."""
    expired = _move(enrolment, EXPIRED, "timer", now)
    return expired, [events.EnrolmentExpired(**_common(expired))]


def cancel(
    enrolment: Enrolment, cause: str, reason: str | None, by: str, now: datetime
) -> tuple[Enrolment, list[Event]]:
    """End it before a result. `cause`: worker, employer, cluster, session_cancelled, erased, merged."""
    cancelled = replace(_move(enrolment, CANCELLED, by, now), cancel_reason=reason)
    happened = events.EnrolmentCancelled(**_common(cancelled), from_status=enrolment.status, cause=cause)
    return cancelled, [happened]


def surplus(enrolments: Iterable[Enrolment], first: str) -> list[Enrolment]:
    """Records turned out to be one worker, who has one active enrolment per session: which of theirs are too many.

    What is furthest along stays, of two that wait the one before; of equal ones that of the record `first`.
    """
    ranked = sorted(enrolments, key=lambda e: (-_PROGRESS[e.status], e.ticket or 0, e.person_id != first))
    stays: dict[str, Enrolment] = {}
    for enrolment in ranked:
        stays.setdefault(enrolment.session_id, enrolment)
    return [e for e in ranked if e is not stays[e.session_id] and e.status in OPEN]


_PROGRESS: Final = {
    **{status: place for place, status in enumerate((APPLIED, WAITLISTED, OFFERED, CONFIRMED, ATTENDING))},
    **dict.fromkeys(WITH_OUTCOME, 5),
}


# -- attendance and results


def record_attendance(enrolment: Enrolment, percent: int, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Attendance so far; the first record moves them from confirmed to attending. The same value again is no news."""
    if enrolment.status == ATTENDING and enrolment.attendance == percent:
        return enrolment, []
    moved = enrolment if enrolment.status == ATTENDING else _move(enrolment, ATTENDING, by, now)
    attended = replace(moved, attendance=percent)
    return attended, [events.EnrolmentAttended(**_common(attended), attendance=percent)]


def record_no_show(enrolment: Enrolment, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """They held a seat and never came."""
    missed = _move(enrolment, NO_SHOW, by, now)
    return missed, [events.EnrolmentNoShow(**_common(missed))]


def record_result(
    enrolment: Enrolment, session: Session, passed: bool, score: float | None, by: str, now: datetime
) -> tuple[Enrolment, list[Event]]:
    """Pass or fail. Passing needs the session's minimum attendance. A certificate is due on completion, once."""
    attendance = enrolment.attendance or 0
    if enrolment.status != ATTENDING:
        raise _illegal(enrolment, COMPLETED if passed else FAILED)
    if passed and attendance < session.minimum_attendance:
        raise Invalid(
            "The attendance is too low to pass.",
            violations=[
                Violation(
                    field="attendance",
                    code="ATTENDANCE_TOO_LOW",
                    message=f"At least {session.minimum_attendance} % is needed to pass.",
                    actual=attendance,
                    required=session.minimum_attendance,
                )
            ],
        )
    if passed:
        done = replace(_move(enrolment, COMPLETED, by, now), score=score, completed_at=now)
        return done, [events.EnrolmentCompleted(**_common(done), completed_at=now, attendance=attendance, score=score)]
    failed = replace(_move(enrolment, FAILED, by, now), score=score)
    return failed, [events.EnrolmentFailed(**_common(failed), attendance=attendance, score=score)]


def must_be_complete(enrolments: Iterable[Enrolment]) -> None:
    """Everybody on the roster needs an outcome; those without are listed, all of them."""
    gaps = [e for e in enrolments if e.status not in WITH_OUTCOME]
    if gaps:
        raise Conflict(
            f"{len(gaps)} on the roster have no outcome yet.",
            code="ROSTER_INCOMPLETE",
            violations=[
                Violation(
                    field="enrolment_id",
                    code="OUTCOME_MISSING",
                    message=f"Enrolment {e.id} is {e.status}.",
                    actual=e.status,
                    required=sorted(WITH_OUTCOME),
                )
                for e in gaps
            ],
        )


def roster_completed(session: Session, enrolments: Iterable[Enrolment]) -> events.RosterCompleted:
    """Every attendee has an outcome: the counts."""
    statuses = [e.status for e in enrolments]
    return events.RosterCompleted(
        session_id=session.id,
        course_id=session.course_id,
        cluster_id=session.cluster_id,
        completed=statuses.count(COMPLETED),
        failed=statuses.count(FAILED),
        no_show=statuses.count(NO_SHOW),
    )


def check_capacity(capacity: int, taken: int) -> None:
    """A capacity cut may not evict anybody who has a seat or an offer."""
    if capacity < taken:
        raise Conflict(
            "More seats are taken than that.",
            code="CAPACITY_BELOW_CONFIRMED",
            violations=[
                Violation(
                    field="capacity",
                    code="CAPACITY_BELOW_CONFIRMED",
                    message=f"{taken} seats are taken.",
                    actual=capacity,
                    required=taken,
                )
            ],
        )


def availability(*, open_: bool, capacity: int, taken: int, waiting: int, waitlist_limit: int) -> str:
    """What a newcomer finds: open, waitlist_only, full or closed. Derived, never stored."""
    if not open_:
        return "closed"
    if waiting == 0 and taken < capacity:
        return "open"
    return "waitlist_only" if waiting < waitlist_limit else "full"


# -- small things


def _begin(application: Application, status: str, by: str, now: datetime) -> Enrolment:
    session = application.session
    return Enrolment(
        id=application.enrolment_id,
        session_id=session.id,
        course_id=session.course_id,
        course_version=session.course_version,
        person_id=application.person.id,
        cluster_id=application.person.cluster_id or "",
        host_cluster_id=session.cluster_id,
        employer_id=application.employer_id,
        status=status,
        history=[Step(status=status, at=now, by=by)],
    )


def _move(enrolment: Enrolment, target: str, by: str, now: datetime) -> Enrolment:
    if target not in ARROWS.get(enrolment.status, frozenset()):
        raise _illegal(enrolment, target)
    history = [*enrolment.history, Step(status=target, at=now, by=by)]
    return replace(enrolment, status=target, history=history)


def _illegal(enrolment: Enrolment, target: str) -> IllegalTransition:
    return IllegalTransition("enrolment", enrolment.status, target, ARROWS.get(enrolment.status, frozenset()))


def _applied(enrolment: Enrolment, approval_needed: bool) -> events.EnrolmentApplied:
    return events.EnrolmentApplied(**_common(enrolment), approval_needed=approval_needed)


def _common(enrolment: Enrolment) -> dict[str, Any]:
    return {
        "enrolment_id": enrolment.id,
        "session_id": enrolment.session_id,
        "course_id": enrolment.course_id,
        "course_version": enrolment.course_version,
        "person_id": enrolment.person_id,
        "cluster_id": enrolment.cluster_id,
        "host_cluster_id": enrolment.host_cluster_id,
        "employer_id": enrolment.employer_id,
    }
