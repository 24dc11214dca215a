"""The seat desk: who gets a seat and who a ticket, decided by the database in one update, never twice, never too many.

A seat document counts what is taken and holds only claims that are not confirmed yet, so it stays small:
`{_id: session, cluster_id, open, capacity, waitlist_limit, taken, offered, waiting, next_ticket, claims: [{p, e, t, w, at}]}`.
`taken` = confirmed + offered + claimed; `waiting` = tickets without a seat. A claim is idempotent by (session, person).
"""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pymongo import InsertOne, UpdateOne
from pymongo.errors import AutoReconnect, PyMongoError

from services.enrolment_service import domain
from services.enrolment_service.domain import Seat
from shared.errors import Conflict, NotYetKnown, ServiceError
from shared.logs import get_logger
from shared.schemas.event import Event
from shared.storage.mongo import Document, MongoDatabase
from shared.storage.work import UnitOfWork

log = get_logger(__name__)

SEATS = "seats"
ENROLMENTS = "enrolments"
CLAIM_AGE = timedelta(seconds=10)
"""A claim this old belongs to a process that died or froze between claim and commit."""
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SeatQuestion:
    """Asks the desk for a seat. `existing` says that the enrolment is stored already (an approval).

    The same question whatever id the enrolment would get: an act that runs again draws a new one.
    """

    session_id: str
    person_id: str
    enrolment_id: str = field(compare=False)
    existing: bool = False


@dataclass(frozen=True, slots=True)
class SlotQuestion:
    """Asks whether the worker has an active enrolment in the session already."""

    session_id: str
    person_id: str


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
        self._work.after_commit(lambda: DESK.settle(session_id, seat.enrolment_id))
        return seat

    def check_slot(self, session_id: str, person_id: str) -> None:
        """DUPLICATE_ENROLMENT when the worker is in this session already."""
        outcome = self._work.ask(SlotQuestion(session_id, person_id))
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

    def release(self, enrolment_id: str, session_id: str, status: str) -> None:
        """The enrolment gave up what it held: a seat, an offered seat, or a place in the queue."""
        steps: Document = {"claims": _without("$claims", [enrolment_id])}
        if status in domain.HOLDS_SEAT:
            steps["taken"] = {"$subtract": ["$taken", 1]}
        if status == domain.OFFERED:
            steps["offered"] = {"$subtract": ["$offered", 1]}
        if status == domain.WAITLISTED:
            steps["waiting"] = {"$subtract": ["$waiting", 1]}
        # From here on somebody must look whether the queue can move and whether availability changed.
        self.change(session_id, {**steps, "needs_care": True})

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

    def needing_care(self, limit: int) -> list[str]:
        """Sessions where the queue may move or something is to be announced."""
        rows = self._work.collection(SEATS).find({"needs_care": True}, {"_id": 1}, limit=limit)
        return [row["_id"] for row in rows]

    def stale_claims(self, now: datetime, limit: int) -> list[tuple[str, Document]]:
        """(session, claim) of claims that nobody confirmed in time."""
        query = {"claims.0": {"$exists": True}, "claims.at": {"$lt": now - CLAIM_AGE}}
        rows = self._work.collection(SEATS).find(query, {"claims": 1}, limit=limit, hint="claimed")
        return [(row["_id"], claim) for row in rows for claim in row["claims"] if claim["at"] < now - CLAIM_AGE]

    def give_back(self, session_id: str, claim: Document) -> None:
        """Undo a claim that never became an enrolment: in the same transaction as whatever bars its late commit."""
        seat = claim["t"] is None
        steps: Document = {
            "claims": _without("$claims", [claim["e"]]),
            "taken": {"$subtract": ["$taken", 1 if seat else 0]},
            "waiting": {"$subtract": ["$waiting", 0 if seat else 1]},
            "needs_care": True,
        }
        self.change(session_id, steps, {"claims": {"$elemMatch": {"e": claim["e"], "at": claim["at"]}}})

    def has(self, session_id: str, claim: Document) -> bool:
        """Whether this very claim still stands."""
        return any(c["e"] == claim["e"] and c["at"] == claim["at"] for c in self.document(session_id)["claims"])

    def settle_now(self, session_id: str, enrolment_id: str) -> None:
        """The claim became an enrolment: forget it."""
        self._work.collection(SEATS).update_one({"_id": session_id}, _forgetting([enrolment_id]))

    def entomb(self, enrolment_id: str, now: datetime) -> None:
        """Occupy the id of an enrolment that never came, so that a late insert fails."""
        tomb = {"_id": enrolment_id, "tombstone": True, "version": 1, "sequence": 0}
        self._work.also(ENROLMENTS, InsertOne({**tomb, "created_at": now, "updated_at": now}))


def counted(document: Document) -> SeatCount:
    """The public numbers of a seat document."""
    claimed = sum(1 for claim in document["claims"] if claim["t"] is None)
    return SeatCount(
        session_id=document["_id"],
        cluster_id=document["cluster_id"],
        capacity=document["capacity"],
        waitlist_limit=document["waitlist_limit"],
        confirmed=document["taken"] - document["offered"] - claimed,
        held=document["offered"] + claimed,
        offered=document["offered"],
        waiting=document["waiting"],
        availability=availability_of(document),
        version=document["version"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
    )


def availability_of(document: Document) -> str:
    """What a newcomer finds."""
    return domain.availability(
        open_=document["open"],
        capacity=document["capacity"],
        taken=document["taken"],
        waiting=document["waiting"],
        waitlist_limit=document["waitlist_limit"],
    )


class Desk:
    """Settled claims of this process, forgotten with the session's next claim or a moment later."""

    def __init__(self) -> None:
        self._settled: dict[str, tuple[float, list[str]]] = {}
        self._lock = threading.Lock()

    def settle(self, session_id: str, enrolment_id: str) -> None:
        """The enrolment is committed; its claim can go."""
        with self._lock:
            self._settled.setdefault(session_id, (time.monotonic(), []))[1].append(enrolment_id)

    def take_settled(self, session_id: str) -> list[str]:
        """Claims of this session that can go now."""
        with self._lock:
            return self._settled.pop(session_id, _NOTHING)[1]

    def take_old(self, seconds: float) -> dict[str, list[str]]:
        """Claims that no later claim of their session took along for so long."""
        before = time.monotonic() - seconds
        with self._lock:
            old = [session for session, (since, _) in self._settled.items() if since <= before]
            return {session: self._settled.pop(session)[1] for session in old}


_NOTHING: tuple[float, list[str]] = (0.0, [])
DESK = Desk()


def settle_until(closing: threading.Event, database: MongoDatabase) -> None:
    """Forget settled claims that no later claim takes along. For a daemon thread of an API process."""
    while not closing.wait(_SETTLE_SECONDS / 2):
        old = DESK.take_old(_SETTLE_SECONDS)
        gone = [enrolment for ids in old.values() for enrolment in ids]
        try:
            if old:
                database[SEATS].update_many({"_id": {"$in": list(old)}}, _forgetting("$$gone"), let={"gone": gone})
        except PyMongoError as error:
            # The sweep settles them instead: the claims are old by then and their enrolments are there.
            log.warning("claims_not_settled", error=type(error).__name__)


def resolve_slots(work: UnitOfWork, questions: Sequence[SlotQuestion]) -> Mapping[Any, Any]:
    """Answers many SlotQuestions with one query: None, or DUPLICATE_ENROLMENT."""
    taken = _occupied(work, questions)
    return {q: duplicate_enrolment(taken[_slot(q)]) if _slot(q) in taken else None for q in questions}


def resolve_seats(work: UnitOfWork, questions: Sequence[SeatQuestion]) -> Mapping[Any, Any]:
    """Answers many SeatQuestions with one query, one update and one read: a Seat each, or why not."""
    taken = _occupied(work, [q for q in questions if not q.existing])
    asking = [q for q in questions if _slot(q) not in taken or q.existing]
    answers: dict[Any, Any] = {q: duplicate_enrolment(taken[_slot(q)]) for q in questions if q not in asking}
    by_session: dict[str, list[SeatQuestion]] = defaultdict(list)
    for question in asking:
        by_session[question.session_id].append(question)
    if by_session:
        documents = _claim(work, by_session)
        answers |= {q: _outcome(q, documents.get(q.session_id)) for q in asking}
    return answers


def _claim(work: UnitOfWork, by_session: Mapping[str, list[SeatQuestion]]) -> dict[str, Document]:
    """One update for all sessions, outside any transaction; then what stands there."""
    seats = work.collection(SEATS)
    now = work.clock()
    desks = [
        {
            "session": session,
            "asking": [{"p": q.person_id, "e": q.enrolment_id, "t": None, "w": None, "at": now} for q in asking],
            "settled": DESK.take_settled(session),
        }
        for session, asking in by_session.items()
    ]
    sessions = {"_id": {"$in": list(by_session)}}
    try:
        seats.update_many(sessions, _CLAIM, let={"desks": desks})
    except AutoReconnect:
        # The driver does not repeat an update of many. This one may be: who has a claim gets no second one.
        seats.update_many(sessions, _CLAIM, let={"desks": desks})
    return {document["_id"]: document for document in seats.find(sessions)}


_AVAILABILITY: Document = {
    "$switch": {
        "branches": [
            {"case": {"$not": ["$open"]}, "then": "closed"},
            {"case": {"$and": [{"$eq": ["$waiting", 0]}, {"$lt": ["$taken", "$capacity"]}]}, "then": "open"},
            {"case": {"$lt": ["$waiting", "$waitlist_limit"]}, "then": "waitlist_only"},
        ],
        "default": "full",
    }
}
"""`domain.availability` as the database computes it."""


def _claim_stages() -> list[Document]:
    """Of each session's document: hand out seats and tickets to those who ask at its desk, in their order.

    A pipeline parsed once for all sessions of a group: a statement for each cost mongod three times as much.
    """
    now = "$$value"
    has_claim = {"$in": ["$$this.p", f"{now}.claims.p"]}
    seat_free = {"$and": ["$open", {"$eq": [f"{now}.waiting", 0]}, {"$lt": [f"{now}.taken", "$capacity"]}]}
    queue_free = {"$and": ["$open", {"$lt": [f"{now}.waiting", "$waitlist_limit"]}]}
    ticket = {"t": f"{now}.next", "w": {"$add": [f"{now}.waiting", 1]}}
    gets_seat = {
        "taken": {"$add": [f"{now}.taken", 1]},
        "waiting": f"{now}.waiting",
        "next": f"{now}.next",
        "claims": {"$concatArrays": [f"{now}.claims", ["$$this"]]},
    }
    gets_ticket = {
        "taken": f"{now}.taken",
        "waiting": {"$add": [f"{now}.waiting", 1]},
        "next": {"$add": [f"{now}.next", 1]},
        "claims": {"$concatArrays": [f"{now}.claims", [{"$mergeObjects": ["$$this", ticket]}]]},
    }
    branches = [
        {"case": has_claim, "then": now},
        {"case": seat_free, "then": gets_seat},
        {"case": queue_free, "then": gets_ticket},
    ]
    start = {
        "taken": "$taken",
        "waiting": "$waiting",
        "next": "$next_ticket",
        "claims": _without("$claims", "$desk.settled"),
    }
    hand_out = {
        "$reduce": {
            "input": "$desk.asking",
            "initialValue": start,
            "in": {"$switch": {"branches": branches, "default": now}},
        }
    }
    own = {"$filter": {"input": "$$desks", "as": "desk", "cond": {"$eq": ["$$desk.session", "$_id"]}}}
    return [
        {"$set": {"desk": {"$first": own}}},
        {"$set": {"r": hand_out}},
        {
            "$set": {
                "taken": "$r.taken",
                "waiting": "$r.waiting",
                "next_ticket": "$r.next",
                "claims": "$r.claims",
                "version": {"$add": ["$version", 1]},
                "updated_at": "$$NOW",
            }
        },
        # Only a change of availability needs somebody to look.
        {"$set": {"needs_care": {"$cond": [{"$eq": [_AVAILABILITY, "$announced"]}, "$needs_care", True]}}},
        {"$unset": ["desk", "r"]},
    ]


def _outcome(question: SeatQuestion, document: Document | None) -> Seat | ServiceError:
    if document is None:
        return NotYetKnown("session", question.session_id)
    for claim in document["claims"]:
        if claim["p"] == question.person_id:
            return Seat(enrolment_id=claim["e"], ticket=claim["t"], place=claim["w"])
    if not document["open"]:
        return Conflict("The session takes no more applications.", code="SESSION_NOT_OPEN")
    if document["waitlist_limit"] == 0:
        return Conflict("All seats are taken and there is no waiting list.", code="SESSION_FULL")
    return Conflict("All seats are taken and the waiting list is full.", code="WAITLIST_FULL")


def _occupied(work: UnitOfWork, questions: Sequence[SeatQuestion | SlotQuestion]) -> dict[str, str]:
    wanted = [_slot(q) for q in questions]
    return {slot: document["_id"] for slot, document in work.find_by(ENROLMENTS, "slot", wanted).items()}


def _slot(question: SeatQuestion | SlotQuestion) -> str:
    return slot(question.session_id, question.person_id)


def slot(session_id: str, person_id: str) -> str:
    """What an active enrolment occupies: the unique index and every question about it use this one text."""
    return f"{session_id}/{person_id}"


def duplicate_enrolment(existing: str | None) -> Conflict:
    """One active enrolment per worker and session."""
    known = f" ({existing})" if existing else ""
    return Conflict(f"The worker already has an active enrolment in this session{known}.", code="DUPLICATE_ENROLMENT")


def _without(claims: str, enrolment_ids: Sequence[str] | str) -> Document:
    """The claims except those for these enrolments: a list of ids, or the expression of one."""
    known = enrolment_ids if isinstance(enrolment_ids, str) else list(enrolment_ids)
    return {"$filter": {"input": claims, "as": "claim", "cond": {"$not": [{"$in": ["$$claim.e", known]}]}}}


def _forgetting(enrolment_ids: Sequence[str] | str) -> list[Document]:
    return [{"$set": {"claims": _without("$claims", enrolment_ids)}}]


_CLAIM: list[Document] = _claim_stages()
