"""Seats and queues: opened, moved, taken care of, and what old claims held given back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from services.enrolment_service import domain
from services.enrolment_service.actions.base import Base
from services.enrolment_service.domain import Enrolment
from services.enrolment_service.store.claiming import claim_id
from services.enrolment_service.store.seats import SeatCount, ledger_of
from shared.auth import visibility
from shared.auth.caller import Caller
from shared.errors import NotFound, NotYetKnown
from shared.schemas.enrolment import SeatsAvailabilityChanged, SeatsCapacityChanged
from shared.schemas.event import Event
from shared.versioned import require_version


class Seating(Base):
    """The seats of a session, for its trainers, and for events and timers."""

    def seats(self, session_id: str) -> SeatCount:
        """The public numbers. NotFound for a session that was cancelled before it opened: there never are any."""
        self._may_have_seats(session_id)
        return self.store.seats.count(session_id)

    def seats_of(self, session_ids: Sequence[str]) -> list[SeatCount]:
        """The public numbers of these sessions, by one query; those that never opened are left out."""
        return self.store.seats.counts(session_ids)

    def set_seats(
        self, caller: Caller, session_id: str, capacity: int, waitlist_limit: int | None, seen: int | None
    ) -> SeatCount:
        """Move the capacity, never below what is taken; more seats move the queue. Another cluster's seats are as
        unknown as those of a session whose opening has not come."""
        self._may_have_seats(session_id)
        document = self.store.seats.document(session_id)
        if not visibility.may_teach(caller, document["cluster_id"]):
            raise NotYetKnown("session", session_id)
        ledger = ledger_of(document)
        require_version(self.store.seats.count(session_id), seen)
        domain.check_capacity(capacity, ledger.taken)
        limit = document["waitlist_limit"] if waitlist_limit is None else waitlist_limit
        changed = SeatsCapacityChanged(
            session_id=session_id,
            cluster_id=document["cluster_id"],
            capacity=capacity,
            waitlist_limit=limit,
            free=replace(ledger, capacity=capacity).free,
            waiting=ledger.waiting,
        )
        terms = {"capacity": capacity, "waitlist_limit": limit, "needs_care": True}
        self.store.seats.save({**document, **terms}, [changed])
        return self.store.seats.count(session_id)

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

    def care(self, session_id: str, chunk: int = 200) -> int:
        """Do what is due for one session: cancellations, the queue's next offer, the news of its availability."""
        document = self.store.seats.document(session_id)
        if document.get("cancelled") and (moved := self._cancel_some(session_id, chunk)):
            return moved
        if document.get("cancelled") and document["claims"]:
            return 0  # An enrolment may still come of a claim that was made before: look again.
        if not document.get("cancelled") and ledger_of(document).queue_can_move:
            session = self.store.copies.session(session_id)
            if session.takes_offers(self.now()):
                return self._offer_next(session, document)
        return self._announce(document)

    def end_queue(self, session_id: str, chunk: int = 50) -> int:
        """Nobody waits for a seat in a session that has begun: some of those who do lapse."""
        waiting = self.store.of_session(session_id, [domain.WAITLISTED], limit=chunk)
        for enrolment in waiting:
            self._leave(enrolment, domain.lapse(enrolment, self.now()))
        return len(waiting)

    def expire_offer(self, enrolment_id: str) -> int:
        """An offer was not taken in time; the next in line is offered."""
        enrolment = self.store.get(enrolment_id)
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
        if not self.store.seats.has(session_id, claim):
            return 0  # settled, or given back, since it was found
        enrolment = self._stored(claim["e"])
        if enrolment is not None and enrolment.has_seat_by(claim_id(claim)):
            self.store.seats.settle_now(enrolment)
            return 0
        # The seat first: of two who sweep, the later one finds the claim gone, and not only the tombstone there.
        self.store.seats.give_back(session_id, claim)
        if enrolment is None:
            self.store.seats.entomb(claim["e"], self.now())
        elif enrolment.status == domain.APPLIED:
            # An approval froze between claim and commit: a new version makes its late commit fail.
            self.store.save(enrolment, [])
        # Else a decision came before this approval: the enrolment ended, or has what was claimed for another approval.
        return 1

    # -- inside

    def _may_have_seats(self, session_id: str) -> None:
        if not self.store.seats.exists(session_id) and self.store.copies.never_opens(session_id):
            raise NotFound(f"No session {session_id}.")

    def _stored(self, enrolment_id: str) -> Enrolment | None:
        try:
            enrolment = self.store.get(enrolment_id)
        except NotFound:
            return None
        return enrolment

    def _cancel_some(self, session_id: str, chunk: int) -> int:
        some = self.store.of_session(session_id, sorted(domain.OPEN), limit=chunk)
        for enrolment in some:
            self.store.save(*domain.cancel(enrolment, "session_cancelled", None, "catalog", self.now()))
        if some:
            self.store.seats.cancel(session_id, some)
        return len(some)

    def _offer_next(self, session: domain.Session, document: dict[str, Any]) -> int:
        """Offer the free seat to the lowest ticket; look again later while a lower one may be on its way."""
        enrolment = self.store.next_waiting(session.id)
        if enrolment is None or not ledger_of(document).is_next(enrolment.ticket or 0):
            return 0
        self.store.seats.give_offer(session.id)
        self.store.save(*domain.offer(enrolment, session, self.now()))
        return 1

    def _announce(self, document: dict[str, Any]) -> int:
        ledger = ledger_of(document)
        now_is = ledger.availability
        news: list[Event] = []
        if now_is != document["announced"]:
            news = [
                SeatsAvailabilityChanged(
                    session_id=document["_id"],
                    cluster_id=document["cluster_id"],
                    availability=now_is,
                    free=ledger.free,
                    waiting=ledger.waiting,
                )
            ]
        calm = {name: value for name, value in document.items() if name != "needs_care"}
        self.store.seats.save({**calm, "announced": now_is}, news)
        return len(news)
