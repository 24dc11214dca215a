"""Showing enrolments to who may see them."""

from services.enrolment_service.actions.base import Base
from services.enrolment_service.domain.criteria import EnrolmentCriteria, Scope
from services.enrolment_service.store import Stored
from shared.auth import visibility
from shared.auth.caller import Caller
from shared.errors import NotFound
from shared.storage.pages import Filled, Rows, fill, rows_of


class Reading(Base):
    """One enrolment, or many."""

    def read(self, caller: Caller, enrolment_id: str) -> tuple[Stored, int | None]:
        """The enrolment as a whole and its place in the queue, for those who may see it; NotFound for all others."""
        self._require_fresh(caller)
        stored = self.store.get(enrolment_id)
        if not self._sees(caller, stored.value):
            raise NotFound(f"No enrolment {enrolment_id}.")
        return stored, self.store.place_in_queue(stored.value)

    def search(
        self, caller: Caller, criteria: EnrolmentCriteria, *, after: str | None, limit: int
    ) -> Filled[Stored, str | None]:
        """Enrolments that the caller may see, newest first."""
        self._require_fresh(caller)
        scope = self._scope(caller)

        def read(position: str | None, count: int) -> Rows[Stored, str | None]:
            found = self.store.search(criteria, scope, after=position, limit=count)
            if not visibility.is_cluster_wide(caller):
                self.store.copies.preload_people(stored.value.person_id for stored in found)
            shown = [(stored.value.id, stored if self._sees(caller, stored.value) else None) for stored in found]
            return rows_of(shown, position, count)

        return fill(read, after, limit)

    def _scope(self, caller: Caller) -> Scope:
        """What of the enrolments a list may show at all."""
        if visibility.is_cluster_wide(caller):
            return Scope(cluster_id=caller.cluster_id)
        return Scope(person_id=caller.person_id, employer_ids=visibility.acting_employers(caller))
