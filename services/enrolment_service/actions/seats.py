"""Seats and queues: opened, moved, taken care of, and what old claims held given back."""

from collections.abc import Sequence

from services.enrolment_service import domain
from services.enrolment_service.actions.base import Base
from services.enrolment_service.domain import Claim, Enrolment, Finding, Ledger
from shared.auth import visibility
from shared.auth.caller import Caller
from shared.errors import NotFound, NotYetKnown
from shared.storage.work import Raced
from shared.versioned import require_version


class Seating(Base):
    """The seats of a session, for its trainers, and for events and timers."""

    def seats(self, session_id: str) -> Ledger:
        """The public numbers. NotFound for a session that was cancelled before it opened: there never are any."""
        self._may_have_seats(session_id)
        return self.store.seats.ledger(session_id)

    def seats_of(self, session_ids: Sequence[str]) -> list[Ledger]:
        """The public numbers of these sessions, by one query; those that never opened are left out."""
        return self.store.seats.ledgers(session_ids)

    def set_seats(
        self, caller: Caller, session_id: str, capacity: int, waitlist_limit: int | None, seen: int | None
    ) -> Ledger:
        """Move the capacity, never below what is taken; more seats move the queue. Another cluster's seats are as
        unknown as those of a session whose opening has not come."""
        self._may_have_seats(session_id)
        ledger = self.store.seats.ledger(session_id)
        if not visibility.may_teach(caller, ledger.cluster_id):
            raise NotYetKnown("session", session_id)
        require_version(ledger, seen)
        return self.store.seats.save(*domain.resize(ledger, capacity, waitlist_limit))

    def open_seats(self, session_id: str, cluster_id: str, capacity: int, waitlist_limit: int) -> None:
        """A session opened."""
        self.store.seats.open(session_id, cluster_id, capacity, waitlist_limit)

    def close_seats(self, session_id: str) -> None:
        """A session takes no more applications."""
        self.store.seats.save(domain.close(self.store.seats.ledger(session_id)))

    def cancel_session(self, session_id: str) -> None:
        """A session is cancelled; its enrolments follow, chunk by chunk. One that never opened has none."""
        if self.store.seats.exists(session_id):
            self.store.seats.save(domain.call_off(self.store.seats.ledger(session_id)))

    def care(self, session_id: str, chunk: int = 200) -> int:
        """Do what is due for one session: cancellations, the queue's next offer, the news of its availability."""
        ledger = self.store.seats.ledger(session_id)
        if ledger.cancelled and (moved := self._cancel_some(ledger, chunk)):
            return moved
        if ledger.cancelled and ledger.claims:
            return 0  # An enrolment may still come of a claim that was made before: look again.
        if not ledger.cancelled and ledger.queue_can_move:
            session = self.copies.session(session_id)
            if session.takes_offers(self.now()):
                return self._offer_next(session, ledger)
        calm, news = domain.announce(ledger)
        self.store.seats.save(calm, news)
        return len(news)

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
        """Applications that nobody approved in time."""
        waiting = self.store.of_session(session_id, [domain.APPLIED], limit=chunk)
        for enrolment in waiting:
            self.store.save(*domain.lapse(enrolment, self.now()))
        return len(waiting)

    def give_back(self, session_id: str, claim: Claim) -> int:
        """A claim got old: settle it when its enrolment has the seat, else bar a late commit and free the seat."""
        if not self.store.seats.ledger(session_id).has(claim):
            return 0  # settled, or given back, since it was found
        enrolment = self._stored(claim.enrolment_id)
        if enrolment is not None and enrolment.has_seat_by(claim.id):
            self.store.seats.settle_now(enrolment)
            return 0
        # The seat first: of two who sweep, the later one finds the claim gone, and not only the tombstone there.
        self.store.seats.give_back(session_id, claim)
        if enrolment is None:
            self.store.seats.entomb(claim.enrolment_id, self.now())
        elif enrolment.status == domain.APPLIED:
            # An approval froze between claim and commit: a new version makes its late commit fail.
            self.store.save(enrolment, [])
        # Else a decision came before this approval: the enrolment ended, or has what was claimed for another approval.
        return 1

    def audit(self, session_id: str, repair: bool) -> Finding | None:
        """What is wrong with the numbers of a session. The seats are read before the enrolments, and must be the same
        afterwards: whatever moves a seat moves their version too, and a claim leaves them after its enrolment is there."""
        ledger = self.store.seats.ledger(session_id)
        finding = domain.audit(ledger, self.store.of_session(session_id, [*domain.HOLDS_SEAT, domain.WAITLISTED]))
        if self.store.seats.version_now(session_id) != ledger.version:
            raise Raced
        if finding and repair:
            self.store.seats.save(domain.repair(ledger, finding))
        return finding

    # -- inside

    def _may_have_seats(self, session_id: str) -> None:
        if not self.store.seats.exists(session_id) and self.copies.never_opens(session_id):
            raise NotFound(f"No session {session_id}.")

    def _stored(self, enrolment_id: str) -> Enrolment | None:
        try:
            enrolment = self.store.get(enrolment_id)
        except NotFound:
            return None
        return enrolment

    def _cancel_some(self, ledger: Ledger, chunk: int) -> int:
        some = self.store.of_session(ledger.id, sorted(domain.OPEN), limit=chunk)
        for enrolment in some:
            self.store.save(*domain.cancel(enrolment, "session_cancelled", None, "catalog", self.now()))
        if some:
            self.store.seats.save(ledger.without(some))
        return len(some)

    def _offer_next(self, session: domain.Session, ledger: Ledger) -> int:
        """Offer the free seat to the lowest ticket; look again later while a lower one may be on its way."""
        enrolment = self.store.next_waiting(session.id)
        if enrolment is None or not ledger.is_next(enrolment.ticket or 0):
            return 0
        self.store.seats.give_offer(session.id)
        self.store.save(*domain.offer(enrolment, session, self.now()))
        return 1
