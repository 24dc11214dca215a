"""The seat desk: who gets a seat and who a ticket, decided by the database in one update, never twice, never too many.

A seat document counts what is taken and holds only claims that are not confirmed yet, so it stays small:
`{_id: session, cluster_id, open, capacity, waitlist_limit, taken, offered, waiting, next_ticket, claims}`.
`taken` = confirmed + offered + claimed; `waiting` = tickets without a seat.

A claim `{c, k, p, e, t, w, at}` belongs to the enrolment `e` of the person `p` alone. `k` is what it is idempotent by in
its session: the stored application that was approved (its id), or, where none is stored yet, the person. Who applies
again after a process died takes up what it had claimed, under the same enrolment id; an approval never takes up anything
but its own. `t` is the ticket (none: a seat), `w` the place in the queue, `c` its own id, which the enrolment keeps: an
approval that comes too late may claim again what was settled long ago, and that one must be given back.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import InsertOne, UpdateOne
from pymongo.errors import ExecutionTimeout, NetworkTimeout, PyMongoError

from services.enrolment_service import domain
from services.enrolment_service.domain import Claim, Enrolment, Ledger, Seat
from services.enrolment_service.store.claiming import CLAIM, claim_id, forgetting, without
from shared.clock import new_id
from shared.errors import Conflict, NotYetKnown, ServiceError
from shared.logs import get_logger
from shared.schemas.event import Event
from shared.storage.mongo import Document, MongoCollection, MongoDatabase, within
from shared.storage.work import Blocked, UnitOfWork
from shared.versioned import Versioned

log = get_logger(__name__)

SEATS = "seats"
ENROLMENTS = "enrolments"
CLAIM_AGE = timedelta(seconds=10)
"""A claim this old belongs to a process that died or froze between claim and commit."""
_SETTLE_SECONDS = 1.0
_CLAIM_SECONDS = 0.3
"""Claims of a whole group take milliseconds. What takes longer waits for a lock that somebody left on a session."""
_LOCKED_SECONDS = 1.0
_PING_SECONDS = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class SeatQuestion:
    """Asks the desk for a seat. `existing` says that the enrolment is stored already (an approval).

    A new application is the same question whatever id it would get, as an act that runs again draws a new one; that of
    a stored enrolment is its own.
    """

    session_id: str
    person_id: str
    enrolment_id: str
    existing: bool = False

    @property
    def key(self) -> str:
        """What its claim is idempotent by, within the session."""
        return self.enrolment_id if self.existing else self.person_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SeatQuestion) and (self.session_id, self.key) == (other.session_id, other.key)

    def __hash__(self) -> int:
        return hash((self.session_id, self.key))


@dataclass(frozen=True, slots=True)
class SlotQuestion:
    """Asks whether the worker, who may have several records, has an active enrolment in the session already."""

    session_id: str
    person_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatCount(Versioned):
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
        id=document["_id"],
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


class Desk:
    """Settled claims of this process, forgotten with the session's next claim or a moment later."""

    def __init__(self) -> None:
        self._settled: dict[str, tuple[float, list[str]]] = {}
        self._locked: dict[str, float] = {}
        self._lock = threading.Lock()

    def settle(self, session_id: str, claim: str) -> None:
        """The enrolment is committed; its claim can go."""
        with self._lock:
            self._settled.setdefault(session_id, (time.monotonic(), []))[1].append(claim)

    def found_locked(self, session_id: str) -> None:
        """Its claims are taken alone for a moment: they must not hold up those in other sessions."""
        self._locked[session_id] = time.monotonic() + _LOCKED_SECONDS

    def is_locked(self, session_id: str) -> bool:
        """Whether a claim in this session waited for a lock a moment ago."""
        until = self._locked.get(session_id)
        if until is not None and until < time.monotonic():
            self._locked.pop(session_id, None)
        return until is not None and session_id in self._locked

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
        gone = [claim for claims in old.values() for claim in claims]
        try:
            if old:
                database[SEATS].update_many({"_id": {"$in": list(old)}}, forgetting("$$gone"), let={"gone": gone})
        except PyMongoError as error:
            # The sweep settles them instead: the claims are old by then and their enrolments are there.
            log.warning("claims_not_settled", error=type(error).__name__)


def resolve_slots(work: UnitOfWork, questions: Sequence[SlotQuestion]) -> Mapping[Any, Any]:
    """Answers many SlotQuestions with one query: None, or DUPLICATE_ENROLMENT."""
    slots = {q: [slot(q.session_id, person) for person in q.person_ids] for q in questions}
    taken = _occupied(work, [one for of_question in slots.values() for one in of_question])
    found = {q: next((taken[one] for one in slots[q] if one in taken), None) for q in questions}
    return {q: None if enrolment is None else duplicate_enrolment(enrolment) for q, enrolment in found.items()}


def resolve_seats(work: UnitOfWork, questions: Sequence[SeatQuestion]) -> Mapping[Any, Any]:
    """Answers many SeatQuestions with one query, one update and one read: a Seat each, or why not."""
    taken = _occupied(work, [_slot(q) for q in questions if not q.existing])
    asking = [q for q in questions if _slot(q) not in taken or q.existing]
    answers: dict[Any, Any] = {q: duplicate_enrolment(taken[_slot(q)]) for q in questions if q not in asking}
    by_session: dict[str, list[SeatQuestion]] = defaultdict(list)
    for question in asking:
        by_session[question.session_id].append(question)
    if by_session:
        documents = _claim(work, by_session)
        answers |= {q: _outcome(q, documents.get(q.session_id)) for q in asking}
    return answers


def _claim(work: UnitOfWork, by_session: Mapping[str, list[SeatQuestion]]) -> Mapping[str, Document | Blocked]:
    """One update for all sessions, outside any transaction; then what stands there. Blocked where somebody holds a lock.

    Of several sessions it is not known which one is locked. So each claim is then made alone, by its own request.
    """
    free = {session: asking for session, asking in by_session.items() if work.alone or not DESK.is_locked(session)}
    found: dict[str, Document | Blocked] = {session: Blocked() for session in by_session if session not in free}
    seats = work.collection(SEATS)
    if free and _claimed(work, seats, free):
        return found | {document["_id"]: document for document in seats.find({"_id": {"$in": list(free)}})}
    if len(free) == 1:
        DESK.found_locked(*free)
    return found | {session: Blocked() for session in free}


def _claimed(work: UnitOfWork, seats: MongoCollection, by_session: Mapping[str, list[SeatQuestion]]) -> bool:
    """False when a lock was in the way. May be repeated after anything: who has a claim gets no second one."""
    now = work.clock()
    desks = [
        {
            "session": session,
            "asking": [_claim_of(q, now) for q in asking],
            "settled": DESK.take_settled(session),
        }
        for session, asking in by_session.items()
    ]
    try:
        with within(_CLAIM_SECONDS):
            seats.update_many({"_id": {"$in": list(by_session)}}, CLAIM, let={"desks": desks})
    except (ExecutionTimeout, NetworkTimeout):
        with within(_PING_SECONDS):
            work.database.command("ping")  # raises unless it is the lock, and not MongoDB, that made us wait
        return False
    return True


def _claim_of(question: SeatQuestion, now: datetime) -> Document:
    who = {"c": new_id(), "k": question.key, "p": question.person_id, "e": question.enrolment_id}
    return {**who, "t": None, "w": None, "at": now}


def _outcome(question: SeatQuestion, document: Document | Blocked | None) -> Seat | ServiceError | Blocked:
    if isinstance(document, Blocked):
        return document
    if document is None:
        return NotYetKnown("session", question.session_id)
    for claim in document["claims"]:
        if claim.get("k") == question.key:
            return Seat(enrolment_id=claim["e"], claim=claim_id(claim), ticket=claim["t"], place=claim["w"])
    if not document["open"]:
        return Conflict("The session takes no more applications.", code="SESSION_NOT_OPEN")
    if document["waitlist_limit"] == 0:
        return Conflict("All seats are taken and there is no waiting list.", code="SESSION_FULL")
    return Conflict("All seats are taken and the waiting list is full.", code="WAITLIST_FULL")


def _occupied(work: UnitOfWork, slots: Sequence[str]) -> dict[str, str]:
    """Which of these slots an active enrolment has, and its id."""
    return {slot: document["_id"] for slot, document in work.find_by(ENROLMENTS, "slot", slots).items()}


def _slot(question: SeatQuestion) -> str:
    return slot(question.session_id, question.person_id)


def slot(session_id: str, person_id: str) -> str:
    """What an active enrolment occupies: the unique index and every question about it use this one text."""
    return f"{session_id}/{person_id}"


def duplicate_enrolment(existing: str | None) -> Conflict:
    """One active enrolment per worker and session."""
    known = f" ({existing})" if existing else ""
    return Conflict(f"The worker already has an active enrolment in this session{known}.", code="DUPLICATE_ENROLMENT")
