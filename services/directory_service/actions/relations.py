"""Memberships, employments and consents: begun, read, ended."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from services.directory_service.domain import access, relations
from services.directory_service.domain.access import Actor
from services.directory_service.domain.kept import refuse, require_version
from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.person import Person
from services.directory_service.domain.relations import Consent, Employment, Membership
from services.directory_service.store import Store, not_found
from shared.errors import NotFound, Violation


class _Shelf:
    """What the three have in common."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._store, self._now, self._new_id = store, now, new_id

    def _today(self) -> date:
        return self._now().date()

    def _organisation(self, organisation_id: str, field: str) -> Organisation:
        try:
            return self._store.get(Organisation, organisation_id)
        except NotFound as error:
            refuse("request", [_unknown(field, organisation_id, error.detail)])
            raise

    def _person(self, person_id: str) -> Person:
        try:
            found = self._store.get(Person, person_id)
            return self._store.get(Person, found.merged_into) if found.merged_into and not found.erased else found
        except NotFound as error:
            refuse("request", [_unknown("person_id", person_id, error.detail)])
            raise


class Memberships(_Shelf):
    """Who belongs to which cluster or partnership."""

    def start(self, actor: Actor, facts: dict[str, Any]) -> Membership:
        """Let an organisation join; from today if no day is given."""
        membership = Membership(**{"valid_from": self._today(), "id": self._new_id(), **facts})
        if not access.may_change_membership(actor, membership.group_id):
            refuse("membership", [_unknown("group_id", membership.group_id, "This is not your group.")])
        organisation = self._organisation(membership.organisation_id, "organisation_id")
        group = self._organisation(membership.group_id, "group_id")
        self._store.require_new(Membership, membership.id)
        standing = self._store.memberships_of(organisation.id, group.id)
        return self._store.save(*relations.start_membership(membership, organisation, group, standing))

    def get(self, actor: Actor, membership_id: str) -> Membership:
        """One membership."""
        found = self._store.get(Membership, membership_id)
        if not access.sees_membership(actor, found):
            raise not_found(Membership, membership_id)
        return found

    def page(self, actor: Actor, filters: dict[str, str], after: str | None, limit: int) -> list[Membership]:
        """Memberships that the caller may see, by id."""
        if actor.reach == "self":
            return []
        sides = sorted(actor.organisation_ids | ({actor.cluster_id} if actor.cluster_id else set()))
        mine = {"$or": [{"group_id": {"$in": sides}}, {"organisation_id": {"$in": sides}}]}
        return self._store.page(Membership, filters if actor.reach == "platform" else {**filters, **mine}, after, limit)

    def end(self, actor: Actor, membership_id: str, valid_until: date, seen: int | None) -> Membership:
        """Let it end on a day."""
        found = self.get(actor, membership_id)
        if not access.may_change_membership(actor, found.group_id):
            raise not_found(Membership, membership_id)
        require_version(found, seen)
        return self._store.save(*relations.end_membership(found, valid_until))


class Employments(_Shelf):
    """Who works for whom."""

    def start(self, actor: Actor, facts: dict[str, Any]) -> Employment:
        """Let a person work for an organisation; from today if no day is given."""
        person = self._person(facts["person_id"])
        mine = {"person_id": person.id, "cluster_id": person.cluster_id}
        employment = Employment(**{"valid_from": self._today(), "id": self._new_id(), **facts, **mine})
        if not access.may_change_employment(actor, employment):
            raise not_found(Person, facts["person_id"])
        employer = self._organisation(employment.organisation_id, "organisation_id")
        self._store.require_new(Employment, employment.id)
        at_home = self._at_home(employer, person.cluster_id, employment.valid_from)
        standing = self._store.employments_of(person.id, employer.id)
        return self._store.save(*relations.start_employment(employment, person, at_home, standing))

    def get(self, actor: Actor, employment_id: str) -> Employment:
        """One employment."""
        found = self._store.get(Employment, employment_id)
        if not access.sees_employment(actor, found):
            raise not_found(Employment, employment_id)
        return found

    def page(self, actor: Actor, filters: dict[str, str], after: str | None, limit: int) -> list[Employment]:
        """Employments that the caller may see, by id."""
        reach: dict[str, dict[str, Any]] = {
            "platform": {},
            "cluster": {"cluster_id": actor.cluster_id},
            "employer": {"cluster_id": actor.cluster_id, "organisation_id": {"$in": sorted(actor.organisation_ids)}},
            "self": {"person_id": actor.person_id},
        }
        return self._store.page(Employment, {"$and": [filters, reach[actor.reach]]}, after, limit)

    def end(self, actor: Actor, employment_id: str, valid_until: date, seen: int | None) -> Employment:
        """Let it end on a day."""
        found = self._store.get(Employment, employment_id)
        if not access.may_change_employment(actor, found):
            raise not_found(Employment, employment_id)
        require_version(found, seen)
        return self._store.save(*relations.end_employment(found, valid_until))

    def _at_home(self, employer: Organisation, cluster_id: str, day: date) -> bool:
        """Whether the employer is of the cluster: registered by it, or its member then."""
        if cluster_id in {employer.id, employer.cluster_id}:
            return True
        return any(found.holds(day) for found in self._store.memberships_of(employer.id, cluster_id))


class Consents(_Shelf):
    """Whom a worker lets see the results."""

    def give(self, actor: Actor, facts: dict[str, Any]) -> Consent:
        """Record that a person gives consent."""
        person = self._person(facts["person_id"])
        if not access.sees_person(actor, person, self._store.employers_of(person.id, self._today())):
            raise not_found(Person, facts["person_id"])
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

    def page(self, actor: Actor, filters: dict[str, str], after: str | None, limit: int) -> list[Consent]:
        """Consents that the caller may see, by id."""
        reach: dict[str, dict[str, Any]] = {
            "platform": {},
            "cluster": {"cluster_id": actor.cluster_id},
            "employer": {"organisation_id": {"$in": sorted(actor.organisation_ids)}},
            "self": {"person_id": actor.person_id},
        }
        return self._store.page(Consent, {"$and": [filters, reach[actor.reach]]}, after, limit)

    def withdraw(self, actor: Actor, consent_id: str, seen: int | None) -> Consent:
        """Record that it no longer holds."""
        found = self.get(actor, consent_id)
        access.require_voice(actor, self._store.get(Person, found.person_id))
        require_version(found, seen)
        return self._store.save(*relations.withdraw_consent(found, actor.subject, self._now()))


def _unknown(field: str, actual: str, message: str) -> Violation:
    return Violation(field=field, code="UNKNOWN_REFERENCE", message=message, actual=actual)
