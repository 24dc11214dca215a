"""The feed of certificates (`shared/storage/feed.py`): what of it a caller is told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
from pymongo import ASCENDING
from pymongo.client_session import ClientSession

from services.certificate_service.domain import ISSUED, Certificate
from services.certificate_service.store.certificates import CERTIFICATES, certificate_of
from services.certificate_service.store.copies import COPIES, person_of
from shared.bus.worker import require_fresh
from shared.people.person import Person
from shared.people.projection import PEOPLE
from shared.storage import feed
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

_BATCH = 500
STATE = "feed_state"
_WINDOW = 1_000
"""Certificates of somebody's that one query for a filter without an index looks at."""
_SIGHT = {"person_id": 1, "employer_id": 1, "employer_sees": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose certificates: of any of these, as holder, holder's cluster or employer, or as who awarded them. With
    nothing in it, nobody's. `awarding_cluster_id` awarded what it offered and what carries the seal of one of its own."""

    person_id: str | None = None
    cluster_id: str | None = None
    employer_ids: frozenset[str] = frozenset()
    awarding_cluster_id: str | None = None
    awarding_body_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Optional filters within the caller's scope."""

    employer: str | None = None
    worker: str | None = None
    course: str | None = None
    issued_since: datetime | None = None
    changed_since: datetime | None = None
    status: str | None = None
    expiring_before: datetime | None = None

    @property
    def scanned(self) -> bool:
        """Whether no index finds what is asked for."""
        by_index = self.course is not None or self.worker is not None
        return not by_index and any((self.employer, self.issued_since, self.status, self.expiring_before))

    @property
    def any(self) -> bool:
        """Whether anything but the employer narrows the list: then what vanished is not told."""
        return any((self.worker, self.course, self.issued_since, self.status, self.expiring_before))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """As of which day, and by which generation of the copies, what employers see was put right."""

    day: date
    copies: int


@dataclass(frozen=True, slots=True)
class Part:
    """Certificates, their holders' employments and consents, how far was looked, and whether some may follow."""

    rows: list[Certificate]
    people: dict[str, Person]
    position: int
    more: bool


class Feed:
    """Reads the feed and who may see what, both as of one moment."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def page(self, scope: Scope, filters: Filters, *, after: int, limit: int, now: datetime) -> Part:
        """Certificates after the position, in its order, and their holders' employments and consents."""
        who = _who(scope, filters)
        if not who:
            return Part([], {}, after, more=False)
        narrowed = _narrowed(filters, now)
        # One snapshot: a scan that meets a commit half-way could see a later position and have missed an earlier one.
        with self._work.database.client.start_session(snapshot=True) as session:
            if filters.changed_since is not None:
                before = feed.before(self._work.collection(CERTIFICATES), filters.changed_since, session)
                if before is None:
                    return Part([], {}, after, more=False)
                after = max(after, before)
            until = self._window(who, after, session) if filters.scanned else None
            positions = {"$gt": after} if until is None else {"$gt": after, "$lte": until}
            query = {"$and": [{"position": positions}, {"$or": who}, *narrowed]}
            rows = self._work.collection(CERTIFICATES).find(query, session=session).sort("position", ASCENDING)
            found = [certificate_of(row) for row in rows.limit(limit)]
            people = self._people({f.person_id for f in found if f.person_id}, session)
        full = len(found) == limit
        end = until if until is not None and not full else (found[-1].position or after if found else after)
        return Part(found, people, end, more=full or until is not None)

    def _window(self, who: list[Document], after: int, session: ClientSession) -> int | None:
        """Up to where a filter without an index of its own is looked for at once; None: to the end, which is near."""
        query = {"$and": [{"position": {"$gt": after}}, {"$or": who}]}
        rows = self._work.collection(CERTIFICATES).find(query, {"_id": 0, "position": 1}, session=session)
        for row in rows.sort("position", ASCENDING).skip(_WINDOW - 1).limit(1):
            return int(row["position"])
        return None

    def require_fresh(self, now: datetime) -> None:
        """Refuse while the copies of employments and consents lag behind."""
        require_fresh(self._work.database, COPIES.consumer, now)

    # -- putting right what no event told

    def wrongly_shown(self, day: date, after: str) -> Iterator[tuple[str, str | None]]:
        """By id, certificates behind one, each with its holder wherever what is recorded of the employer's sight is not
        what holds on this day."""
        query = {"employer_id": {"$ne": None}, "person_id": {"$ne": None}, "_id": {"$gt": after}}
        rows = self._work.collection(CERTIFICATES).find(
            query, _SIGHT, sort=[("_id", ASCENDING)], batch_size=_BATCH, hint="_id_"
        )
        for some in _chunks(rows):
            people = self._people({row["person_id"] for row in some}, None)
            for row in some:
                person = people.get(row["person_id"], Person(id=row["person_id"]))
                right = row["employer_sees"] == person.shows_results_to(row["employer_id"], day)
                yield row["_id"], None if right else row["person_id"]

    def reconciled(self) -> Reconciled | None:
        """For which day and copies that was done last."""
        found = self._work.collection(STATE).find_one({"_id": "visibility"}, {"_id": 0})
        return None if found is None else msgspec.convert(found, Reconciled)

    def note_reconciled(self, state: Reconciled) -> None:
        """It is done for this day and these copies."""
        self._work.collection(STATE).replace_one({"_id": "visibility"}, msgspec.to_builtins(state), upsert=True)

    def _people(self, ids: Iterable[str], session: ClientSession | None) -> dict[str, Person]:
        rows = self._work.collection(PEOPLE).find({"_id": {"$in": list(ids)}}, session=session)
        return {row["_id"]: person_of(row) for row in rows}


def _chunks(rows: Iterable[Document]) -> Iterator[list[Document]]:
    some: list[Document] = []
    for row in rows:
        some.append(row)
        if len(some) == _BATCH:
            yield some
            some = []
    if some:
        yield some


def _who(scope: Scope, filters: Filters) -> list[Document]:
    """The employer's branch also holds what they may no longer see: that it is gone is told to who had it.

    Who awarded a certificate does not see the holder's employer, and so learns nothing by asking for one.
    """
    found: list[Document] = []
    if scope.person_id is not None:
        found.append({"person_id": scope.person_id})
    if scope.cluster_id is not None:
        found.append({"cluster_id": scope.cluster_id})
    if scope.employer_ids:
        found.append({"employer_id": {"$in": sorted(scope.employer_ids)}, "employer_saw": True})
    if scope.awarding_cluster_id is not None and filters.employer is None:
        found.append({"awarding_cluster_id": scope.awarding_cluster_id})
        found.append({"body_cluster_id": scope.awarding_cluster_id})
    if scope.awarding_body_ids and filters.employer is None:
        found.append({"awarding_body_id": {"$in": sorted(scope.awarding_body_ids)}})
    return found


def _narrowed(filters: Filters, now: datetime) -> list[Document]:
    equal = {"employer_id": filters.employer, "person_id": filters.worker, "course_id": filters.course}
    found: list[Document] = [{name: value} for name, value in equal.items() if value is not None]
    if filters.issued_since is not None:
        found.append({"issued_at": {"$gte": filters.issued_since}})
    if filters.changed_since is not None:
        found.append({"changed_at": {"$gte": filters.changed_since}})
    if filters.expiring_before is not None:
        found.append({"status": ISSUED, "valid_until": {"$gte": now, "$lt": filters.expiring_before}})
    if filters.status is not None:
        found.append(_with_standing(filters.status, now))
    return found


def _with_standing(status: str, now: datetime) -> Document:
    if status == "expired":
        return {"status": ISSUED, "valid_until": {"$lte": now}}
    if status == "valid":
        return {"status": ISSUED, "$or": [{"valid_until": None}, {"valid_until": {"$gt": now}}]}
    return {"status": status}
