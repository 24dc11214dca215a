"""Invitations: made by those who may, accepted by who has the link."""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from services.directory_service.actions.common import Ask, DirectoryActions
from services.directory_service.actions.people import People
from services.directory_service.actions.relations import Employments
from services.directory_service.adapters.identity import Login
from services.directory_service.domain import access, invitation
from services.directory_service.domain.access import Actor
from services.directory_service.domain.criteria import InvitationCriteria
from services.directory_service.domain.invitation import INVITED, Invitation
from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.person import Person
from services.directory_service.store import Store
from shared.errors import Violation, refuse
from shared.storage.documents import not_found
from shared.versioned import require_version

LEAST_PASSWORD: Final = 12


@dataclass(frozen=True, slots=True)
class MakeLogin:
    """Asks that somebody can sign in."""

    login: Login
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndRole:
    """Asks that a person signs in as this no longer; the answer says how many seconds their tokens may still be used."""

    person_id: str
    role: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What an invited person is shown."""

    invitation: Invitation
    person: Person
    cluster_name: str
    organisations: tuple[str, ...]


class Invitations(DirectoryActions):
    """`secret` makes the secret of an invitation's link out of its id."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        ask: Ask,
        secret: Callable[[str], str],
    ) -> None:
        super().__init__(store, now, new_id)
        self._ask, self._secret = ask, secret

    def invite(self, actor: Actor, facts: dict[str, Any], people: People, employments: Employments) -> Invitation:
        """Invite somebody known, or register and invite somebody new, who then works for the organisations named."""
        cluster_id = facts.get("cluster_id") or actor.cluster_id or ""
        wish = {"role": facts["role"], "organisation_ids": tuple(facts["organisation_ids"])}
        if not access.may_invite(actor, cluster_id, **wish):
            message = "You cannot invite to this role for this cluster or these organisations."
            refuse("invitation", [Violation(field="role", code="NOT_YOURS", message=message, actual=wish["role"])])
        owned = self._of_cluster(cluster_id, wish["organisation_ids"])
        person = self._invited(actor, cluster_id, facts, people)
        made = Invitation(
            id=facts.get("id") or self._new_id(),
            cluster_id=cluster_id,
            person_id=person.id,
            expires_at=self._now() + invitation.LASTS,
            invited_by=actor.subject,
            **wish,
        )
        self._store.require_new(Invitation, made.id)
        made = invitation.invite(made, person, owned, self._open_ones(person.id))
        if "person_id" not in facts:
            for organisation_id in made.organisation_ids:
                employments.start(actor, {"person_id": person.id, "organisation_id": organisation_id})
        return self._store.save(made)

    def get(self, actor: Actor, invitation_id: str) -> Invitation:
        """One invitation."""
        found = self._store.find(Invitation, invitation_id)
        if found is None or not _manages(actor, found):
            raise not_found(Invitation, invitation_id)
        return found

    def page(self, actor: Actor, criteria: InvitationCriteria, after: str | None, limit: int) -> list[Invitation]:
        """Invitations that the caller may manage, by id. Their status is the one by the clock."""
        return self._store.invitations(criteria, actor, self._now(), after, limit)

    def withdraw(self, actor: Actor, invitation_id: str, seen: int | None) -> Invitation:
        """Take it back."""
        found = self.get(actor, invitation_id)
        require_version(found, seen)
        return self._store.save(invitation.withdraw(found, self._now()))

    def end(self, actor: Actor, invitation_id: str, seen: int | None) -> tuple[Invitation, int]:
        """Take the role from who accepted. Also says for how many seconds tokens of theirs are good."""
        found = self.get(actor, invitation_id)
        require_version(found, seen)
        ended = invitation.end(found, self._now())
        others = [one for one in self._store.accepted_by(found.person_id, found.role) if one.id != found.id]
        # Another invitation still gives them the role: what one employer ends must not end it for the other.
        seconds = 0 if others else self._ask(EndRole(found.person_id, found.role))
        return self._store.save(ended), seconds

    def people(self, found: Iterable[Invitation]) -> dict[str, Person]:
        """Who is invited, by id."""
        return self._store.known_people(one.person_id for one in found)

    def offer(self, invitation_id: str, secret: str) -> Offer:
        """What the bearer of the link is invited to. Raises NotFound for any other secret."""
        found = self._opened(invitation_id, secret)
        known = self._store.known(Organisation, [found.cluster_id, *found.organisation_ids])
        names = tuple(known[i].legal_name for i in found.organisation_ids if i in known)
        cluster = known[found.cluster_id].legal_name if found.cluster_id in known else ""
        return Offer(found, self._person(found.person_id), cluster, names)

    def accept(self, invitation_id: str, secret: str, password: str) -> Invitation:
        """Make the login with the password that the person chose."""
        found = self._opened(invitation_id, secret)
        accepted = invitation.accept(found, self._now())
        refuse("invitation", _weak(password))
        person = self._person(found.person_id)
        self._ask(MakeLogin(_login(found, person), password))
        return self._store.save(accepted)

    def state(self, found: Invitation) -> str:
        """Its status by the clock."""
        return found.state(self._now())

    # -- inside

    def _opened(self, invitation_id: str, secret: str) -> Invitation:
        found = self._store.find(Invitation, invitation_id)
        if found is None or not hmac.compare_digest(self._secret(invitation_id).encode(), secret.encode()):
            raise not_found(Invitation, invitation_id)
        return found

    def _invited(self, actor: Actor, cluster_id: str, facts: dict[str, Any], people: People) -> Person:
        if "person_id" in facts:
            return people.get(actor, facts["person_id"])
        missing = [name for name in ("given_name", "family_name", "email") if name not in facts]
        message = "Name the person: by person_id, or by given_name, family_name and email."
        refuse("invitation", [Violation(field=name, code="REQUIRED", message=message) for name in missing])
        names = ("given_name", "family_name", "email", "language")
        return people.register(actor, {"cluster_id": cluster_id, **{n: facts[n] for n in names if n in facts}})

    def _open_ones(self, person_id: str) -> list[Invitation]:
        """Those that still hold. What expired is noted as such, so that it is in nobody's way."""
        now, standing = self._now(), []
        for one in self._store.invitations_of(person_id):
            if one.state(now) == INVITED:
                standing.append(one)
            else:
                self._store.save(invitation.expire(one))
        return standing


def _manages(actor: Actor, found: Invitation) -> bool:
    return access.may_invite(actor, found.cluster_id, found.role, found.organisation_ids)


def _weak(password: str) -> list[Violation]:
    """Says nothing of what was given: it must not stand in an answer."""
    if len(password) >= LEAST_PASSWORD:
        return []
    message = f"The password must have at least {LEAST_PASSWORD} characters."
    return [Violation(field="password", code="TOO_SHORT", message=message, required={"min": LEAST_PASSWORD})]


def _login(found: Invitation, person: Person) -> Login:
    return Login(
        email=person.email or "",
        given_name=person.given_name or "",
        family_name=person.family_name or "",
        role=found.role,
        person_id=person.id,
        cluster_id=found.cluster_id,
        organisation_ids=found.organisation_ids,
    )
