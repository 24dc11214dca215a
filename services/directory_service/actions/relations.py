"""Memberships, employments and consents: asked for, begun, read, ended."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from services.directory_service.actions.common import DirectoryActions, refuse_person, unknown
from services.directory_service.domain import access, relations
from services.directory_service.domain.access import Actor
from services.directory_service.domain.criteria import MembershipCriteria, RelationCriteria
from services.directory_service.domain.person import Person
from services.directory_service.domain.relations import Consent, Employment, Membership
from shared.errors import refuse
from shared.storage.documents import not_found
from shared.versioned import require_version


class Memberships(DirectoryActions):
    """Who belongs to which cluster or partnership."""

    def ask(self, actor: Actor, facts: dict[str, Any]) -> Membership:
        """Ask that an organisation joins a group, from today if no day is given; started if it needs nobody else."""
        organisation = self._organisation(facts["organisation_id"], "organisation_id")
        membership = Membership(
            **{"valid_from": self._today(), "id": self._new_id(), **facts, "home_id": organisation.cluster_id}
        )
        group = self._organisation(membership.group_id, "group_id")
        sides = access.sides_of(actor, membership)
        if not sides:
            refuse("membership", [unknown("group_id", group.id, "Neither the group nor the organisation is yours.")])
        self._store.require_new(Membership, membership.id)
        standing = self._store.memberships_of(organisation.id, group.id)
        return self._store.save(*relations.ask_membership(membership, organisation, group, standing, sides))

    def accept(self, actor: Actor, membership_id: str, seen: int | None) -> Membership:
        """Agree to what the other side asked for."""
        found, sides = self._for_change(actor, membership_id, seen)
        return self._store.save(*relations.accept_membership(found, sides))

    def decline(self, actor: Actor, membership_id: str, seen: int | None) -> Membership:
        """Do not agree, or take back what was asked for."""
        found, _ = self._for_change(actor, membership_id, seen)
        return self._store.save(*relations.decline_membership(found, self._today()))

    def get(self, actor: Actor, membership_id: str) -> Membership:
        """One membership."""
        found = self._store.get(Membership, membership_id)
        if not access.sees_membership(actor, found):
            raise not_found(Membership, membership_id)
        return found

    def page(self, actor: Actor, criteria: MembershipCriteria, after: str | None, limit: int) -> list[Membership]:
        """Memberships that the caller may see, by id."""
        return self._store.page(Membership, criteria, actor, after, limit)

    def end(self, actor: Actor, membership_id: str, valid_until: date | None, seen: int | None) -> Membership:
        """Let it end on a day, today if none is given."""
        found, _ = self._for_change(actor, membership_id, seen)
        return self._store.save(*relations.end_membership(found, valid_until or self._today()))

    def _for_change(self, actor: Actor, membership_id: str, seen: int | None) -> tuple[Membership, frozenset[str]]:
        found = self._store.get(Membership, membership_id)
        sides = access.sides_of(actor, found)
        if not sides:
            raise not_found(Membership, membership_id)
        require_version(found, seen)
        return found, sides


class Employments(DirectoryActions):
    """Who works for whom."""

    def start(self, actor: Actor, facts: dict[str, Any]) -> Employment:
        """Let a person work for an organisation; from today if no day is given."""
        person = self._person(facts["person_id"])
        mine = {"person_id": person.id, "cluster_id": person.cluster_id}
        employment = Employment(**{"valid_from": self._today(), "id": self._new_id(), **facts, **mine})
        if not access.may_change_employment(actor, employment):
            refuse_person(facts["person_id"])
        employer = self._organisation(employment.organisation_id, "organisation_id")
        self._store.require_new(Employment, employment.id)
        at_home = self._is_partner(employer, person.cluster_id, employment.valid_from)
        standing = self._store.employments_of(person.id, employer.id)
        return self._store.save(*relations.start_employment(employment, person, at_home, standing))

    def get(self, actor: Actor, employment_id: str) -> Employment:
        """One employment."""
        found = self._store.get(Employment, employment_id)
        if not access.sees_employment(actor, found):
            raise not_found(Employment, employment_id)
        return found

    def page(self, actor: Actor, criteria: RelationCriteria, after: str | None, limit: int) -> list[Employment]:
        """Employments that the caller may see, by id."""
        return self._store.page(Employment, criteria, actor, after, limit)

    def of(self, actor: Actor, person_ids: Iterable[str]) -> list[Employment]:
        """All employments of these people that the caller may see."""
        return [one for one in self._store.employments_of_all(person_ids) if access.sees_employment(actor, one)]

    def end(self, actor: Actor, employment_id: str, valid_until: date, seen: int | None) -> Employment:
        """Let it end on a day."""
        found = self._store.get(Employment, employment_id)
        if not access.may_change_employment(actor, found):
            raise not_found(Employment, employment_id)
        require_version(found, seen)
        return self._store.save(*relations.end_employment(found, valid_until))


class Consents(DirectoryActions):
    """Whom a worker lets see the results."""

    def give(self, actor: Actor, facts: dict[str, Any]) -> Consent:
        """Record that a person gives consent."""
        person = self._person(facts["person_id"])
        if not access.sees_person(actor, person, self._store.employers_of(person.id, self._today())):
            refuse_person(facts["person_id"])
        access.require_voice(actor, person)
        organisation = self._organisation(facts["organisation_id"], "organisation_id")
        mine = {
            "person_id": person.id,
            "cluster_id": person.cluster_id,
            "given_at": self._now(),
            "given_by": actor.subject,
        }
        consent = Consent(**{"id": self._new_id(), **facts, **mine})
        self._store.require_new(Consent, consent.id)
        standing = self._store.consents_of(person.id, organisation_id=organisation.id, purpose=consent.purpose)
        return self._store.save(*relations.give_consent(consent, person, standing))

    def get(self, actor: Actor, consent_id: str) -> Consent:
        """One consent."""
        found = self._store.get(Consent, consent_id)
        if not access.sees_consent(actor, found):
            raise not_found(Consent, consent_id)
        return found

    def page(self, actor: Actor, criteria: RelationCriteria, after: str | None, limit: int) -> list[Consent]:
        """Consents that the caller may see, by id."""
        return self._store.page(Consent, criteria, actor, after, limit)

    def of(self, actor: Actor, person_ids: Iterable[str]) -> list[Consent]:
        """All consents of these people that the caller may see."""
        return [one for one in self._store.consents_of_all(person_ids) if access.sees_consent(actor, one)]

    def withdraw(self, actor: Actor, consent_id: str, seen: int | None) -> Consent:
        """Record that it no longer holds."""
        found = self.get(actor, consent_id)
        access.require_voice(actor, self._store.get(Person, found.person_id))
        require_version(found, seen)
        return self._store.save(*relations.withdraw_consent(found, actor.subject, self._now()))
