"""What this service knows of sessions and people, from the events of those who own them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

SHARE_RESULTS: Final = "share_results"
PLANNED: Final = "planned"
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

    def clashes_with(self, other: "Session") -> bool:
        """Whether nobody can be in both: their times overlap. Without dates, or over, one takes nobody's time."""
        if not (self.starts_at and self.ends_at and other.starts_at and other.ends_at):
            return False
        over = OVER & {self.status, other.status}
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
