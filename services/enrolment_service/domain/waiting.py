"""Who must act next on an enrolment, and until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.enrolment_service.domain.enrolment import Enrolment
from services.enrolment_service.domain.known import Session
from services.enrolment_service.domain.states import APPLIED, ATTENDING, CONFIRMED, OFFERED, WAITLISTED

WORKER, EMPLOYER, MANAGER, QUEUE, TRAINER, NOBODY = "worker", "employer", "manager", "queue", "trainer", "nobody"
WAITING_FOR: Final = (WORKER, EMPLOYER, MANAGER, QUEUE, TRAINER, NOBODY)
BY_SESSION: Final = frozenset({APPLIED, WAITLISTED, CONFIRMED})
"""Statuses in which the session says who must act, or until when."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who must act, and until when. `until` None: there is no such moment."""

    who: str
    until: datetime | None = None


def waits_for(enrolment: Enrolment, session: Session | None, now: datetime) -> Waiting:
    """Whoever decides on an application before it lapses, the worker first if a consent is missing; the queue while it
    still moves; the worker while an offer stands; the trainer once the session has begun; nobody when nothing is to be
    done or everything is over."""
    status = enrolment.status
    if status == APPLIED:
        return Waiting(_decides(enrolment), session.decide_by if session else None)
    if status == WAITLISTED:
        return Waiting(QUEUE, session.closes_at if session else None)
    if status == OFFERED:
        return Waiting(WORKER, enrolment.offer_expires_at)
    taught = status == CONFIRMED and session is not None and session.is_taught(now)
    return Waiting(TRAINER if status == ATTENDING or taught else NOBODY)


def _decides(enrolment: Enrolment) -> str:
    if enrolment.awaits_consent:
        return WORKER
    return EMPLOYER if enrolment.employer_id else MANAGER
