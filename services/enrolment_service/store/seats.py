"""The seat documents: what is counted in them, and who of those that claimed or wait is to be looked after.

A seat document counts what is taken and holds only claims that are not confirmed yet, so it stays small:
`{_id: session, cluster_id, open, capacity, waitlist_limit, taken, offered, waiting, next_ticket, claims}`.
`taken` = confirmed + offered + claimed; `waiting` = tickets without a seat. How seats are claimed: `desk.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo import InsertOne, UpdateOne

from services.enrolment_service import domain
from services.enrolment_service.domain import Claim, Enrolment, Ledger, Seat
from services.enrolment_service.store.claiming import claim_id, forgetting, without
from services.enrolment_service.store.desk import (
    DESK,
    ENROLMENTS,
    SEATS,
    SeatQuestion,
    SlotQuestion,
    duplicate_enrolment,
)
from shared.errors import NotYetKnown, ServiceError
from shared.schemas.event import Event
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

CLAIM_AGE = timedelta(seconds=10)
"""A claim this old belongs to a process that died or froze between claim and commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatCount:
    """The public numbers of a session. held = offered + claimed and not yet confirmed."""

    session_id: str
    cluster_id: str
    capacity: int
    waitlist_limit: int
    confirmed: int
    held: int
    offered: int
    waiting: int
    availability: str
    version: int
    created_at: datetime
    updated_at: datetime


class Seats:
    """The seat documents as one unit of work uses them."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def claim(self, session_id: str, person_id: str, enrolment_id: str, *, existing: bool = False) -> Seat:
        """A seat or a ticket; SESSION_FULL or WAITLIST_FULL; DUPLICATE_ENROLMENT. Asked for many at once."""
        question = SeatQuestion(session_id, person_id, enrolment_id, existing)
        outcome = self._work.ask(question)
        if isinstance(outcome, ServiceError):
            raise outcome
        seat: Seat = outcome
        if not existing and self._work.known(ENROLMENTS, seat.enrolment_id):
            # Two clicks in one group got the same claim; the first of them has made the enrolment.
            raise duplicate_enrolment(seat.enrolment_id)
        self._work.after_commit(lambda: DESK.settle(session_id, seat.claim or seat.enrolment_id))
        return seat

    def check_slots(self, session_id: str, person_ids: Sequence[str]) -> None:
        """DUPLICATE_ENROLMENT when the worker is in this session already, under any of these records. One question."""
        outcome = self._work.ask(SlotQuestion(session_id, tuple(person_ids)))
        if isinstance(outcome, ServiceError):
            raise outcome

    def open(self, session_id: str, cluster_id: str, capacity: int, waitlist_limit: int) -> None:
        """A session opened: its seats are ours from now on."""
        fresh = {"offered": 0, "waiting": 0, "taken": 0, "next_ticket": 1, "claims": [], "announced": "open"}
        terms = {"cluster_id": cluster_id, "capacity": capacity, "waitlist_limit": waitlist_limit, "open": True}
        if self._work.peek(SEATS, session_id) is None:
            self._work.save(SEATS, {"_id": session_id, **terms, **fresh})

    def change(self, session_id: str, steps: Document, condition: Document | None = None) -> None:
        """Change counters in the work's transaction, relative to what they are then. Raced when `condition` fails."""
        stages = [{"$set": {**steps, "version": {"$add": ["$version", 1]}, "updated_at": "$$NOW"}}]
        self._work.also(SEATS, UpdateOne({"_id": session_id, **(condition or {})}, stages))

    def release(self, enrolment: Enrolment) -> None:
        """The enrolment gave up what it held: a seat, an offered seat, or a place in the queue."""
        status = enrolment.status
        steps: Document = {"claims": without("$claims", [enrolment.claim_id])}
        if status in domain.HOLDS_SEAT:
            steps["taken"] = {"$subtract": ["$taken", 1]}
        if status == domain.OFFERED:
            steps["offered"] = {"$subtract": ["$offered", 1]}
        if status == domain.WAITLISTED:
            steps["waiting"] = {"$subtract": ["$waiting", 1]}
        # From here on somebody must look whether the queue can move and whether availability changed.
        self.change(enrolment.session_id, {**steps, "needs_care": True})

    def give_offer(self, session_id: str) -> None:
        """A waiting one holds an offered seat now."""
        self.change(
            session_id,
            {
                "taken": {"$add": ["$taken", 1]},
                "offered": {"$add": ["$offered", 1]},
                "waiting": {"$subtract": ["$waiting", 1]},
            },
            {"$expr": {"$lt": ["$taken", "$capacity"]}},
        )

    def take_offer(self, session_id: str) -> None:
        """An offered seat was accepted."""
        self.change(session_id, {"offered": {"$subtract": ["$offered", 1]}})

    def cancel(self, session_id: str, gone: Sequence[Enrolment]) -> None:
        """These were cancelled with their session; what they held comes free."""
        document = self.document(session_id)
        left = ledger_of(document).without(gone)
        kept = {claim.id for claim in left.claims}
        claims = [claim for claim in document["claims"] if claim_id(claim) in kept]
        counters = {"taken": left.taken, "offered": left.offered, "waiting": left.waiting}
        self.save({**document, **counters, "claims": claims}, [])

    def document(self, session_id: str) -> Document:
        """The seat document; NotYetKnown until the session's opening has come."""
        document = self._work.peek(SEATS, session_id)
        if document is None:
            raise NotYetKnown("session", session_id)
        return document

    def exists(self, session_id: str) -> bool:
        """Whether the session ever opened."""
        return self._work.peek(SEATS, session_id) is not None

    def save(self, document: Document, events: Sequence[Event]) -> Document:
        """Replace the document with its events (capacity, availability, opening and closing)."""
        return self._work.save(SEATS, document, events)

    def count(self, session_id: str) -> SeatCount:
        """The numbers of a session."""
        return counted(self.document(session_id))

    def counts(self, session_ids: Sequence[str]) -> list[SeatCount]:
        """The numbers of those of the sessions that have opened, in their order."""
        self._work.preload(SEATS, session_ids)
        found = (self._work.peek(SEATS, session_id) for session_id in session_ids)
        return [counted(document) for document in found if document is not None]

    def needing_care(self, limit: int, after: str = "") -> list[str]:
        """Sessions where the queue may move or something is to be announced, by id."""
        query = {"needs_care": True, "_id": {"$gt": after}}
        rows = self._work.collection(SEATS).find(query, {"_id": 1}, sort=[("_id", 1)], limit=limit)
        return [row["_id"] for row in rows]

    def with_queue(self, after: str, limit: int) -> list[str]:
        """Sessions in which somebody waits for a seat, by id."""
        query = {"waiting": {"$gt": 0}, "_id": {"$gt": after}}
        rows = self._work.collection(SEATS).find(query, {"_id": 1}, sort=[("_id", 1)], limit=limit, hint="queued")
        return [row["_id"] for row in rows]

    def stale_claims(self, now: datetime, limit: int, after: str = "") -> list[tuple[str, Document]]:
        """(session, claim) of claims that nobody confirmed in time, in so many sessions behind one, by id."""
        query = {"claims.0": {"$exists": True}, "claims.at": {"$lt": now - CLAIM_AGE}, "_id": {"$gt": after}}
        rows = self._work.collection(SEATS).find(query, {"claims": 1}, sort=[("_id", 1)], limit=limit, hint="claimed")
        return [(row["_id"], claim) for row in rows for claim in row["claims"] if claim["at"] < now - CLAIM_AGE]

    def give_back(self, session_id: str, claim: Document) -> None:
        """Undo a claim that never became an enrolment: in the same transaction as whatever bars its late commit."""
        seat = claim["t"] is None
        steps: Document = {
            "claims": without("$claims", [claim_id(claim)]),
            "taken": {"$subtract": ["$taken", 1 if seat else 0]},
            "waiting": {"$subtract": ["$waiting", 0 if seat else 1]},
            "needs_care": True,
        }
        self.change(session_id, steps, {"claims": {"$elemMatch": {"e": claim["e"], "at": claim["at"]}}})

    def has(self, session_id: str, claim: Document) -> bool:
        """Whether this very claim still stands."""
        return any(c["e"] == claim["e"] and c["at"] == claim["at"] for c in self.document(session_id)["claims"])

    def settle_now(self, enrolment: Enrolment) -> None:
        """The claim became an enrolment: forget it."""
        self._work.collection(SEATS).update_one({"_id": enrolment.session_id}, forgetting([enrolment.claim_id]))

    def entomb(self, enrolment_id: str, now: datetime) -> None:
        """Occupy the id of an enrolment that never came, so that a late insert fails."""
        if self._work.peek(ENROLMENTS, enrolment_id) is not None:
            return  # occupied already
        tomb = {"_id": enrolment_id, "tombstone": True, "version": 1, "sequence": 0}
        self._work.also(ENROLMENTS, InsertOne({**tomb, "created_at": now, "updated_at": now}))


def ledger_of(document: Document) -> Ledger:
    """The numbers of a seat document."""
    return Ledger(
        open=document["open"],
        capacity=document["capacity"],
        waitlist_limit=document["waitlist_limit"],
        taken=document["taken"],
        offered=document["offered"],
        waiting=document["waiting"],
        next_ticket=document["next_ticket"],
        claims=tuple(Claim(id=claim_id(c), enrolment_id=c["e"], ticket=c["t"]) for c in document["claims"]),
    )


def counted(document: Document) -> SeatCount:
    """The public numbers of a seat document."""
    ledger = ledger_of(document)
    return SeatCount(
        session_id=document["_id"],
        cluster_id=document["cluster_id"],
        capacity=ledger.capacity,
        waitlist_limit=ledger.waitlist_limit,
        confirmed=ledger.confirmed,
        held=ledger.held,
        offered=ledger.offered,
        waiting=ledger.waiting,
        availability=ledger.availability,
        version=document["version"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
    )
