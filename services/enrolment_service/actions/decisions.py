"""Approving and rejecting many applications at once."""

from collections.abc import Sequence
from typing import Any, Final

from services.enrolment_service import domain
from services.enrolment_service.actions.applying import Applying
from services.enrolment_service.actions.base import Row
from services.enrolment_service.domain import Enrolment
from shared.auth.caller import Caller
from shared.errors import ServiceError

APPROVE: Final = "approve"


class Decisions(Applying):
    """Decisions on many: each row has its own outcome, and a bad one holds up nobody."""

    def decide(self, caller: Caller, rows: Sequence[dict[str, Any]]) -> list[Row]:
        """In the order of the rows: the seats go to those who come first."""
        self._preload([row["enrolment_id"] for row in rows])
        return [self._row(number, caller, row) for number, row in enumerate(rows, start=1)]

    def _preload(self, enrolment_ids: Sequence[str]) -> None:
        known = self.store.known(enrolment_ids)
        sessions = sorted({one.session_id for one in known})
        self.copies.preload_people(one.person_id for one in known)
        self.copies.sessions(sessions)
        self.store.seats.ledgers(sessions)

    def _row(self, number: int, caller: Caller, row: dict[str, Any]) -> Row:
        enrolment_id = row["enrolment_id"]
        try:
            with self.store.work.savepoint():
                stored = self._decide(caller, enrolment_id, row)
        except ServiceError as error:
            return Row(number=number, enrolment_id=enrolment_id, stored=None, error=error)
        return Row(number=number, enrolment_id=enrolment_id, stored=stored, error=None)

    def _decide(self, caller: Caller, enrolment_id: str, row: dict[str, Any]) -> Enrolment:
        if row["decision"] != APPROVE:
            return self.reject(caller, enrolment_id, row["version"], row["reason"])
        enrolment = self._approvable(caller, enrolment_id, row["version"])
        seat = self.store.seats.take(enrolment.session_id, enrolment.id)
        return self.store.save(*domain.approve(enrolment, seat, caller.subject, self.now()))
