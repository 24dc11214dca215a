"""People: their names and addresses live here only, and can be destroyed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from services.directory_service.domain.checks import blank
from shared.errors import Conflict, IllegalTransition, Violation, refuse
from shared.schemas.directory import PersonErased, PersonMerged, PersonRegistered
from shared.schemas.event import Event
from shared.versioned import Versioned


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Versioned):
    """Somebody who learns or teaches. `external_ref` is a keyed hash of the partner's own number.

    `status`: registered, merged (`merged_into` answers for it) or erased; only the first has personal data.
    """

    cluster_id: str
    external_ref: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    language: str | None = None
    status: str = "registered"
    merged_into: str | None = None

    @property
    def erased(self) -> bool:
        """Whether the personal data is destroyed for good."""
        return self.status == "erased"


def register(person: Person) -> tuple[Person, list[Event]]:
    """A new person."""
    refuse("person", _broken(person))
    event = PersonRegistered(person_id=person.id, cluster_id=person.cluster_id, external_ref=person.external_ref)
    return person, [event]


def change(person: Person, changes: dict[str, Any]) -> tuple[Person, list[Event]]:
    """Another name, address or language. No event: those never leave the directory."""
    _require_registered(person, "changed")
    changed = replace(person, **changes)
    refuse("person", _broken(changed))
    return changed, []


def merge(loser: Person, winner: Person) -> tuple[Person, list[Event]]:
    """Two records were one person: the loser's data goes, its id and number lead to the winner."""
    if loser.id == winner.id:
        raise Conflict("A person cannot be merged into the same record.", code="SAME_PERSON")
    _require_registered(loser, "merged")
    _require_registered(winner, "merged")
    merged = replace(_bare(loser), status="merged", merged_into=winner.id)
    return merged, [PersonMerged(person_id=loser.id, into_person_id=winner.id)]


def erase(person: Person) -> tuple[Person, list[Event]]:
    """Destroy the personal data and the way to find the person by the partner's number."""
    if person.erased:
        raise IllegalTransition("person", person.status, "erased", set())
    return replace(_bare(person), external_ref=None, status="erased"), [PersonErased(person_id=person.id)]


def _bare(person: Person) -> Person:
    return replace(person, given_name=None, family_name=None, email=None, language=None)


def _require_registered(person: Person, target: str) -> None:
    if person.status != "registered":
        raise IllegalTransition("person", person.status, target, set())


def _broken(person: Person) -> Iterator[Violation]:
    yield from blank("given_name", person.given_name)
    yield from blank("family_name", person.family_name)
