"""Events of enrolments, seats and rosters."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from shared.schemas.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentEvent(Event):
    """Common to all events of an enrolment: `cluster_id` is the worker's home, `host_cluster_id` the session's.

    What the employer was when the worker applied (size class by 2003/361/EC, NUTS-2 region and its category), and what
    the session cost then, such as "250.00 EUR". None where it is not known.
    """

    KEY: ClassVar[str] = "enrolment_id"
    enrolment_id: str
    session_id: str
    course_id: str
    course_version: int
    person_id: str
    cluster_id: str
    host_cluster_id: str
    employer_id: str | None
    employer_size_class: str | None = None
    employer_nuts2: str | None = None
    employer_region_category: str | None = None
    cost: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentApplied(EnrolmentEvent):
    """Somebody asked for a seat. `consent_needed`: an employer did, and the worker has yet to let it see the result."""

    TYPE: ClassVar[str] = "enrolment.applied.v1"
    approval_needed: bool
    consent_needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentIneligible(EnrolmentEvent):
    """Rules speak against it: all their codes at once."""

    TYPE: ClassVar[str] = "enrolment.ineligible.v1"
    reasons: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentApproved(EnrolmentEvent):
    """HR or the cluster manager said yes; a seat is claimed next."""

    TYPE: ClassVar[str] = "enrolment.approved.v1"
    approved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRejected(EnrolmentEvent):
    """HR or the cluster manager said no."""

    TYPE: ClassVar[str] = "enrolment.rejected.v1"
    rejected_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentLapsed(EnrolmentEvent):
    """No approval came by the date, or they waited for a seat until the session started."""

    TYPE: ClassVar[str] = "enrolment.lapsed.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentWaitlisted(EnrolmentEvent):
    """No seat was free: a ticket in a first-in, first-out queue."""

    TYPE: ClassVar[str] = "enrolment.waitlisted.v1"
    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentOffered(EnrolmentEvent):
    """A seat came free and is held until the offer expires."""

    TYPE: ClassVar[str] = "enrolment.offered.v1"
    offer_expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentDeclined(EnrolmentEvent):
    """The offer was declined; the next in line is offered."""

    TYPE: ClassVar[str] = "enrolment.declined.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentExpired(EnrolmentEvent):
    """The offer was not taken in time; the next in line is offered."""

    TYPE: ClassVar[str] = "enrolment.expired.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentConfirmed(EnrolmentEvent):
    """A seat is theirs."""

    TYPE: ClassVar[str] = "enrolment.confirmed.v1"
    confirmed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentReconfirmed(EnrolmentEvent):
    """They stay after a change of dates."""

    TYPE: ClassVar[str] = "enrolment.reconfirmed.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentCancelled(EnrolmentEvent):
    """Ended before a result. `from_status` says whether a seat came free. The reason is free text and stays home.

    `cause`: worker, employer, cluster, session_cancelled, erased, merged.
    """

    TYPE: ClassVar[str] = "enrolment.cancelled.v1"
    from_status: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentAttended(EnrolmentEvent):
    """The trainer recorded attendance, in percent."""

    TYPE: ClassVar[str] = "enrolment.attended.v1"
    attendance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentCompleted(EnrolmentEvent):
    """Passed: a certificate is due. Published once per enrolment."""

    TYPE: ClassVar[str] = "enrolment.completed.v1"
    completed_at: datetime
    attendance: int
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentFailed(EnrolmentEvent):
    """Attended and did not pass."""

    TYPE: ClassVar[str] = "enrolment.failed.v1"
    attendance: int
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentNoShow(EnrolmentEvent):
    """Held a seat and never came."""

    TYPE: ClassVar[str] = "enrolment.no_show.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentResultCorrected(EnrolmentEvent):
    """A result was changed within 14 days; a certificate issued on it is superseded or revoked."""

    TYPE: ClassVar[str] = "enrolment.result_corrected.v1"
    passed: bool
    score: float | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatsEvent(Event):
    """About the seats of one session: how many nobody has, and how many people wait for one."""

    KEY: ClassVar[str] = "session_id"
    session_id: str
    cluster_id: str
    free: int | None = None
    waiting: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatsCapacityChanged(SeatsEvent):
    """Somebody moved the capacity or the limit of the waiting list."""

    TYPE: ClassVar[str] = "seats.capacity_changed.v1"
    capacity: int
    waitlist_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatsAvailabilityChanged(SeatsEvent):
    """`availability` is open, waitlist_only, full or closed."""

    TYPE: ClassVar[str] = "seats.availability_changed.v1"
    availability: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterCompleted(Event):
    """Every attendee of the session has an outcome."""

    TYPE: ClassVar[str] = "roster.completed.v1"
    KEY: ClassVar[str] = "session_id"
    session_id: str
    course_id: str
    cluster_id: str
    completed: int
    failed: int
    no_show: int
