"""The projection of people in a service's database, written by the directory's events and rebuilt from zero at any time.

A service subscribes to those of the events that it needs. Each event saves its documents equally often, and may come
before or after those of other topics: whatever the order, a rebuilt projection is the same byte for byte.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.people.person import SHARE_RESULTS
from shared.schemas import directory
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

PEOPLE = "people"


class People:
    """Reads and writes the projection through one unit of work.

    `own` are parts that the service itself adds to a person, each with its empty value: erasure empties them, too.
    """

    def __init__(self, work: UnitOfWork, own: Mapping[str, Any] | None = None) -> None:
        self._work = work
        self._own = dict(own or {})

    # -- reading

    def find(self, person_id: str) -> Document | None:
        """What is known of a person, for the store that makes a `Person` of it."""
        return self._work.peek(PEOPLE, person_id)

    def preload(self, person_ids: Iterable[str]) -> None:
        """Load many in one query."""
        self._work.preload(PEOPLE, person_ids)

    def known_as(self, person_id: str) -> str:
        """The record that answers for this one: after a merge the one that remains."""
        while into := (self.find(person_id) or {}).get("merged_into"):
            person_id = into
        return person_id

    def records_of(self, person_id: str) -> list[str]:
        """This record, and all that became part of it, directly or by way of another."""
        found = [person_id]
        for record in found:  # which grows meanwhile
            merged = (self.find(record) or {}).get("merged_from", [])
            found += [other for other in merged if other not in found]
        return found

    # -- what happened to people

    def register(self, event: directory.PersonRegistered, **more: Any) -> None:
        """A person is known, with their home cluster."""
        self.change(event.person_id, cluster_id=event.cluster_id, **more)

    def merge(self, event: directory.PersonMerged) -> None:
        """One record became part of another."""
        self.change(event.person_id, merged_into=event.into_person_id)
        known = (self.find(event.into_person_id) or {}).get("merged_from", [])
        self.change(event.into_person_id, merged_from=sorted({*known, event.person_id}))

    def erase(self, event: directory.PersonErased, **more: Any) -> None:
        """Nothing is left to know but that there was somebody, whatever else is said of them."""
        self.change(event.person_id, erased=True, employments={}, consents={}, **self._own, **more)

    def start_employment(self, event: directory.EmploymentStarted) -> None:
        """They work there from this day."""
        employment = {"organisation_id": event.organisation_id, "valid_from": event.valid_from.isoformat()}
        self.put(event.person_id, "employments", event.employment_id, employment)

    def end_employment(self, event: directory.EmploymentEnded) -> None:
        """They worked there until this day."""
        until = event.valid_until.isoformat()
        known = self._raw(event.person_id)["employments"].get(event.employment_id, {})
        employment = {"organisation_id": event.organisation_id, "valid_from": until, **known, "valid_until": until}
        self.put(event.person_id, "employments", event.employment_id, employment)

    def give_consent(self, event: directory.ConsentGiven) -> None:
        """They share results with an organisation; other purposes are ignored."""
        given = event.organisation_id if event.purpose == SHARE_RESULTS else None
        self.put(event.person_id, "consents", event.consent_id, given)

    def withdraw_consent(self, event: directory.ConsentWithdrawn) -> None:
        """They no longer do."""
        self.put(event.person_id, "consents", event.consent_id, None)

    # -- for the service's own parts

    def put(self, person_id: str, part: str, key: str, value: Any, **more: Any) -> None:
        """Set one entry of a part, or with None take it out. Of somebody erased nothing is kept."""
        person = self._raw(person_id)
        entries = {**person.get(part, {}), key: value}
        kept = {} if person["erased"] else {k: entries[k] for k in sorted(entries) if entries[k] is not None}
        self.change(person_id, **{part: kept}, **more)

    def change(self, person_id: str, **fields: Any) -> None:
        """Set fields; always in the same order, whatever order the topics were read in."""
        document = {**self._raw(person_id), **fields}
        self._work.save(PEOPLE, {name: document[name] for name in sorted(document)})

    def _raw(self, person_id: str) -> Document:
        empty: Document = {"_id": person_id, "cluster_id": None, "erased": False, "employments": {}, "consents": {}}
        return {**empty, **self._own, **(self.find(person_id) or {})}
