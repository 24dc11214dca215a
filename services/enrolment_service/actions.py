"""What can be done with enrolments: load, decide, save."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.enrolment_service import domain
from services.enrolment_service.domain import Application, Enrolment, Person
from services.enrolment_service.store import Store, Stored
from services.enrolment_service.store.seats import SeatCount, availability_of
from shared.auth import visibility
from shared.auth.caller import Caller
from shared.auth.visibility import Facts
from shared.errors import Forbidden, NotFound, NotYetKnown, ServiceError, Stale
from shared.schemas.enrolment import SeatsAvailabilityChanged, SeatsCapacityChanged
from shared.schemas.event import Event
from shared.storage.writes import Hint

Decision = tuple[Enrolment, list[Event]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a roster that came in, and what became of it."""

    number: int
    enrolment_id: str
    stored: Stored | None
    error: ServiceError | None


class Actions:
    """The use cases of the service on one unit of work."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self.store = store
        self.now = now
        self.new_id = new_id

    # -- applying and deciding

    def hints(self, caller: Caller, session_id: str, person_id: str | None, external_ref: str | None) -> Iterator[Hint]:
        """What `worker` and `apply` will read."""
        ref = None if external_ref is None else (caller.cluster_id or "", external_ref)
        return self.store.hints(session_id, person_id, ref)

    def apply(
        self, caller: Caller, session_id: str, person: Person, employer_id: str | None
    ) -> tuple[Stored, int | None]:
        """Ask for a seat: refused with all reasons, awaiting approval, confirmed, or waiting at a place."""
        self._may_apply(caller, person, employer_id)
        session = self.store.copies.session(session_id)
        application = Application(
            enrolment_id=self.new_id(),
            session=session,
            person=person,
            employer_id=employer_id,
            prerequisites=self.store.copies.prerequisites(session.course_id),
            busy=self._busy(session, person),
        )
        now = self.now()
        if reasons := domain.reasons_against(application, now):
            return self.store.save(*domain.refuse(application, reasons, caller.subject, now)), None
        for record in self._merged_into(person):
            self.store.seats.check_slot(session_id, record)
        if session.approval_needed:
            self.store.seats.check_slot(session_id, person.id)
            return self.store.save(*domain.await_approval(application, caller.subject, now)), None
        seat = self.store.seats.claim(session_id, person.id, application.enrolment_id)
        return self.store.save(*domain.admit(application, seat, caller.subject, now)), seat.place

    def approve(self, caller: Caller, enrolment_id: str, if_match: int | None) -> tuple[Stored, int | None]:
        """HR says yes; a seat or a ticket follows."""
        enrolment = self._decidable(caller, enrolment_id, if_match)
        domain.must_await_decision(enrolment, "approved")
        seat = self.store.seats.claim(enrolment.session_id, enrolment.person_id, enrolment.id, existing=True)
        return self.store.save(*domain.approve(enrolment, seat, caller.subject, self.now())), seat.place

    def reject(self, caller: Caller, enrolment_id: str, if_match: int | None, reason: str | None) -> Stored:
        """HR says no."""
        enrolment = self._decidable(caller, enrolment_id, if_match)
        return self.store.save(*domain.reject(enrolment, reason, caller.subject, self.now()))

    def cancel(self, caller: Caller, enrolment_id: str, if_match: int | None, reason: str | None) -> Stored:
        """The worker, employer or cluster ends it; what it held comes free."""
        enrolment = self._own(caller, enrolment_id, if_match)
        cause = self._cause(caller, enrolment)
        return self._leave(enrolment, domain.cancel(enrolment, cause, reason, caller.subject, self.now()))

    def accept_offer(self, caller: Caller, enrolment_id: str, if_match: int | None) -> Stored:
        """Take the offered seat."""
        enrolment = self._own(caller, enrolment_id, if_match)
        decision = domain.accept_offer(enrolment, caller.subject, self.now())
        self.store.seats.take_offer(enrolment.session_id)
        return self.store.save(*decision)

    def decline_offer(self, caller: Caller, enrolment_id: str, if_match: int | None) -> Stored:
        """Leave the offered seat to the next in line."""
        enrolment = self._own(caller, enrolment_id, if_match)
        return self._leave(enrolment, domain.decline_offer(enrolment, caller.subject, self.now()))

    # -- reading

    def worker(self, caller: Caller, person_id: str | None, external_ref: str | None) -> Person:
        """The worker by id, or by their home cluster's own number."""
        if person_id is not None:
            return self.store.copies.person(person_id)
        return self.store.copies.person_by_ref(caller.cluster_id or "", external_ref or "")

    def read(self, caller: Caller, enrolment_id: str) -> tuple[Stored, int | None]:
        """The enrolment as a whole and its place in the queue, for those who may see it; NotFound for all others."""
        self._require_fresh(caller)
        stored = self.store.get(enrolment_id)
        if not self._sees(caller, stored.value):
            raise NotFound(f"No enrolment {enrolment_id}.")
        return stored, self.store.place_in_queue(stored.value)

    def search(self, caller: Caller, filters: dict[str, Any], *, after: str | None, limit: int) -> list[Stored]:
        """Enrolments that the caller may see, newest first."""
        self._require_fresh(caller)
        query = {name: value for name, value in filters.items() if value is not None}
        if "person_id" in query:
            query["person_id"] = self._of_person(query["person_id"])
        found = self.store.search({"$and": [query, self._scope(caller)]}, after=after, limit=limit)
        if visibility.is_cluster_wide(caller):
            return found
        self.store.copies.preload_people(stored.value.person_id for stored in found)
        return [stored for stored in found if self._sees(caller, stored.value)]

    # -- rosters

    def roster(self, caller: Caller, session_id: str) -> list[Enrolment]:
        """Who is in a session of the caller's cluster."""
        self._taught(caller, session_id)
        return self.store.of_session(session_id, sorted(domain.ON_ROSTER))

    def record_attendance(self, caller: Caller, session_id: str, rows: Sequence[dict[str, Any]]) -> list[Row]:
        """Attendance or absence for many; each row has its own outcome."""
        self._taught(caller, session_id)

        def decide(enrolment: Enrolment, row: dict[str, Any]) -> Decision:
            if row.get("no_show"):
                return domain.record_no_show(enrolment, caller.subject, self.now())
            return domain.record_attendance(enrolment, row["attendance"], caller.subject, self.now())

        return self._rows(session_id, rows, decide)

    def record_results(self, caller: Caller, session_id: str, rows: Sequence[dict[str, Any]]) -> list[Row]:
        """Results for many; each row has its own outcome."""
        session = self._taught(caller, session_id)

        def decide(enrolment: Enrolment, row: dict[str, Any]) -> Decision:
            return domain.record_result(enrolment, session, row["passed"], row.get("score"), caller.subject, self.now())

        return self._rows(session_id, rows, decide)

    def complete_roster(self, caller: Caller, session_id: str, absent_are_no_show: bool) -> dict[str, int]:
        """Close the roster: everybody has an outcome. Those without attendance may be counted as no-shows."""
        session = self._taught(caller, session_id)
        roster = self.store.of_session(session_id, sorted(domain.ON_ROSTER))
        if absent_are_no_show:
            roster = [self._absent(enrolment, caller) for enrolment in roster]
        domain.must_be_complete(roster)
        event = domain.roster_completed(session, roster)
        self.store.complete_roster(session_id, event)
        return {"completed": event.completed, "failed": event.failed, "no_show": event.no_show}

    # -- seats

    def seats(self, session_id: str) -> SeatCount:
        """The public numbers."""
        return self.store.seats.count(session_id)

    def set_seats(
        self, caller: Caller, session_id: str, capacity: int, waitlist_limit: int | None, if_match: int | None
    ) -> SeatCount:
        """Move the capacity, never below what is taken; more seats move the queue."""
        document = self.store.seats.document(session_id)
        if not visibility.may_teach(caller, document["cluster_id"]):
            raise NotFound(f"No session {session_id}.")
        _check_version(document["version"], if_match)
        domain.check_capacity(capacity, document["taken"])
        limit = document["waitlist_limit"] if waitlist_limit is None else waitlist_limit
        changed = SeatsCapacityChanged(
            session_id=session_id, cluster_id=document["cluster_id"], capacity=capacity, waitlist_limit=limit
        )
        terms = {"capacity": capacity, "waitlist_limit": limit, "needs_care": True}
        self.store.seats.save({**document, **terms}, [changed])
        return self.store.seats.count(session_id)

    # -- what events and timers ask for

    def open_seats(self, session_id: str, cluster_id: str, capacity: int, waitlist_limit: int) -> None:
        """A session opened."""
        self.store.seats.open(session_id, cluster_id, capacity, waitlist_limit)

    def close_seats(self, session_id: str) -> None:
        """A session takes no more applications."""
        document = self.store.seats.document(session_id)
        self.store.seats.save({**document, "open": False, "needs_care": True}, [])

    def cancel_session(self, session_id: str) -> None:
        """A session is cancelled; its enrolments follow, chunk by chunk. One that never opened has none."""
        if self.store.seats.exists(session_id):
            document = self.store.seats.document(session_id)
            self.store.seats.save({**document, "open": False, "cancelled": True, "needs_care": True}, [])

    def merge(self, person_id: str, into_person_id: str) -> None:
        """Two records are one worker, who keeps both histories; of two enrolments in one session one ends."""
        records = [into_person_id, *self.store.copies.records_of(person_id)]
        for enrolment in domain.surplus(self.store.active_of(records), into_person_id):
            self._leave(enrolment, domain.cancel(enrolment, "merged", None, "directory", self.now()))

    def forget(self, person_id: str) -> None:
        """A person was erased; what is open of theirs ends, chunk by chunk."""
        self.store.erasures.begin(person_id, self.now())

    def end_of_erased(self, person_id: str, chunk: int = 50) -> int:
        """Cancel some of what is open of an erased person, in records that were merged too; what it held comes free."""
        some = self.store.open_of(self.store.copies.records_of(person_id), limit=chunk)
        for enrolment in some:
            self._leave(enrolment, domain.cancel(enrolment, "erased", None, "directory", self.now()))
        if not some:
            self.store.erasures.look_later(person_id, self.now())
        return len(some)

    def care(self, session_id: str, chunk: int = 200) -> int:
        """Do what is due for one session: cancellations, the queue's next offer, the news of its availability."""
        document = self.store.seats.document(session_id)
        if document.get("cancelled") and (moved := self._cancel_some(session_id, chunk)):
            return moved
        if document.get("cancelled") and document["claims"]:
            return 0  # An enrolment may still come of a claim that was made before: look again.
        if not document.get("cancelled") and document["taken"] < document["capacity"] and document["waiting"] > 0:
            return self._offer_next(session_id, document)
        return self._announce(document)

    def expire_offer(self, enrolment_id: str) -> int:
        """An offer was not taken in time; the next in line is offered."""
        enrolment: Enrolment = self.store.get(enrolment_id).value
        if enrolment.status != domain.OFFERED or (enrolment.offer_expires_at or self.now()) > self.now():
            return 0
        self._leave(enrolment, domain.expire_offer(enrolment, self.now()))
        return 1

    def lapse_some(self, session_id: str, chunk: int) -> int:
        """Applications that nobody approved before the session closed."""
        waiting = self.store.of_session(session_id, [domain.APPLIED], limit=chunk)
        for enrolment in waiting:
            self.store.save(*domain.lapse(enrolment, self.now()))
        return len(waiting)

    def give_back(self, session_id: str, claim: dict[str, Any]) -> int:
        """A claim got old: settle it when its enrolment has the seat, else bar a late commit and free the seat."""
        try:
            stored = self.store.get(claim["e"])
        except NotFound:
            if self.store.work.peek("enrolments", claim["e"]) is None:
                self.store.seats.entomb(claim["e"], self.now())
            self.store.seats.give_back(session_id, claim)
            return 1
        if stored.value.status == domain.APPLIED:
            # An approval froze between claim and commit: a new version makes its late commit fail.
            self.store.save(stored.value, [])
        elif stored.value.active or not self.store.seats.has(session_id, claim):
            self.store.seats.settle_now(session_id, claim["e"])
            return 0
        # Else it ended while it was being approved: nobody who ended it knew of the claim.
        self.store.seats.give_back(session_id, claim)
        return 1

    # -- inside

    def _leave(self, enrolment: Enrolment, decision: Decision) -> Stored:
        if enrolment.status in domain.HOLDS_SEAT | {domain.WAITLISTED}:
            self.store.seats.release(enrolment.id, enrolment.session_id, enrolment.status)
        return self.store.save(*decision)

    def _cancel_some(self, session_id: str, chunk: int) -> int:
        some = self.store.of_session(session_id, sorted(domain.OPEN), limit=chunk)
        document = self.store.seats.document(session_id)
        for enrolment in some:
            self.store.save(*domain.cancel(enrolment, "session_cancelled", None, "catalog", self.now()))
        if some:
            self.store.seats.save({**document, **_left_without(some, document)}, [])
        return len(some)

    def _offer_next(self, session_id: str, document: dict[str, Any]) -> int:
        """Offer the free seat to the lowest ticket; wait while a lower one is claimed and not committed yet."""
        enrolment = self.store.next_waiting(session_id)
        tickets = [c["t"] for c in document["claims"] if c["t"] is not None]
        if enrolment is None or any(ticket < (enrolment.ticket or 0) for ticket in tickets):
            return 0
        self.store.seats.give_offer(session_id)
        self.store.save(*domain.offer(enrolment, self.now()))
        return 1

    def _announce(self, document: dict[str, Any]) -> int:
        now_is = availability_of(document)
        news: list[Event] = []
        if now_is != document["announced"]:
            news = [
                SeatsAvailabilityChanged(
                    session_id=document["_id"], cluster_id=document["cluster_id"], availability=now_is
                )
            ]
        calm = {name: value for name, value in document.items() if name != "needs_care"}
        self.store.seats.save({**calm, "announced": now_is}, news)
        return len(news)

    def _absent(self, enrolment: Enrolment, caller: Caller) -> Enrolment:
        if enrolment.status != domain.CONFIRMED:
            return enrolment
        missed, happened = domain.record_no_show(enrolment, caller.subject, self.now())
        self.store.save(missed, happened)
        return missed

    def _rows(
        self,
        session_id: str,
        rows: Sequence[dict[str, Any]],
        decide: Callable[[Enrolment, dict[str, Any]], Decision],
    ) -> list[Row]:
        self.store.work.preload("enrolments", [row["enrolment_id"] for row in rows])
        return [self._row(number, session_id, row, decide) for number, row in enumerate(rows, start=1)]

    def _row(
        self,
        number: int,
        session_id: str,
        row: dict[str, Any],
        decide: Callable[[Enrolment, dict[str, Any]], Decision],
    ) -> Row:
        enrolment_id = row["enrolment_id"]
        try:
            with self.store.work.savepoint():
                enrolment: Enrolment = self.store.get(enrolment_id).value
                if enrolment.session_id != session_id:
                    raise NotFound(f"Enrolment {enrolment_id} is not in this session.")
                stored = self.store.save(*decide(enrolment, row))
        except ServiceError as error:
            return Row(number=number, enrolment_id=enrolment_id, stored=None, error=error)
        return Row(number=number, enrolment_id=enrolment_id, stored=stored, error=None)

    def _taught(self, caller: Caller, session_id: str) -> domain.Session:
        try:
            session = self.store.copies.session(session_id)
        except NotYetKnown as unknown:
            raise NotFound(f"No session {session_id}.") from unknown
        if not visibility.may_teach(caller, session.cluster_id):
            raise NotFound(f"No session {session_id}.")
        return session

    def _own(self, caller: Caller, enrolment_id: str, if_match: int | None) -> Enrolment:
        stored = self.store.get(enrolment_id)
        enrolment: Enrolment = stored.value
        if not self._sees(caller, enrolment):
            raise NotFound(f"No enrolment {enrolment_id}.")
        _check_version(stored.version, if_match)
        return enrolment

    def _decidable(self, caller: Caller, enrolment_id: str, if_match: int | None) -> Enrolment:
        enrolment = self._own(caller, enrolment_id, if_match)
        if enrolment.employer_id in visibility.acting_employers(caller) or visibility.is_cluster_wide(caller):
            return enrolment
        raise Forbidden("Only the employer's HR or the cluster's manager decides on an application.")

    def _require_fresh(self, caller: Caller) -> None:
        """HR's reads fail closed while employments and consents lag."""
        if visibility.acting_employers(caller):
            self.store.require_fresh(self.now())

    def _may_apply(self, caller: Caller, person: Person, employer_id: str | None) -> None:
        """Themselves, their cluster's portal or manager, or HR for the own people; else there is no such person. Nor
        is there one who was erased."""
        if person.erased:
            raise NotFound("No such worker.")
        if caller.person_id is not None and caller.person_id in (person.id, *self._merged_into(person)):
            return
        if visibility.is_cluster_wide(caller) and caller.cluster_id == person.cluster_id:
            return
        if employer_id is not None and employer_id in visibility.acting_employers(caller):
            return
        raise NotFound("No such worker.")

    def _scope(self, caller: Caller) -> dict[str, Any]:
        """What of the enrolments a list may show at all."""
        if visibility.is_cluster_wide(caller):
            return {"cluster_id": caller.cluster_id}
        choices: list[dict[str, Any]] = [{"person_id": self._of_person(caller.person_id or "")}]
        if employers := visibility.acting_employers(caller):
            choices.append({"employer_id": {"$in": sorted(employers)}})
        return {"$or": choices}

    def _of_person(self, person_id: str) -> dict[str, Any]:
        """All records of the person who answers for this id."""
        copies = self.store.copies
        return {"$in": copies.records_of(copies.known_as(person_id))}

    def _merged_into(self, person: Person) -> list[str]:
        """Other records of theirs. Most people have none, and nothing is read for them."""
        return self.store.copies.records_of(person.id)[1:] if person.merged_from else []

    def _busy(self, session: domain.Session, person: Person) -> list[domain.Session]:
        """Where else their time goes; a session without dates asks for none."""
        return self.store.calendar.sessions_of([person.id, *self._merged_into(person)]) if session.starts_at else []

    def _cause(self, caller: Caller, enrolment: Enrolment) -> str:
        if self._is_theirs(caller, enrolment):
            return "worker"
        return "employer" if enrolment.employer_id in visibility.acting_employers(caller) else "cluster"

    def _is_theirs(self, caller: Caller, enrolment: Enrolment) -> bool:
        """Whether the caller is the worker, be it under another record that was merged."""
        if caller.person_id is None or caller.person_id == enrolment.person_id:
            return caller.person_id is not None
        known_as = self.store.copies.known_as
        return known_as(caller.person_id) == known_as(enrolment.person_id)

    def _sees(self, caller: Caller, enrolment: Enrolment) -> bool:
        return visibility.sees_whole(caller, self._facts(enrolment)) or self._is_theirs(caller, enrolment)

    def _facts(self, enrolment: Enrolment) -> Facts:
        employer = enrolment.employer_id
        may_see = False
        if employer is not None:
            person = self.store.copies.person(enrolment.person_id)
            may_see = person.works_for(employer, self.now().date()) and person.shares_with(employer)
        return Facts(
            person_id=enrolment.person_id,
            home_cluster_id=enrolment.cluster_id,
            employer_id=employer,
            employer_may_see=may_see,
        )


def _left_without(gone: Sequence[Enrolment], seats: dict[str, Any]) -> dict[str, Any]:
    """The counters of a seat document without these, and without what was claimed for those being approved."""
    status = {enrolment.id: enrolment.status for enrolment in gone}
    statuses = list(status.values())
    tickets = [claim["t"] for claim in seats["claims"] if status.get(claim["e"]) == domain.APPLIED]
    return {
        "taken": seats["taken"] - sum(s in domain.HOLDS_SEAT for s in statuses) - tickets.count(None),
        "offered": seats["offered"] - statuses.count(domain.OFFERED),
        "waiting": seats["waiting"] - statuses.count(domain.WAITLISTED) - len(tickets) + tickets.count(None),
        "claims": [claim for claim in seats["claims"] if claim["e"] not in status],
    }


def _check_version(version: int, if_match: int | None) -> None:
    if if_match is not None and if_match != version:
        raise Stale(f"It is at version {version} by now; read it again.")
