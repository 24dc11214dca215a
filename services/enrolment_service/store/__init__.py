"""Documents <-> rules of enrolment: the only place that knows fields and indexes."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pymongo import ASCENDING, DESCENDING, IndexModel

from services.enrolment_service.domain import APPLIED, OPEN, WAITLISTED, Enrolment
from services.enrolment_service.domain.criteria import EnrolmentCriteria, Scope
from services.enrolment_service.manifest import MANIFEST
from services.enrolment_service.store.calendar import BUSY, Calendar, busy
from services.enrolment_service.store.calendar import INDEX as BUSY_INDEX
from services.enrolment_service.store.changes import ENROLMENTS, Changes, enter_all
from services.enrolment_service.store.changes import INDEXES as CHANGES_INDEXES
from services.enrolment_service.store.copies import COPIES, Copies
from services.enrolment_service.store.desk import SEATS, duplicate_enrolment, slot
from services.enrolment_service.store.erasures import ERASURES, Erasures
from services.enrolment_service.store.erasures import INDEXES as ERASURE_INDEXES
from services.enrolment_service.store.seats import Seats
from shared.bus.worker import require_fresh
from shared.criteria import asked_for
from shared.errors import Conflict, NotFound
from shared.people.projection import PEOPLE
from shared.schemas.event import Event
from shared.storage import feed
from shared.storage.documents import document_of, thing_of
from shared.storage.migrations import Migration
from shared.storage.mongo import Document
from shared.storage.work import Absent, Hint, UnitOfWork
from shared.wiring.runtime import Service

__all__ = ["SERVICE", "Store"]

ROSTERS = "rosters"
_AT_ONCE = 200

SERVICE = Service(
    manifest=MANIFEST,
    indexes={
        ENROLMENTS: [
            # One active enrolment per worker and session: the slot is there only while it is active.
            IndexModel([("slot", ASCENDING)], name="one_active", unique=True, sparse=True),
            IndexModel([("session_id", ASCENDING), ("status", ASCENDING), ("ticket", ASCENDING)], name="roster"),
            IndexModel([("session_id", ASCENDING)], name="undecided", partialFilterExpression={"status": "applied"}),
            IndexModel(
                [("_id", ASCENDING), ("person_id", ASCENDING), ("employer_id", ASCENDING)],
                name="awaiting_consent",
                partialFilterExpression={"status": "applied", "awaits_consent": True},
            ),
            IndexModel([("cluster_id", ASCENDING), ("_id", DESCENDING)], name="by_cluster"),
            IndexModel([("employer_id", ASCENDING), ("_id", DESCENDING)], name="by_employer"),
            IndexModel([("person_id", ASCENDING), ("_id", DESCENDING)], name="by_person"),
            IndexModel(
                [("offer_expires_at", ASCENDING)],
                name="offers",
                partialFilterExpression={"status": "offered"},
            ),
            BUSY_INDEX,
            *CHANGES_INDEXES,
        ],
        SEATS: [
            IndexModel([("needs_care", ASCENDING), ("_id", ASCENDING)], name="needing_care", sparse=True),
            # Those in which somebody waits: the key never changes, so that a ticket costs no change of the index.
            IndexModel([("cluster_id", ASCENDING)], name="queued", partialFilterExpression={"waiting": {"$gt": 0}}),
            # Those with claims at this moment: few, however many sessions there are.
            IndexModel(
                [("cluster_id", ASCENDING)], name="claimed", partialFilterExpression={"claims.0": {"$exists": True}}
            ),
        ],
        "sessions": [],
        "people": [],
        "courses": [],
        "organisations": [],
        ROSTERS: [],
        ERASURES: ERASURE_INDEXES,
    },
    migrations=[Migration(1, "bring enrolments into the feed", enter_all)],
    duplicates={"one_active": lambda: duplicate_enrolment(None)},
)


class Store:
    """Enrolments, seats and local copies, as one unit of work sees them."""

    def __init__(self, work: UnitOfWork) -> None:
        self.work = work
        self.copies = Copies(work)
        self.seats = Seats(work)
        self.erasures = Erasures(work)
        self.calendar = Calendar(work)
        self.changes = Changes(work)

    def hints(
        self, session_id: str, person_id: str | None, ref: tuple[str, str] | None, employer_id: str | None
    ) -> Iterator[Hint]:
        """What an application reads, as far as it is known by now: a group of them loads it in one query."""
        for hint in self.copies.hints(session_id, person_id, ref, employer_id):
            yield hint
            if hint[0] == PEOPLE:
                yield ENROLMENTS, "slot", slot(session_id, hint[2])
                yield ENROLMENTS, BUSY, hint[2]

    # -- enrolments

    def get(self, enrolment_id: str) -> Enrolment:
        """The enrolment, or NotFound."""
        try:
            document = self.work.get(ENROLMENTS, enrolment_id)
        except Absent as absent:
            raise _unknown(enrolment_id) from absent
        if "tombstone" in document:
            raise _unknown(enrolment_id)
        return _enrolment(document)

    def known(self, enrolment_ids: Sequence[str]) -> list[Enrolment]:
        """Those of them that there are, in one query."""
        self.work.preload(ENROLMENTS, enrolment_ids)
        found = (self.work.peek(ENROLMENTS, enrolment_id) for enrolment_id in dict.fromkeys(enrolment_ids))
        return [_enrolment(document) for document in found if document is not None and "tombstone" not in document]

    def save(self, enrolment: Enrolment, events: Sequence[Event]) -> Enrolment:
        """Store it with its events; returns it as stored."""
        document = document_of(enrolment)
        if enrolment.active:
            document["slot"] = _slot(enrolment)
        document |= busy(enrolment) | feed.ENTERS
        return _enrolment(self.work.save(ENROLMENTS, document, events))

    def search(self, criteria: EnrolmentCriteria, scope: Scope, *, after: str | None, limit: int) -> list[Enrolment]:
        """Enrolments of the scope that match, newest first. A person stands for all records that were merged."""
        asked = asked_for(criteria)
        if criteria.person_id is not None:
            asked["person_id"] = self._of_person(criteria.person_id)
        query = {"$and": [asked, self._whose(scope)], "tombstone": {"$exists": False}}
        if after is not None:
            query["_id"] = {"$lt": after}
        rows = self.work.find(ENROLMENTS, query, sort=[("_id", DESCENDING)], limit=limit)
        return [_enrolment(row) for row in rows]

    def of_session(self, session_id: str, statuses: Sequence[str], limit: int = 0) -> list[Enrolment]:
        """Enrolments of a session in these statuses."""
        query = {"session_id": session_id, "status": {"$in": list(statuses)}}
        return [_enrolment(row) for row in self.work.find(ENROLMENTS, query, limit=limit)]

    def open_of(self, person_ids: Sequence[str], limit: int) -> list[Enrolment]:
        """Enrolments of these that can still be cancelled."""
        query = {"person_id": {"$in": list(person_ids)}, "status": {"$in": sorted(OPEN)}}
        return [_enrolment(row) for row in self.work.find(ENROLMENTS, query, limit=limit)]

    def with_words(self, person_ids: Sequence[str], limit: int) -> list[Enrolment]:
        """Enrolments of these about which somebody wrote something in their own words."""
        query = {"person_id": {"$in": list(person_ids)}, "cancel_reason": {"$ne": None}}
        return [_enrolment(row) for row in self.work.find(ENROLMENTS, query, limit=limit)]

    def active_of(self, person_ids: Sequence[str]) -> list[Enrolment]:
        """Enrolments of these that stand in the way of another application to their session."""
        query = {"person_id": {"$in": list(person_ids)}, "slot": {"$exists": True}}
        found = [_enrolment(row) for row in self.work.find(ENROLMENTS, query, hint="by_person")]
        return [enrolment for enrolment in found if enrolment.active]  # some may have ended in this unit of work

    def next_waiting(self, session_id: str) -> Enrolment | None:
        """Who has the lowest ticket among those that wait."""
        query = {"session_id": session_id, "status": WAITLISTED}
        rows = self.work.find(ENROLMENTS, query, sort=[("ticket", ASCENDING)], limit=1)
        return _enrolment(rows[0]) if rows else None

    def place_in_queue(self, enrolment: Enrolment) -> int | None:
        """How many wait up to and including this one; None when it does not wait."""
        if enrolment.status != WAITLISTED:
            return None
        query = {
            "session_id": enrolment.session_id,
            "status": WAITLISTED,
            "ticket": {"$lte": enrolment.ticket},
        }
        return self.work.collection(ENROLMENTS).count_documents(query)

    def expired_offers(self, now: datetime, after: str, limit: int) -> list[str]:
        """Offers whose time is over, by id."""
        query = {"status": "offered", "offer_expires_at": {"$lt": now}, "_id": {"$gt": after}}
        rows = self.work.collection(ENROLMENTS).find(query, {"_id": 1}, sort=[("_id", ASCENDING)], limit=limit)
        return [row["_id"] for row in rows]

    def overdue_applications(self, now: datetime, after: str) -> Iterator[tuple[str, str | None]]:
        """All sessions with applications that nobody decided on, by id, each with itself if they lapse: it takes no
        more of them, or the time to decide is over."""
        while some := self._undecided(after, _AT_ONCE):
            closed = self.work.collection(SEATS).find({"_id": {"$in": some}, "open": False}, {"_id": 1})
            late = {row["_id"] for row in closed}
            late |= {i for i, session in self.copies.sessions(some).items() if session.is_too_late_to_decide(now)}
            yield from ((i, i if i in late else None) for i in some)
            after = some[-1]

    def awaiting_consent(self, after: str) -> Iterator[tuple[str, str | None]]:
        """All applications that await their worker's consent, by id, each with itself if it has come."""
        query = {"status": APPLIED, "awaits_consent": True}
        shown = {"person_id": 1, "employer_id": 1}
        rows = self.work.collection(ENROLMENTS)
        while some := list(
            rows.find(query | {"_id": {"$gt": after}}, shown, hint="awaiting_consent").sort("_id", 1).limit(_AT_ONCE)
        ):
            self.copies.preload_people(row["person_id"] for row in some)
            for row in some:
                person = self.copies.find_person(row["person_id"])
                yield row["_id"], row["_id"] if person and person.shares_with(row["employer_id"]) else None
            after = some[-1]["_id"]

    def queues(self, now: datetime, after: str) -> Iterator[tuple[str, str | None]]:
        """All sessions in which somebody waits for a seat, by id, each with itself if it has begun."""
        while some := self.seats.with_queue(after, _AT_ONCE):
            sessions = self.copies.sessions(some)
            yield from ((i, i if i in sessions and sessions[i].has_begun(now) else None) for i in some)
            after = some[-1]

    def _whose(self, scope: Scope) -> Document:
        choices: list[Document] = []
        if scope.cluster_id is not None:
            choices.append({"cluster_id": scope.cluster_id})
        if scope.person_id is not None:
            choices.append({"person_id": self._of_person(scope.person_id)})
        if scope.employer_ids or not choices:
            choices.append({"employer_id": {"$in": sorted(scope.employer_ids)}})
        return {"$or": choices}

    def _of_person(self, person_id: str) -> Document:
        """All records of the person who answers for this id."""
        return {"$in": self.copies.people.records_of(self.copies.people.known_as(person_id))}

    def _undecided(self, after: str, limit: int) -> list[str]:
        """By id, sessions in which somebody waits for a decision: a look into the index for each, however many wait."""
        found: list[str] = []
        while len(found) < limit:
            query = {"status": APPLIED, "session_id": {"$gt": found[-1] if found else after}}
            row = self.work.collection(ENROLMENTS).find_one(
                query, {"session_id": 1}, sort=[("session_id", ASCENDING)], hint="undecided"
            )
            if row is None:
                return found
            found.append(row["session_id"])
        return found

    def require_fresh(self, now: datetime) -> None:
        """Refuse while the copies of employments and consents lag behind: HR would see what it no longer may."""
        require_fresh(self.work.database, COPIES.consumer, now)

    # -- rosters

    def complete_roster(self, session_id: str, event: Event) -> None:
        """Record that the roster is complete; Conflict when it was already."""
        if self.work.peek(ROSTERS, session_id) is not None:
            raise Conflict("The roster of this session is complete already.", code="ILLEGAL_TRANSITION")
        self.work.save(ROSTERS, {"_id": session_id, "completed": True}, [event])


def _slot(enrolment: Enrolment) -> str:
    """One that awaits consent stands in the way of the same employer's only: HR learns of no other before."""
    own = slot(enrolment.session_id, enrolment.person_id)
    return f"{own}/{enrolment.employer_id}" if enrolment.awaits_consent else own


def _enrolment(document: Document) -> Enrolment:
    return thing_of(Enrolment, document)


def _unknown(enrolment_id: str) -> NotFound:
    return NotFound(f"No enrolment {enrolment_id}.")
