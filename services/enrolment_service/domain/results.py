"""Attendance, results, and when a roster is complete."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from services.enrolment_service.domain.enrolment import Enrolment, facts, illegal, move
from services.enrolment_service.domain.known import Session
from services.enrolment_service.domain.states import ATTENDING, COMPLETED, FAILED, NO_SHOW, WITH_OUTCOME
from shared.errors import Conflict, Invalid, Violation
from shared.schemas import enrolment as events
from shared.schemas.event import Event


def record_attendance(enrolment: Enrolment, percent: int, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Attendance so far; the first record moves them from confirmed to attending. The same value again is no news."""
    if enrolment.status == ATTENDING and enrolment.attendance == percent:
        return enrolment, []
    moved = enrolment if enrolment.status == ATTENDING else move(enrolment, ATTENDING, by, now)
    attended = replace(moved, attendance=percent)
    return attended, [events.EnrolmentAttended(**facts(attended), attendance=percent)]


def record_no_show(enrolment: Enrolment, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """They held a seat and never came."""
    missed = move(enrolment, NO_SHOW, by, now)
    return missed, [events.EnrolmentNoShow(**facts(missed))]


def record_result(
    enrolment: Enrolment, session: Session, passed: bool, score: float | None, by: str, now: datetime
) -> tuple[Enrolment, list[Event]]:
    """Pass or fail. Passing needs the session's minimum attendance. A certificate is due on completion, once."""
    attendance = enrolment.attendance or 0
    if enrolment.status != ATTENDING:
        raise illegal(enrolment, COMPLETED if passed else FAILED)
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
        done = replace(move(enrolment, COMPLETED, by, now), score=score, completed_at=now)
        return done, [events.EnrolmentCompleted(**facts(done), completed_at=now, attendance=attendance, score=score)]
    failed = replace(move(enrolment, FAILED, by, now), score=score)
    return failed, [events.EnrolmentFailed(**facts(failed), attendance=attendance, score=score)]


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
