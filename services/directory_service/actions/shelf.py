"""What the actions on relations have in common: the day, and finding what a request names."""

from collections.abc import Callable
from datetime import date, datetime

from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.person import Person
from services.directory_service.store import Store
from shared.errors import NotFound, Violation, refuse


class Shelf:
    """One unit of work with its clock and ids."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._store, self._now, self._new_id = store, now, new_id

    def _today(self) -> date:
        return self._now().date()

    def _organisation(self, organisation_id: str, field: str) -> Organisation:
        try:
            return self._store.get(Organisation, organisation_id)
        except NotFound as error:
            refuse("request", [unknown(field, organisation_id, error.detail)])
            raise

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
