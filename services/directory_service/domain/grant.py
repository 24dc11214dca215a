"""Grants: whose courses may carry an organisation's seal, or name it as their provider."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from services.directory_service.domain.organisation import Organisation
from shared.errors import Conflict, IllegalTransition, Violation, refuse
from shared.schemas.directory import AwardingGranted, AwardingWithdrawn
from shared.schemas.event import Event
from shared.versioned import Versioned

PURPOSES: Final = ("award", "provide")
GIVEN, WITHDRAWN = "given", "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Versioned):
    """An organisation lends its seal (`purpose` award) or its name as provider (provide).

    To an organisation (`grantee_id`: a provider, or a cluster for all of its courses) or to one course (`course_id`).
    `home_id` and `grantee_home_id` are the clusters that registered the two.
    """

    organisation_id: str
    home_id: str | None
    purpose: str = "award"
    grantee_id: str | None = None
    grantee_home_id: str | None = None
    course_id: str | None = None
    status: str = GIVEN
    given_at: datetime
    given_by: str
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None

    @property
    def to(self) -> tuple[str, str | None, str | None]:
        """For what and whom: two that agree in this say the same."""
        return self.purpose, self.grantee_id, self.course_id


def give(grant: Grant, owner: Organisation, standing: Collection[Grant]) -> tuple[Grant, list[Event]]:
    """From now on the seal may be used. `standing` are the owner's other grants."""
    refuse("grant", _broken(grant, owner))
    if any(other.status == GIVEN and other.to == grant.to for other in standing):
        raise Conflict("This grant has already been given.", code="DUPLICATE_GRANT")
    return grant, [AwardingGranted(**_facts(grant))]


def withdraw(grant: Grant, subject: str, now: datetime) -> tuple[Grant, list[Event]]:
    """No longer. What was issued under it stands; a new grant may be given later."""
    if grant.status != GIVEN:
        raise IllegalTransition("grant", grant.status, WITHDRAWN, set())
    withdrawn = replace(grant, status=WITHDRAWN, withdrawn_at=now, withdrawn_by=subject)
    return withdrawn, [AwardingWithdrawn(**_facts(withdrawn))]


def _broken(grant: Grant, owner: Organisation) -> Iterator[Violation]:
    if (grant.grantee_id is None) == (grant.course_id is None):
        message = "Name either an organisation or a course."
        yield Violation(field="grantee_id", code="ONE_OF_TWO", message=message, actual=grant.grantee_id)
    if owner.status != "active":
        message = "A suspended organisation grants nothing."
        yield Violation(
            field="organisation_id", code="ORGANISATION_SUSPENDED", message=message, actual=grant.organisation_id
        )


def _facts(grant: Grant) -> dict[str, Any]:
    return {
        "grant_id": grant.id,
        "organisation_id": grant.organisation_id,
        "purpose": grant.purpose,
        "grantee_id": grant.grantee_id,
        "course_id": grant.course_id,
    }
