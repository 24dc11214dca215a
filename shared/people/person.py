"""A person without a name: where they belong, for whom they work, whom they let see their results."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

SHARE_RESULTS: Final = "share_results"
"""The purpose of a consent that lets an organisation see somebody's results."""


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
    """Employments by their id; by consent id the organisations that may see results; `merged_from` are records of theirs
    that became part of this one."""

    id: str
    cluster_id: str | None = None
    merged_into: str | None = None
    merged_from: list[str] = field(default_factory=list)
    erased: bool = False
    employments: dict[str, Employment] = field(default_factory=dict)
    consents: dict[str, str] = field(default_factory=dict)

    def works_for(self, organisation_id: str, day: date) -> bool:
        """Whether some employment there holds on this day."""
        return any(job.organisation_id == organisation_id and job.holds(day) for job in self.employments.values())

    def shares_with(self, organisation_id: str) -> bool:
        """Whether they let this organisation see their results."""
        return organisation_id in self.consents.values()

    def shows_results_to(self, organisation_id: str | None, day: date) -> bool:
        """Employed there on this day, and consented."""
        if organisation_id is None:
            return False
        return self.works_for(organisation_id, day) and self.shares_with(organisation_id)
