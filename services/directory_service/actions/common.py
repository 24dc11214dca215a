"""What the actions on relations have in common: the day, and finding what a request names."""

from collections.abc import Callable, Hashable, Iterable
from datetime import date, datetime
from typing import Any

from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.person import Person
from services.directory_service.store import Store
from shared.errors import NotFound, Violation, refuse

Ask = Callable[[Hashable], Any]
"""Puts a question that is answered outside of the database, before the commit."""


class DirectoryActions:
    """One unit of work with its clock and ids."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._store, self._now, self._new_id = store, now, new_id

    def _today(self) -> date:
        return self._now().date()

    def names(self, organisation_ids: Iterable[str]) -> dict[str, str]:
        """What these organisations are called, by id."""
        known = self._store.known(Organisation, dict.fromkeys(organisation_ids))
        return {one.id: one.legal_name for one in known.values()}

    def _organisation(self, organisation_id: str, field: str) -> Organisation:
        try:
            return self._store.get(Organisation, organisation_id)
        except NotFound as error:
            refuse("request", [unknown(field, organisation_id, error.detail)])
            raise

    def _of_cluster(self, cluster_id: str, organisation_ids: Iterable[str]) -> set[str]:
        """Those of them that are the cluster, were registered by it, or are members today."""
        known = self._store.known(Organisation, organisation_ids)
        return {one.id for one in known.values() if self._at_home(one, cluster_id, self._today())}

    def _at_home(self, organisation: Organisation, cluster_id: str, day: date) -> bool:
        """Whether an organisation is of the cluster: registered by it, or its member then."""
        if cluster_id in {organisation.id, organisation.cluster_id}:
            return True
        return any(found.counts(day) for found in self._store.memberships_of(organisation.id, cluster_id))

    def _is_partner(self, organisation: Organisation, cluster_id: str, day: date) -> bool:
        """Whether it is of the cluster, or of another cluster in one of its partnerships."""
        if self._at_home(organisation, cluster_id, day):
            return True
        home = organisation.cluster_id
        return home is not None and not self._groups(home, day).isdisjoint(self._groups(cluster_id, day))

    def _groups(self, cluster_id: str, day: date) -> set[str]:
        return {found.group_id for found in self._store.memberships_of(cluster_id) if found.counts(day)}

    def _person(self, person_id: str) -> Person:
        try:
            found = self._store.get(Person, person_id)
            return self._store.get(Person, found.merged_into) if found.merged_into and not found.erased else found
        except NotFound:
            refuse_person(person_id)
            raise


def refuse_person(person_id: str) -> None:
    """The same words whether there is no such person or the caller may not know of them."""
    refuse("request", [unknown("person_id", person_id, f"No person {person_id}.")])


def unknown(field: str, actual: str, message: str) -> Violation:
    """Something is named that is not there, or not for this caller."""
    return Violation(field=field, code="UNKNOWN_REFERENCE", message=message, actual=actual)
