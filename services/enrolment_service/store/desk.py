"""Claiming seats: who gets a seat and who a ticket, decided by the database in one update, never twice, never too many.

A claim `{c, k, p, e, t, w, at}` belongs to the enrolment `e` of the person `p` alone. `k` is what it is idempotent by in
its session: the stored application that was approved (its id), or, where none is stored yet, the person. Who applies
again after a process died takes up what it had claimed, under the same enrolment id; an approval never takes up anything
but its own. `t` is the ticket (none: a seat), `w` the place in the queue, `c` its own id, which the enrolment keeps: an
approval that comes too late may claim again what was settled long ago, and that one must be given back.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from pymongo.errors import ExecutionTimeout, NetworkTimeout, PyMongoError

from services.enrolment_service.domain import Ledger, Seat, no_seat
from services.enrolment_service.store.claiming import CLAIM, claim_id, forgetting
from shared.clock import new_id
from shared.errors import Conflict, NotYetKnown, ServiceError
from shared.logs import get_logger
from shared.storage.mongo import Document, MongoCollection, MongoDatabase, within
from shared.storage.work import Blocked, UnitOfWork

log = get_logger(__name__)

SEATS = "seats"
ENROLMENTS = "enrolments"
_SETTLE_SECONDS = 1.0
CLAIM_SECONDS = 0.3
"""Claims of a whole group take milliseconds. What takes longer waits for a lock that somebody left on a session."""
_LOCKED_SECONDS = 1.0
_PING_SECONDS = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class SeatQuestion:
    """Asks for a seat. `existing` says that the enrolment is stored already (an approval).

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


@dataclass(frozen=True, slots=True)
class Claimed:
    """The answer to a SeatQuestion. `settle` is to be called when the enrolment is committed: then the claim can go."""

    seat: Seat
    settle: Callable[[], None]


class SeatClaims:
    """Claims seats for all who ask in this process, and forgets claims that became enrolments: with the session's next
    claim, or a moment later. One in each API process."""

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

    def settle_until(self, closing: threading.Event, database: MongoDatabase) -> None:
        """Forget settled claims that no later claim takes along. For a daemon thread of an API process."""
        while not closing.wait(_SETTLE_SECONDS / 2):
            old = self.take_old(_SETTLE_SECONDS)
            gone = [claim for claims in old.values() for claim in claims]
            try:
                if old:
                    database[SEATS].update_many({"_id": {"$in": list(old)}}, forgetting("$$gone"), let={"gone": gone})
            except PyMongoError as error:
                # The sweep settles them instead: the claims are old by then and their enrolments are there.
                log.warning("claims_not_settled", error=type(error).__name__)

    def resolve_seats(self, work: UnitOfWork, questions: Sequence[SeatQuestion]) -> Mapping[Any, Any]:
        """Answers many SeatQuestions with one query, one update and one read: a Seat each, or why not."""
        taken = _occupied(work, [_slot(q) for q in questions if not q.existing])
        asking = [q for q in questions if _slot(q) not in taken or q.existing]
        answers: dict[Any, Any] = {q: duplicate_enrolment(taken[_slot(q)]) for q in questions if q not in asking}
        by_session: dict[str, list[SeatQuestion]] = defaultdict(list)
        for question in asking:
            by_session[question.session_id].append(question)
        if by_session:
            documents = self._claim(work, by_session)
            answers |= {q: self._outcome(q, documents.get(q.session_id)) for q in asking}
        return answers

    def _claim(
        self, work: UnitOfWork, by_session: Mapping[str, list[SeatQuestion]]
    ) -> Mapping[str, Document | Blocked]:
        """One update for all sessions, outside any transaction; then what stands there. Blocked where somebody holds a lock.

        Of several sessions it is not known which one is locked. So each claim is then made alone, by its own request.
        """
        free = {session: asking for session, asking in by_session.items() if work.alone or not self.is_locked(session)}
        found: dict[str, Document | Blocked] = {session: Blocked() for session in by_session if session not in free}
        seats = work.collection(SEATS)
        if free and self._claimed(work, seats, free):
            return found | {document["_id"]: document for document in seats.find({"_id": {"$in": list(free)}})}
        if len(free) == 1:
            self.found_locked(*free)
        return found | {session: Blocked() for session in free}

    def _claimed(self, work: UnitOfWork, seats: MongoCollection, by_session: Mapping[str, list[SeatQuestion]]) -> bool:
        """False when a lock was in the way. May be repeated after anything: who has a claim gets no second one."""
        now = work.clock()
        desks = [
            {
                "session": session,
                "asking": [_claim_of(q, now) for q in asking],
                "settled": self.take_settled(session),
            }
            for session, asking in by_session.items()
        ]
        try:
            with within(CLAIM_SECONDS):
                seats.update_many({"_id": {"$in": list(by_session)}}, CLAIM, let={"desks": desks})
        except (ExecutionTimeout, NetworkTimeout):
            with within(_PING_SECONDS):
                work.database.command("ping")  # raises unless it is the lock, and not MongoDB, that made us wait
            return False
        return True

    def _outcome(self, question: SeatQuestion, document: Document | Blocked | None) -> Claimed | ServiceError | Blocked:
        """Whoever is refused is refused by what stood there when it was read, for what they had claimed may be gone by
        then: swept, or settled as the enrolment that another process made of it. Where there is room, they ask again."""
        if isinstance(document, Blocked):
            return document
        if document is None:
            return NotYetKnown("session", question.session_id)
        for claim in document["claims"]:
            if claim.get("k") == question.key:
                seat = Seat(enrolment_id=claim["e"], claim=claim_id(claim), ticket=claim["t"], place=claim["w"])
                return Claimed(seat, partial(self.settle, question.session_id, claim_id(claim)))
        return Blocked() if _has_room(document) else no_seat(document["open"], document["waitlist_limit"])


_NOTHING: tuple[float, list[str]] = (0.0, [])


def resolve_slots(work: UnitOfWork, questions: Sequence[SlotQuestion]) -> Mapping[Any, Any]:
    """Answers many SlotQuestions with one query: None, or DUPLICATE_ENROLMENT."""
    slots = {q: [slot(q.session_id, person) for person in q.person_ids] for q in questions}
    taken = _occupied(work, [one for of_question in slots.values() for one in of_question])
    found = {q: next((taken[one] for one in slots[q] if one in taken), None) for q in questions}
    return {q: None if enrolment is None else duplicate_enrolment(enrolment) for q, enrolment in found.items()}


def _claim_of(question: SeatQuestion, now: datetime) -> Document:
    who = {"c": new_id(), "k": question.key, "p": question.person_id, "e": question.enrolment_id}
    return {**who, "t": None, "w": None, "at": now}


def _has_room(document: Document) -> bool:
    """Whether a newcomer would get a seat or a ticket now."""
    numbers = {
        name: document[name] for name in ("cluster_id", "open", "capacity", "waitlist_limit", "taken", "waiting")
    }
    return Ledger(id=document["_id"], **numbers).availability in ("open", "waitlist_only")


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
