"""What this service knows of sessions and people, from the events of those who own them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shared.people.person import Person

PLANNED, RUNNING = "planned", "running"
TO_COME: Final = frozenset({"open", "closed"})
OVER: Final = frozenset({"completed", "cancelled"})
"""Statuses of sessions, in the catalogue's words."""


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
    provider_id: str | None = None
    price: str | None = None
    approve_by: datetime | None = None

    @property
    def closes_at(self) -> datetime | None:
        """Up to when applications and offers are taken: the deadline, and never past the start. Self-paced: no end."""
        return min((moment for moment in (self.application_deadline, self.starts_at) if moment), default=None)

    @property
    def decide_by(self) -> datetime | None:
        """Up to when an application is decided on; then it lapses. By default as long as applications are taken."""
        return min((moment for moment in (self.approve_by, self.closes_at) if moment), default=None)

    def is_too_late_to_decide(self, now: datetime) -> bool:
        """Whether an application that nobody decided on lapses."""
        return self.decide_by is not None and now > self.decide_by

    def takes_offers(self, now: datetime) -> bool:
        """Whether a seat that comes free can still be offered, and an offer accepted."""
        return self.status in TO_COME and (self.closes_at is None or now < self.closes_at)

    def has_begun(self, now: datetime) -> bool:
        """Whether nobody can wait for a seat any more: it runs, by its trainer's word or by the clock, or is over."""
        by_the_clock = self.status in TO_COME and self.starts_at is not None and self.starts_at <= now
        return self.status == RUNNING or self.status in OVER or by_the_clock

    def is_taught(self, now: datetime) -> bool:
        """Whether its roster can be kept: it has begun and is not over. Self-paced: from its opening on."""
        self_paced = self.status in TO_COME and self.starts_at is None
        return self.status not in OVER and (self_paced or self.has_begun(now))

    def clashes_with(self, other: "Session") -> bool:
        """Whether nobody can be in both: their times overlap. Without dates, or over, one takes nobody's time."""
        if not (self.starts_at and self.ends_at and other.starts_at and other.ends_at):
            return False
        over = OVER & {self.status, other.status}
        return not over and self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Employer:
    """What statistics ask of an employer, from the directory's events. None where it is not known.

    `suspended`: it may do nothing for now.
    """

    size_class: str | None = None
    nuts2: str | None = None
    region_category: str | None = None
    suspended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Person):
    """A person with what they hold: `certified` are course ids by certificate id, `certified_until` when those expire
    that do; `shared` names the organisations that they ever let see their results."""

    certified: dict[str, str] = field(default_factory=dict)
    certified_until: dict[str, datetime] = field(default_factory=dict)
    shared: dict[str, bool] = field(default_factory=dict)

    def holds(self, now: datetime) -> set[str]:
        """Courses of which they have a certificate that has not expired."""
        expired = {certificate for certificate, until in self.certified_until.items() if until <= now}
        return {course for certificate, course in self.certified.items() if certificate not in expired}
