"""Invitations: somebody is asked to sign in, in one role; accepted once, in time, or withdrawn; the role may be ended."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.directory_service.domain.checks import strangers
from services.directory_service.domain.person import Person
from shared.errors import Conflict, IllegalTransition, Violation, refuse
from shared.versioned import Versioned

ROLES: Final = ("worker", "trainer", "reviewer", "hr", "manager")
OF_ORGANISATIONS: Final = frozenset({"worker", "trainer", "hr"})
_NEED_ONE: Final = frozenset({"trainer", "hr"})
INVITED, ACCEPTED, WITHDRAWN, EXPIRED, ENDED = "invited", "accepted", "withdrawn", "expired", "ended"
LASTS: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation(Versioned):
    """A person may sign in as `role`, for these organisations. `status`: invited, accepted, withdrawn, expired, ended."""

    cluster_id: str
    person_id: str
    role: str
    organisation_ids: tuple[str, ...] = ()
    status: str = INVITED
    expires_at: datetime
    invited_by: str
    accepted_at: datetime | None = None
    withdrawn_at: datetime | None = None
    ended_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """Its status by the clock."""
        return EXPIRED if self.status == INVITED and now >= self.expires_at else self.status


def invite(
    invitation: Invitation, person: Person, owned: Collection[str], standing: Collection[Invitation]
) -> Invitation:
    """Ask a person. `owned`: those of its organisations that are of the cluster; `standing`: open ones of the person."""
    refuse("invitation", _broken(invitation, person, owned))
    if any(other.role == invitation.role for other in standing):
        raise Conflict("This person is invited to this role already.", code="DUPLICATE_INVITATION")
    return invitation


def accept(invitation: Invitation, now: datetime) -> Invitation:
    """The person comes."""
    _require_open(invitation, ACCEPTED, now)
    return replace(invitation, status=ACCEPTED, accepted_at=now)


def withdraw(invitation: Invitation, now: datetime) -> Invitation:
    """It holds no longer."""
    _require_open(invitation, WITHDRAWN, now)
    return replace(invitation, status=WITHDRAWN, withdrawn_at=now)


def end(invitation: Invitation, now: datetime) -> Invitation:
    """The person who came does not sign in as this any more."""
    state = invitation.state(now)
    if state != ACCEPTED:
        raise IllegalTransition("invitation", state, ENDED, ())
    return replace(invitation, status=ENDED, ended_at=now)


def expire(invitation: Invitation) -> Invitation:
    """Nobody came in time."""
    return replace(invitation, status=EXPIRED)


def _require_open(invitation: Invitation, target: str, now: datetime) -> None:
    state = invitation.state(now)
    if state != INVITED:
        raise IllegalTransition("invitation", state, target, ())


def _broken(invitation: Invitation, person: Person, owned: Collection[str]) -> Iterator[Violation]:
    if person.status != "registered":
        yield Violation(field="person_id", code="PERSON_GONE", message="This person cannot sign in.", actual=person.id)
    elif person.email is None:
        message = "Without a mail address the person cannot sign in; add one first."
        yield Violation(field="email", code="REQUIRED", message=message)
    if invitation.role in _NEED_ONE and not invitation.organisation_ids:
        message = "Name the organisation that they act for."
        yield Violation(field="organisation_ids", code="REQUIRED", message=message)
    if invitation.organisation_ids and invitation.role not in OF_ORGANISATIONS:
        message = "This role is the cluster's, not an organisation's."
        yield Violation(field="organisation_ids", code="NOT_FOR_THIS_ROLE", message=message)
    yield from strangers(invitation.organisation_ids, owned)
