"""Asking for a seat, deciding, taking or leaving it."""

from collections.abc import Iterator

from services.enrolment_service import domain
from services.enrolment_service.actions.base import Base
from services.enrolment_service.domain import Application, Enrolment, Worker
from services.enrolment_service.store.copies import by_number_unknown
from shared.auth import visibility
from shared.auth.caller import Caller
from shared.errors import Forbidden, NotFound, NotYetKnown
from shared.storage.work import Hint


class Applying(Base):
    """What workers, portals and HR do with enrolments."""

    def hints(
        self,
        caller: Caller,
        session_id: str,
        person_id: str | None,
        external_ref: str | None,
        employer_id: str | None,
    ) -> Iterator[Hint]:
        """What `worker` and `apply` will read."""
        ref = None if external_ref is None else (caller.cluster_id or "", external_ref)
        yield from self.store.hints(session_id, person_id, ref, employer_id)
        yield from self.copies.settings_hints(caller.cluster_id)

    def worker(
        self, caller: Caller, person_id: str | None, external_ref: str | None, employer_id: str | None
    ) -> Worker:
        """The worker by id, or by their home cluster's own number. NotYetKnown also for who may not apply for them:
        there is no telling the two apart, and the employment that names them may be on its way."""
        if person_id is not None:
            person, unknown = self.copies.person(person_id), NotYetKnown("person", person_id)
        else:
            person = self.copies.person_by_ref(caller.cluster_id or "", external_ref or "")
            unknown = by_number_unknown()
        if not (self._speaks_for(caller, person) or _employs(caller, person, employer_id)):
            raise unknown
        if person.erased:
            raise NotFound("No such worker.")
        return person

    def apply(
        self, caller: Caller, session_id: str, person: Worker, employer_id: str | None
    ) -> tuple[Enrolment, int | None]:
        """Ask for a seat for a `worker`: refused with all reasons, awaiting consent or approval, confirmed, or waiting at
        a place."""
        session = self.copies.session(session_id)
        application = self._application(self.new_id(), session, person, employer_id, self._busy(session, person))
        now = self.now()
        by_employer = not self._speaks_for(caller, person)
        reasons = domain.reasons_against(application, now, by_employer=by_employer)
        if by_employer and domain.is_consent_all_that_is_missing(reasons):
            return self.store.save(*domain.await_consent(application, caller.subject, now)), None
        if reasons:
            return self.store.save(*domain.refuse(application, reasons, caller.subject, now)), None
        approval_needed = application.approval_needed
        if records := self._merged_into(person) + ([person.id] if approval_needed else []):
            self.store.seats.check_slots(session_id, records)
        if approval_needed:
            return self.store.save(*domain.await_approval(application, caller.subject, now)), None
        # Stops here until the group's seats are claimed, then runs again from the start and goes on with the answer.
        seat = self.store.seats.claim(session_id, person.id, application.enrolment_id)
        return self.store.save(*domain.admit(application, seat, caller.subject, now)), seat.place

    def approve(self, caller: Caller, enrolment_id: str, seen: int | None) -> tuple[Enrolment, int | None]:
        """HR says yes; a seat or a ticket follows."""
        enrolment = self._approvable(caller, enrolment_id, seen)
        # Stops here until the group's seats are claimed, as `apply` does.
        seat = self.store.seats.claim(enrolment.session_id, enrolment.person_id, enrolment.id, existing=True)
        return self.store.save(*domain.approve(enrolment, seat, caller.subject, self.now())), seat.place

    def reject(self, caller: Caller, enrolment_id: str, seen: int | None, reason: str | None) -> Enrolment:
        """HR says no."""
        enrolment = self._decidable(caller, enrolment_id, seen)
        return self.store.save(*domain.reject(enrolment, reason, caller.subject, self.now()))

    def cancel(self, caller: Caller, enrolment_id: str, seen: int | None, reason: str | None) -> Enrolment:
        """The worker, employer or cluster ends it; what it held comes free."""
        enrolment = self._own(caller, enrolment_id, seen)
        cause = self._cause(caller, enrolment)
        return self._leave(enrolment, domain.cancel(enrolment, cause, reason, caller.subject, self.now()))

    def accept_offer(self, caller: Caller, enrolment_id: str, seen: int | None) -> Enrolment:
        """Take the offered seat."""
        enrolment = self._own(caller, enrolment_id, seen)
        session = self.copies.session(enrolment.session_id)
        decision = domain.accept_offer(enrolment, session, caller.subject, self.now())
        self.store.seats.take_offer(enrolment.session_id)
        return self.store.save(*decision)

    def decline_offer(self, caller: Caller, enrolment_id: str, seen: int | None) -> Enrolment:
        """Leave the offered seat to the next in line."""
        enrolment = self._own(caller, enrolment_id, seen)
        return self._leave(enrolment, domain.decline_offer(enrolment, caller.subject, self.now()))

    # -- inside

    def _application(
        self,
        enrolment_id: str,
        session: domain.Session,
        person: Worker,
        employer_id: str | None,
        busy: list[domain.Session],
    ) -> Application:
        """With what is known of course, employer and cluster now."""
        return Application(
            enrolment_id=enrolment_id,
            session=session,
            person=person,
            employer_id=employer_id,
            prerequisites=self.copies.prerequisites(session.course_id),
            employer=self.copies.employer(employer_id),
            busy=busy,
            suspended=self.copies.suspended(session.provider_id, employer_id),
            approval_needed=session.approval_needed or self.copies.always_asks(person.cluster_id or ""),
        )

    def _speaks_for(self, caller: Caller, person: Worker) -> bool:
        """Themselves, or their cluster's portal or manager."""
        if caller.person_id is not None and caller.person_id in (person.id, *self._merged_into(person)):
            return True
        return visibility.is_cluster_wide(caller) and caller.cluster_id == person.cluster_id

    def _busy(self, session: domain.Session, person: Worker) -> list[domain.Session]:
        """Where else their time goes; a session without dates asks for none."""
        return self.store.calendar.sessions_of([person.id, *self._merged_into(person)]) if session.starts_at else []

    def _decidable(self, caller: Caller, enrolment_id: str, seen: int | None) -> Enrolment:
        enrolment = self._own(caller, enrolment_id, seen)
        if enrolment.employer_id in visibility.acting_employers(caller) or visibility.is_cluster_wide(caller):
            return enrolment
        raise Forbidden("Only the employer's HR or the cluster's manager decides on an application.")

    def _approvable(self, caller: Caller, enrolment_id: str, seen: int | None) -> Enrolment:
        enrolment = self._decidable(caller, enrolment_id, seen)
        domain.must_await_decision(enrolment, "approved")
        domain.must_have_consent(enrolment)
        domain.must_be_in_time(self.copies.session(enrolment.session_id), self.now())
        return enrolment

    def _cause(self, caller: Caller, enrolment: Enrolment) -> str:
        if self._is_theirs(caller, enrolment):
            return "worker"
        return "employer" if enrolment.employer_id in visibility.acting_employers(caller) else "cluster"


def _employs(caller: Caller, person: Worker, employer_id: str | None) -> bool:
    """HR, for whom an employment with them names, be it over."""
    if employer_id is None or employer_id not in visibility.acting_employers(caller):
        return False
    return any(job.organisation_id == employer_id for job in person.employments.values())
