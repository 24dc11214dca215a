"""A person's own export: what the directory holds, and what other services said happened."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from services.directory_service.actions.common import DirectoryActions
from services.directory_service.domain import export
from services.directory_service.domain.person import Person
from shared.schemas.event import Event

_FILES = {"enrolment": export.ENROLMENTS, "certificate": export.CERTIFICATES}


class Exports(DirectoryActions):
    """Facts of other services are kept as they were told, and go with the person."""

    def prepare(self, person_ids: Iterable[str]) -> None:
        """Load whom these are about, by one query."""
        self._store.known_people(dict.fromkeys(person_ids))

    def keep(self, event: Any) -> None:
        """Something happened to a person. Nothing is kept of somebody who was erased."""
        found = self._store.find(Person, event.person_id)
        if found is None or not found.erased:
            self._store.keep_fact(event.person_id, _file(event), event.TYPE, event.key, msgspec.to_builtins(event))

    def archive(self, records: Sequence[str], shown: Mapping[str, Any], reads: Sequence[Mapping[str, Any]]) -> bytes:
        """All of it as a ZIP. `records` are the ids of the person, `shown` what the directory shows of them."""
        facts = self._store.facts_of(records)
        parts: dict[str, Any] = {export.DIRECTORY: shown}
        for name in _FILES.values():
            parts[name] = [fact.told for fact in facts if fact.file == name]
        parts[export.READS] = list(reads)
        return export.archive(parts, person_ids=records, made_at=self._now(), up_to=self._store.heard_until())


def _file(event: Event) -> str:
    return _FILES["certificate" if event.TYPE.startswith("certificate.") else "enrolment"]
