"""The seat documents: what is counted in them, and who of those that claimed or wait is to be looked after.

A seat document counts what is taken and holds only claims that are not confirmed yet, so it stays small:
`{_id: session, cluster_id, open, capacity, waitlist_limit, taken, offered, waiting, next_ticket, claims}`.
`taken` = confirmed + offered + claimed; `waiting` = tickets without a seat. How seats are claimed: `desk.py`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import InsertOne, UpdateOne

from services.enrolment_service import domain
from services.enrolment_service.domain import Claim, Counts, Enrolment, Ledger, Seat
from services.enrolment_service.store.claiming import claim_id, forgetting, without
from services.enrolment_service.store.desk import (
    ENROLMENTS,
    SEATS,
    Claimed,
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
        claimed: Claimed = outcome
        if not existing and self._work.known(ENROLMENTS, claimed.seat.enrolment_id):
            # Two clicks in one group got the same claim; the first of them has made the enrolment.
            raise duplicate_enrolment(claimed.seat.enrolment_id)
        self._work.after_commit(claimed.settle)
        return claimed.seat

    def check_slots(self, session_id: str, person_ids: Sequence[str]) -> None:
        """DUPLICATE_ENROLMENT when the worker is in this session already, under any of these records. One question."""
        outcome = self._work.ask(SlotQuestion(session_id, tuple(person_ids)))
        if isinstance(outcome, ServiceError):
            raise outcome

    def open(self, session_id: str, cluster_id: str, capacity: int, waitlist_limit: int) -> None:
        """A session opened: its seats are ours from now on."""
        if self._work.peek(SEATS, session_id) is None:
            self.save(
                Ledger(
                    id=session_id, cluster_id=cluster_id, open=True, capacity=capacity, waitlist_limit=waitlist_limit
                )
            )

    def take(self, session_id: str, enrolment_id: str) -> Seat:
        """A seat or a ticket within this unit of work, without the desk: for many at once, and for timers. Whoever claims
        at the same moment makes it Raced."""
        ledger, seat = domain.hand_out(self.ledger(session_id), enrolment_id)
        self.save(ledger)
        return seat

    def release(self, enrolment: Enrolment) -> None:
        """The enrolment gave up what it held: a seat, an offered seat, or a place in the queue."""
        claims = {"claims": without("$claims", [enrolment.claim_id])}
        # From here on somebody must look whether the queue can move and whether availability changed.
        self._count(enrolment.session_id, -domain.held_by(enrolment), {**claims, "needs_care": True})

    def give_offer(self, session_id: str) -> None:
        """A waiting one holds an offered seat now."""
        self._count(session_id, domain.OFFERS, {}, {"$expr": {"$lt": ["$taken", "$capacity"]}})

    def take_offer(self, session_id: str) -> None:
        """An offered seat was accepted."""
        self._count(session_id, domain.ACCEPTS, {})

    def _count(self, session_id: str, counts: Counts, more: Document, condition: Document | None = None) -> None:
        """Change numbers in the work's transaction, relative to what they are then. Raced when `condition` fails."""
        known = {"taken": counts.taken, "offered": counts.offered, "waiting": counts.waiting}
        steps = {name: {"$add": [f"${name}", number]} for name, number in known.items() if number}
        stages = [{"$set": {**steps, **more, "version": {"$add": ["$version", 1]}, "updated_at": "$$NOW"}}]
        self._work.also(SEATS, UpdateOne({"_id": session_id, **(condition or {})}, stages))

    def ledger(self, session_id: str) -> Ledger:
        """The seats of a session; NotYetKnown until its opening has come."""
        document = self._work.peek(SEATS, session_id)
        if document is None:
            raise NotYetKnown("session", session_id)
        return ledger_of(document)

    def exists(self, session_id: str) -> bool:
        """Whether the session ever opened."""
        return self._work.peek(SEATS, session_id) is not None

    def save(self, ledger: Ledger, events: Sequence[Event] = ()) -> Ledger:
        """Replace the ledger with its events (capacity, availability, opening and closing); returns it as stored."""
        return ledger_of(self._work.save(SEATS, _document(ledger), events))

    def ledgers(self, session_ids: Sequence[str]) -> list[Ledger]:
        """The seats of those of the sessions that have opened, in their order."""
        self._work.preload(SEATS, session_ids)
        found = (self._work.peek(SEATS, session_id) for session_id in session_ids)
        return [ledger_of(document) for document in found if document is not None]

    def needing_care(self, limit: int, after: str = "") -> list[str]:
        """Sessions where the queue may move or something is to be announced, by id."""
        query = {"needs_care": True, "_id": {"$gt": after}}
        rows = self._work.collection(SEATS).find(query, {"_id": 1}, sort=[("_id", 1)], limit=limit)
        return [row["_id"] for row in rows]

    def all_of(self, after: str, limit: int) -> list[str]:
        """All sessions that ever opened, by id."""
        rows = self._work.collection(SEATS).find({"_id": {"$gt": after}}, {"_id": 1}, sort=[("_id", 1)], limit=limit)
        return [row["_id"] for row in rows]

    def version_now(self, session_id: str) -> int | None:
        """The version of a session's seats at this moment, whatever was read before."""
        row = self._work.collection(SEATS).find_one({"_id": session_id}, {"version": 1})
        return row["version"] if row else None

    def with_queue(self, after: str, limit: int) -> list[str]:
        """Sessions in which somebody waits for a seat, by id."""
        query = {"waiting": {"$gt": 0}, "_id": {"$gt": after}}
        rows = self._work.collection(SEATS).find(query, {"_id": 1}, sort=[("_id", 1)], limit=limit, hint="queued")
        return [row["_id"] for row in rows]

    def stale_claims(self, now: datetime, limit: int, after: str = "") -> list[tuple[str, Claim]]:
        """(session, claim) of claims that nobody confirmed in time, in so many sessions behind one, by id."""
        query = {"claims.0": {"$exists": True}, "claims.at": {"$lt": now - CLAIM_AGE}, "_id": {"$gt": after}}
        rows = self._work.collection(SEATS).find(query, {"claims": 1}, sort=[("_id", 1)], limit=limit, hint="claimed")
        return [(row["_id"], _claim(one)) for row in rows for one in row["claims"] if one["at"] < now - CLAIM_AGE]

    def give_back(self, session_id: str, claim: Claim) -> None:
        """Undo a claim that never became an enrolment: in the same transaction as whatever bars its late commit."""
        more: Document = {"claims": without("$claims", [claim.id]), "needs_care": True}
        still_there = {"claims": {"$elemMatch": {"e": claim.enrolment_id, "at": claim.at}}}
        self._count(session_id, -claim.counts, more, still_there)

    def settle_now(self, enrolment: Enrolment) -> None:
        """The claim became an enrolment: forget it."""
        self._work.collection(SEATS).update_one({"_id": enrolment.session_id}, forgetting([enrolment.claim_id]))

    def entomb(self, enrolment_id: str, now: datetime) -> None:
        """Occupy the id of an enrolment that never came, so that a late insert fails."""
        if self._work.peek(ENROLMENTS, enrolment_id) is not None:
            return  # occupied already
        tomb = {"_id": enrolment_id, "tombstone": True, "version": 1, "sequence": 0}
        self._work.also(ENROLMENTS, InsertOne({**tomb, "created_at": now, "updated_at": now}))


_NUMBERS = (
    "cluster_id",
    "open",
    "capacity",
    "waitlist_limit",
    "taken",
    "offered",
    "waiting",
    "next_ticket",
    "announced",
)
_VERSION = ("version", "created_at", "updated_at")


def ledger_of(document: Document) -> Ledger:
    """The ledger in a seat document."""
    return Ledger(
        id=document["_id"],
        claims=tuple(_claim(claim) for claim in document["claims"]),
        needs_care=document.get("needs_care", False),
        cancelled=document.get("cancelled", False),
        **{name: document[name] for name in (*_NUMBERS, *_VERSION)},
    )


def _document(ledger: Ledger) -> Document:
    """`needs_care` stands in it only where it is so: an index finds those."""
    marks = {name: True for name in ("needs_care", "cancelled") if getattr(ledger, name)}
    numbers = {name: getattr(ledger, name) for name in _NUMBERS}
    return {"_id": ledger.id, **numbers, "claims": [_claim_document(claim) for claim in ledger.claims], **marks}


def _claim(claim: Document) -> Claim:
    return Claim(
        id=claim_id(claim),
        enrolment_id=claim["e"],
        ticket=claim["t"],
        place=claim.get("w"),
        key=claim.get("k"),
        person_id=claim.get("p"),
        at=claim["at"],
    )


def _claim_document(claim: Claim) -> Document:
    who = {"c": claim.id, "k": claim.key, "p": claim.person_id, "e": claim.enrolment_id}
    return {**who, "t": claim.ticket, "w": claim.place, "at": claim.at}
