"""From an application to a seat, a place in the queue, or a no."""

from dataclasses import replace
from datetime import datetime

from services.enrolment_service.domain.eligibility import Application
from services.enrolment_service.domain.enrolment import Enrolment, Reason, Step, facts, illegal, move
from services.enrolment_service.domain.known import Session
from services.enrolment_service.domain.seats import Seat
from services.enrolment_service.domain.states import APPLIED, CONFIRMED, INELIGIBLE, LAPSED, REJECTED, WAITLISTED
from shared.errors import Conflict
from shared.schemas import enrolment as events
from shared.schemas.event import Event


def refuse(application: Application, reasons: list[Reason], by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Keep the application with everything that speaks against it."""
    enrolment = _begin(application, INELIGIBLE, by, now)
    refused = replace(enrolment, reasons=reasons)
    codes = [reason.code for reason in reasons]
    return refused, [_applied(refused, False), events.EnrolmentIneligible(**facts(refused), reasons=codes)]


def await_approval(application: Application, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Eligible; HR decides next."""
    enrolment = _begin(application, APPLIED, by, now)
    return enrolment, [_applied(enrolment, True)]


def await_consent(application: Application, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """HR applied for somebody who has yet to let them see the result; no seat until then."""
    enrolment = replace(_begin(application, APPLIED, by, now), awaits_consent=True)
    applied = _applied(enrolment, application.approval_needed)
    return enrolment, [replace(applied, consent_needed=True)]


def consented(enrolment: Enrolment) -> Enrolment:
    """The worker let their employer see the result: an application as any other."""
    return replace(enrolment, awaits_consent=False)


def turn_down(enrolment: Enrolment, reasons: list[Reason], now: datetime) -> tuple[Enrolment, list[Event]]:
    """Consent has come, and this speaks against it now."""
    refused = replace(move(consented(enrolment), INELIGIBLE, "timer", now), reasons=reasons)
    return refused, [events.EnrolmentIneligible(**facts(refused), reasons=[reason.code for reason in reasons])]


def admit(application: Application, seat: Seat, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Eligible and no approval needed: confirmed with a seat, or waiting with a ticket."""
    begun = _begin(replace(application, enrolment_id=seat.enrolment_id), APPLIED, by, now)
    seated, happened = seat_taken(begun, seat, by, now)
    return seated, [_applied(begun, False), *happened]


def seat_taken(enrolment: Enrolment, seat: Seat, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """The desk gave a seat or a ticket."""
    claimed = replace(enrolment, claim=seat.claim)
    if seat.ticket is None:
        confirmed = move(claimed, CONFIRMED, by, now)
        return confirmed, [events.EnrolmentConfirmed(**facts(confirmed), confirmed_at=now)]
    waiting = replace(move(claimed, WAITLISTED, by, now), ticket=seat.ticket)
    return waiting, [events.EnrolmentWaitlisted(**facts(waiting), ticket=seat.ticket)]


def must_await_decision(enrolment: Enrolment, target: str) -> None:
    """Approve and reject are for applications that wait for a decision."""
    if enrolment.status != APPLIED:
        raise illegal(enrolment, target)


def must_have_consent(enrolment: Enrolment) -> None:
    """Nobody approves in place of the worker who has yet to consent."""
    if enrolment.awaits_consent:
        raise Conflict("The worker has not consented to share results with this employer.", code="CONSENT_MISSING")


def must_be_in_time(session: Session, now: datetime) -> None:
    """Nobody approves what is about to lapse, also before the timer noticed."""
    if session.is_too_late_to_decide(now):
        raise Conflict("It had to be approved earlier; the application lapses.", code="DEADLINE_PASSED")


def approve(enrolment: Enrolment, seat: Seat, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """HR says yes; the seat or ticket follows at once."""
    must_await_decision(enrolment, "approved")
    approved = replace(enrolment, approver=by)
    seated, happened = seat_taken(approved, seat, by, now)
    return seated, [events.EnrolmentApproved(**facts(approved), approved_by=by), *happened]


def reject(enrolment: Enrolment, reason: str | None, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """HR says no."""
    must_await_decision(enrolment, REJECTED)
    rejected = replace(move(enrolment, REJECTED, by, now), approver=by, cancel_reason=reason)
    return rejected, [events.EnrolmentRejected(**facts(rejected), rejected_by=by)]


def lapse(enrolment: Enrolment, now: datetime) -> tuple[Enrolment, list[Event]]:
    """No approval came in time, or they waited for a seat until the session started."""
    lapsed = move(enrolment, LAPSED, "timer", now)
    return lapsed, [events.EnrolmentLapsed(**facts(lapsed))]


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
        employer=application.employer,
        cost=session.price,
        status=status,
        history=[Step(status=status, at=now, by=by)],
    )


def _applied(enrolment: Enrolment, approval_needed: bool) -> events.EnrolmentApplied:
    return events.EnrolmentApplied(**facts(enrolment), approval_needed=approval_needed)
