"""Showing enrolments to who may see them."""

from collections.abc import Sequence
from datetime import datetime

from services.enrolment_service import domain
from services.enrolment_service.actions.base import Base
from services.enrolment_service.domain import Change, Enrolment, Waiting
from services.enrolment_service.domain.criteria import EnrolmentCriteria, Scope
from shared.auth import visibility
from shared.auth.caller import Caller
from shared.errors import Forbidden, NotFound
from shared.storage.pages import Filled, Rows, fill, rows_of


class Reading(Base):
    """One enrolment, or many."""

    def read(self, caller: Caller, enrolment_id: str) -> tuple[Enrolment, int | None]:
        """The enrolment as a whole and its place in the queue, for those who may see it; NotFound for all others."""
        self._require_fresh(caller)
        enrolment = self.store.get(enrolment_id)
        if not self._sees(caller, enrolment):
            raise NotFound(f"No enrolment {enrolment_id}.")
        return enrolment, self.store.place_in_queue(enrolment)

    def search(
        self, caller: Caller, criteria: EnrolmentCriteria, *, after: str | None, limit: int
    ) -> Filled[Enrolment, str | None]:
        """Enrolments that the caller may see, newest first."""
        self._require_fresh(caller)
        scope = self._scope(caller)

        def read(position: str | None, count: int) -> Rows[Enrolment, str | None]:
            found = self.store.search(criteria, scope, after=position, limit=count)
            if not visibility.is_cluster_wide(caller):
                self.copies.preload_people(one.person_id for one in found)
            shown = [(one.id, one if self._sees(caller, one) else None) for one in found]
            return rows_of(shown, position, count)

        return fill(read, after, limit)

    def changes(
        self, caller: Caller, since: datetime | None, *, after: int, limit: int
    ) -> Filled[tuple[Change, bool], int]:
        """What changed after the position, in its order, each with whether the caller sees it now.

        One that an employer saw and sees no longer is told to who goes on from an earlier pull.
        """
        scope = self._scope(caller)
        if scope.cluster_id is None and not scope.employer_ids:
            raise Forbidden("The feed is for partner portals, managers and HR; see GET /v1/enrolments.")
        self._require_fresh(caller)

        def read(position: int, count: int) -> Rows[tuple[Change, bool], int]:
            found = self.store.changes.page(scope, since, after=position, limit=count)
            if scope.cluster_id is None:
                self.copies.preload_people(one.enrolment.person_id for one in found)
            told = [(one.position, self._told(caller, one, again=after > 0)) for one in found]
            return rows_of(told, position, count)

        return fill(read, after, limit)

    def _told(self, caller: Caller, change: Change, *, again: bool) -> tuple[Change, bool] | None:
        if self._sees(caller, change.enrolment):
            return change, True
        person = self.copies.find_person(change.enrolment.person_id)
        saw = person is not None and (person.erased or change.enrolment.employer_id in person.shared)
        return (change, False) if again and saw else None

    def waiting_for(self, enrolments: Sequence[Enrolment]) -> list[Waiting]:
        """Who must act next on each of these, with one query at most."""
        asked = [one.session_id for one in enrolments if one.status in domain.BY_SESSION]
        sessions, now = self.copies.sessions(asked) if asked else {}, self.now()
        return [domain.waits_for(one, sessions.get(one.session_id), now) for one in enrolments]

    def _scope(self, caller: Caller) -> Scope:
        """What of the enrolments a list may show at all."""
        if visibility.is_cluster_wide(caller):
            return Scope(cluster_id=caller.cluster_id)
        return Scope(person_id=caller.person_id, employer_ids=visibility.acting_employers(caller))
