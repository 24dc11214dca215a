"""What all actions on enrolments share: who may, and what leaving means."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.enrolment_service import domain
from services.enrolment_service.domain import Enrolment, Worker
from services.enrolment_service.store import Store
from shared.auth import visibility
from shared.auth.caller import Caller
from shared.auth.visibility import Facts
from shared.errors import NotFound, ServiceError
from shared.schemas.event import Event
from shared.versioned import require_version

Decision = tuple[Enrolment, list[Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of many that came in, and what became of it. Rows count from 1."""

    number: int
    enrolment_id: str
    stored: Enrolment | None
    error: ServiceError | None


class Base:
    """One subject of the actions, on one unit of work."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self.store = store
        self.copies = store.copies
        self.now = now
        self.new_id = new_id

    def _leave(self, enrolment: Enrolment, decision: Decision) -> Enrolment:
        if enrolment.status in domain.HOLDS_SEAT | {domain.WAITLISTED}:
            self.store.seats.release(enrolment)
        return self.store.save(*decision)

    def _own(self, caller: Caller, enrolment_id: str, seen: int | None) -> Enrolment:
        enrolment = self.store.get(enrolment_id)
        if not self._sees(caller, enrolment):
            raise NotFound(f"No enrolment {enrolment_id}.")
        require_version(enrolment, seen)
        return enrolment

    def _require_fresh(self, caller: Caller) -> None:
        """HR's reads fail closed while employments and consents lag."""
        if visibility.acting_employers(caller):
            self.store.require_fresh(self.now())

    def _merged_into(self, person: Worker) -> list[str]:
        """Other records of theirs. Most people have none, and nothing is read for them."""
        return self.copies.people.records_of(person.id)[1:] if person.merged_from else []

    def _is_theirs(self, caller: Caller, enrolment: Enrolment) -> bool:
        """Whether the caller is the worker, be it under another record that was merged."""
        if caller.person_id is None or caller.person_id == enrolment.person_id:
            return caller.person_id is not None
        known_as = self.copies.people.known_as
        return known_as(caller.person_id) == known_as(enrolment.person_id)

    def _sees(self, caller: Caller, enrolment: Enrolment) -> bool:
        return visibility.sees_whole(caller, self._facts(enrolment)) or self._is_theirs(caller, enrolment)

    def _facts(self, enrolment: Enrolment) -> Facts:
        employer = enrolment.employer_id
        may_see = False
        if employer is not None and (person := self.copies.find_person(enrolment.person_id)):
            # What awaits their consent, or ended without it, holds nothing but what HR wrote.
            consented = enrolment.awaits_consent or person.shares_with(employer)
            may_see = consented and person.works_for(employer, self.now().date())
        return Facts(
            person_id=enrolment.person_id,
            home_cluster_id=enrolment.cluster_id,
            employer_id=employer,
            employer_may_see=may_see,
        )
