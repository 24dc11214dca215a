"""A seat that came free is offered to the next in line."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from services.enrolment_service.domain.enrolment import Enrolment, facts, illegal, move
from services.enrolment_service.domain.known import Session
from services.enrolment_service.domain.states import CONFIRMED, DECLINED, EXPIRED, OFFERED
from shared.errors import Conflict
from shared.schemas import enrolment as events
from shared.schemas.event import Event

OFFER_HOURS: Final = 48


def offer(enrolment: Enrolment, session: Session, now: datetime) -> tuple[Enrolment, list[Event]]:
    """A seat came free: held for them for 48 hours, and no longer than the session takes offers."""
    if not session.takes_offers(now):
        raise Conflict("The session takes no more offers.", code="OFFER_EXPIRED")
    expires = min(filter(None, (now + timedelta(hours=OFFER_HOURS), session.closes_at)))
    offered = replace(move(enrolment, OFFERED, "queue", now), offer_expires_at=expires)
    return offered, [events.EnrolmentOffered(**facts(offered), offer_expires_at=expires)]


def accept_offer(enrolment: Enrolment, session: Session, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """The offered seat is theirs. Too late is a conflict, also before the timer noticed, and when the session began
    earlier than was said."""
    if enrolment.status != OFFERED:
        raise illegal(enrolment, CONFIRMED)
    if enrolment.offer_expires_at is not None and now > enrolment.offer_expires_at:
        raise Conflict("The offer has expired; the seat goes to the next in line.", code="OFFER_EXPIRED")
    if not session.takes_offers(now):
        raise Conflict("The offer has expired: the session takes no more offers.", code="OFFER_EXPIRED")
    confirmed = replace(move(enrolment, CONFIRMED, by, now), offer_expires_at=None)
    return confirmed, [events.EnrolmentConfirmed(**facts(confirmed), confirmed_at=now)]


def decline_offer(enrolment: Enrolment, by: str, now: datetime) -> tuple[Enrolment, list[Event]]:
    """The seat goes to the next in line."""
    if enrolment.status != OFFERED:
        raise illegal(enrolment, DECLINED)
    declined = move(enrolment, DECLINED, by, now)
    return declined, [events.EnrolmentDeclined(**facts(declined))]


def expire_offer(enrolment: Enrolment, now: datetime) -> tuple[Enrolment, list[Event]]:
    """Nobody answered in time."""
    expired = move(enrolment, EXPIRED, "timer", now)
    return expired, [events.EnrolmentExpired(**facts(expired))]
