"""Ending an enrolment before there is a result."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.enrolment_service.domain.enrolment import Enrolment, facts, move
from services.enrolment_service.domain.states import (
    APPLIED,
    ATTENDING,
    CANCELLED,
    CONFIRMED,
    OFFERED,
    OPEN,
    WAITLISTED,
    WITH_OUTCOME,
)
from shared.schemas import enrolment as events
from shared.schemas.event import Event


def cancel(
    enrolment: Enrolment, cause: str, reason: str | None, by: str, now: datetime
) -> tuple[Enrolment, list[Event]]:
    """End it before a result. `cause`: worker, employer, cluster, session_cancelled, erased, merged."""
    cancelled = replace(move(enrolment, CANCELLED, by, now), cancel_reason=reason)
    happened = events.EnrolmentCancelled(**facts(cancelled), from_status=enrolment.status, cause=cause)
    return cancelled, [happened]


def without_words(enrolment: Enrolment) -> Enrolment:
    """What somebody wrote about the worker in their own words is forgotten with them."""
    return replace(enrolment, cancel_reason=None)


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
