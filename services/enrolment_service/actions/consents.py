"""Applications by HR for workers who have yet to let their employer see the result."""

from services.enrolment_service import domain
from services.enrolment_service.actions.applying import Applying
from services.enrolment_service.domain import Enrolment, Reason, Worker
from shared.errors import Conflict


class Consents(Applying):
    """Called by the timer that looks whose consent has come."""

    def go_on(self, enrolment_id: str) -> int:
        """The worker consented: from here on it is an application as any other, decided on by what is known now."""
        enrolment = self.store.get(enrolment_id)
        person = self.copies.person(enrolment.person_id)
        if not (enrolment.awaits_consent and person.shares_with(enrolment.employer_id or "")):
            return 0  # it ended, or they changed their mind, since it was found
        session = self.copies.session(enrolment.session_id)
        records = [person.id, *self._merged_into(person)]
        busy = self.store.calendar.sessions_now(records) if session.starts_at else []
        application = self._application(enrolment.id, session, person, enrolment.employer_id, busy)
        reasons = [*domain.reasons_against(application, self.now()), *self._duplicates(enrolment, records)]
        if not reasons and application.approval_needed:
            self.store.save(domain.consented(enrolment), [])
            return 1
        reasons = reasons or self._take_seat(enrolment, person)
        if reasons:
            self.store.save(*domain.turn_down(enrolment, reasons, self.now()))
        return 1

    def _take_seat(self, enrolment: Enrolment, person: Worker) -> list[Reason]:
        """A seat or a ticket, within this unit of work; or why there is none."""
        try:
            seat = self.store.seats.take(enrolment.session_id, enrolment.id)
        except Conflict as full:
            return [Reason(code=full.error_code, field="session_id", message=full.detail)]
        self.store.save(*domain.seat_taken(domain.consented(enrolment), seat, person.id, self.now()))
        return []

    def _duplicates(self, enrolment: Enrolment, records: list[str]) -> list[Reason]:
        """Why not, when they are in the session already: that was not HR's business before they consented."""
        others = [e for e in self.store.active_of(records) if e.session_id == enrolment.session_id]
        if all(other.awaits_consent for other in others):
            return []
        message = "The worker already has an active enrolment in this session."
        return [Reason(code="DUPLICATE_ENROLMENT", field="session_id", message=message)]
