"""One enrolment, and how it goes from one status to the next."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.enrolment_service.domain.known import Employer
from services.enrolment_service.domain.states import APPLIED, ARROWS, INACTIVE
from shared.errors import IllegalTransition
from shared.versioned import Versioned


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
class Enrolment(Versioned):
    """One worker's way through one session. Attendance in percent, score in points of 100.

    `employer` and `cost` are as they were when the worker applied. `claim` is the one by which it got its seat or ticket.
    `awaits_consent`: HR applied and the worker has not let them see the result; it stays so when it ends without.
    """

    session_id: str
    course_id: str
    course_version: int
    person_id: str
    cluster_id: str
    host_cluster_id: str
    employer_id: str | None
    employer: Employer = field(default_factory=Employer)
    cost: str | None = None
    status: str
    history: list[Step] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    approver: str | None = None
    ticket: int | None = None
    claim: str | None = None
    offer_expires_at: datetime | None = None
    cancel_reason: str | None = None
    awaits_consent: bool = False
    attendance: int | None = None
    score: float | None = None
    completed_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether it stands in the way of another application to the same session."""
        return self.status not in INACTIVE

    @property
    def claim_id(self) -> str:
        """The id of its claim. Earlier releases gave claims none: there it was the enrolment's own."""
        return self.claim or self.id

    def has_seat_by(self, claim_id: str) -> bool:
        """Whether it stands where it stands by this claim: it has a seat, an offer or a place in the queue."""
        return self.active and self.status != APPLIED and self.claim_id == claim_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An enrolment where it stands in the feed."""

    position: int
    changed_at: datetime
    enrolment: Enrolment


def move(enrolment: Enrolment, target: str, by: str, now: datetime) -> Enrolment:
    """It is in another status from now on; IllegalTransition when that may not follow."""
    if target not in ARROWS.get(enrolment.status, frozenset()):
        raise illegal(enrolment, target)
    history = [*enrolment.history, Step(status=target, at=now, by=by)]
    return replace(enrolment, status=target, history=history)


def illegal(enrolment: Enrolment, target: str) -> IllegalTransition:
    """Build the error for a transition that is not allowed."""
    return IllegalTransition("enrolment", enrolment.status, target, ARROWS.get(enrolment.status, frozenset()))


def facts(enrolment: Enrolment) -> dict[str, Any]:
    """What every event of it tells."""
    return {
        "enrolment_id": enrolment.id,
        "session_id": enrolment.session_id,
        "course_id": enrolment.course_id,
        "course_version": enrolment.course_version,
        "person_id": enrolment.person_id,
        "cluster_id": enrolment.cluster_id,
        "host_cluster_id": enrolment.host_cluster_id,
        "employer_id": enrolment.employer_id,
        "employer_size_class": enrolment.employer.size_class,
        "employer_nuts2": enrolment.employer.nuts2,
        "employer_region_category": enrolment.employer.region_category,
        "cost": enrolment.cost,
    }
