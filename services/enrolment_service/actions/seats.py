"""Seats and queues: opened, moved, taken care of, and what old claims held given back."""

from collections.abc import Sequence
from typing import Any

from services.enrolment_service import domain
from services.enrolment_service.actions.base import Base, check_version
from services.enrolment_service.domain import Enrolment
from services.enrolment_service.store.seats import SeatCount, availability_of
from shared.auth import visibility
from shared.auth.caller import Caller
from shared.errors import NotFound
from shared.schemas.enrolment import SeatsAvailabilityChanged, SeatsCapacityChanged
from shared.schemas.event import Event


class Seating(Base):
    """The seats of a session, for its trainers, and for events and timers."""

    def seats(self, session_id: str) -> SeatCount:
        """The public numbers."""
        return self.store.seats.count(session_id)

    def seats_of(self, session_ids: Sequence[str]) -> list[SeatCount]:
        """The public numbers of these sessions, by one query; those that never opened are left out."""
        return self.store.seats.counts(session_ids)

    def set_seats(
        self, caller: Caller, session_id: str, capacity: int, waitlist_limit: int | None, if_match: int | None
    ) -> SeatCount:
        """Move the capacity, never below what is taken; more seats move the queue."""
        document = self.store.seats.document(session_id)
        if not visibility.may_teach(caller, document["cluster_id"]):
            raise NotFound(f"No session {session_id}.")
        check_version(document["version"], if_match)
        domain.check_capacity(capacity, document["taken"])
        limit = document["waitlist_limit"] if waitlist_limit is None else waitlist_limit
        changed = SeatsCapacityChanged(
            session_id=session_id, cluster_id=document["cluster_id"], capacity=capacity, waitlist_limit=limit
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
