"""Who may enrol where: every reason against it, at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.enrolment_service.domain.enrolment import Reason
from services.enrolment_service.domain.known import Employer, Session, Worker
from shared.people.person import SHARE_RESULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Who asks for what. `busy` are the sessions that take the worker's time already, `suspended` those of
    provider and employer that may do nothing for now."""

    enrolment_id: str
    session: Session
    person: Worker
    employer_id: str | None
    prerequisites: list[str]
    employer: Employer = field(default_factory=Employer)
    busy: list[Session] = field(default_factory=list)
    suspended: frozenset[str] = frozenset()
    approval_needed: bool = False


def reasons_against(application: Application, now: datetime, *, by_employer: bool = False) -> list[Reason]:
    """All rules that speak against it, at once (domain.md: scope, dates, prerequisites).

    An employer who asks for somebody and may not see them (no employment in force, or no consent) is told that alone:
    where they are busy, belong and what they hold is none of their business.
    """
    session, employer = (
        [*_session_reasons(application, now), *_suspension_reasons(application)],
        list(_employer_reasons(application, now.date())),
    )
    if by_employer and employer:
        return [*session, *employer]
    return [
        *session,
        *_clash_reasons(application.session, application.busy),
        *_cluster_reasons(application),
        *employer,
        *_prerequisite_reasons(application, now),
    ]


def is_consent_all_that_is_missing(reasons: Sequence[Reason]) -> bool:
    """Whether the worker alone can make the application possible."""
    return [reason.code for reason in reasons] == ["CONSENT_MISSING"]


def _session_reasons(application: Application, now: datetime) -> Iterable[Reason]:
    session = application.session
    if session.status != "open":
        yield Reason(
            code="SESSION_NOT_OPEN",
            field="session_id",
            message=f"The session is {session.status}; nobody can enrol.",
            actual=session.status,
            required="open",
        )
    deadline = session.approve_by if application.approval_needed else None
    deadline = deadline or session.application_deadline
    if deadline is not None and now > deadline:
        yield Reason(
            code="DEADLINE_PASSED",
            field="session_id",
            message="The application deadline has passed.",
            actual=now.isoformat(),
            required=deadline.isoformat(),
        )


def _suspension_reasons(application: Application) -> Iterable[Reason]:
    named = {"session_id": application.session.provider_id, "employer_id": application.employer_id}
    for field_name, organisation_id in named.items():
        if organisation_id in application.suspended:
            yield Reason(
                code="ORGANISATION_SUSPENDED",
                field=field_name,
                message="This organisation is suspended; nobody can enrol with it for now.",
                actual=organisation_id,
                required="active",
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


def _prerequisite_reasons(application: Application, now: datetime) -> Iterable[Reason]:
    wanted, held = set(application.prerequisites), application.person.holds(now)
    missing = sorted(wanted - held)
    if missing:
        yield Reason(
            code="PREREQUISITE_MISSING",
            field="worker",
            message="A valid certificate of each of these courses is needed first.",
            actual=sorted(wanted & held),
            required=missing,
        )
