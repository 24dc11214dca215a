"""Events set aside: dead letters, what waits behind them, and what came before the thing it names."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DeleteOne, IndexModel, InsertOne, UpdateOne

from shared.storage.mongo import Document, MongoCollection, MongoDatabase
from shared.storage.work import Slot, UnitOfWork

COLLECTION = "held_events"
KEYS = "held_keys"
DEAD, BEHIND, AWAITING = "dead", "behind", "awaiting"
_SURE_SECONDS = 1.0
COUNTED = 10_000
"""Up to here events are counted; more is told as so many."""
_LARGEST = 2**63
_OPENED: Slot[str, bool] = Slot("keys whose gate is open")
"""What MongoDB can store as a whole number."""
INDEXES = [
    IndexModel([("consumer", ASCENDING), ("state", ASCENDING), ("tried_at", ASCENDING)], name="by_state"),
    IndexModel([("state", ASCENDING), ("_id", ASCENDING)], name="of_all_consumers"),
    IndexModel([("aggregate", ASCENDING), ("order", ASCENDING)], name="by_aggregate"),
    IndexModel([("consumer", ASCENDING), ("awaits", ASCENDING)], name="by_awaited"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A record as it came from Kafka."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: tuple[tuple[str, bytes], ...]
    value: bytes

    @property
    def order(self) -> int:
        """Its place among its aggregate's: the event's sequence, because a refilled log counts offsets anew."""
        try:
            sequence = int(dict(self.headers)["ce_sequence"])
        except (KeyError, ValueError):
            return self.offset
        return sequence if abs(sequence) < _LARGEST else self.offset


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldEvent:
    """One event set aside. `state` is dead, behind (waits for an earlier one of its key) or awaiting."""

    id: str
    consumer: str
    state: str
    aggregate: str
    reason: str
    awaits: str | None
    held_at: datetime
    record: Incoming


class Held:
    """The events that one consumer has set aside.

    A key with something set aside has a gate document. Whoever adds to the key or releases it writes the gate in its
    transaction, so the two cannot cross and no follower is left behind.
    """

    def __init__(self, database: MongoDatabase, consumer: str) -> None:
        self._events = database[COLLECTION]
        self._keys = database[KEYS]
        self._consumer = consumer
        self._nothing_until = 0.0
        self._doubts = 0
        self._lock = threading.Lock()  # partitions are assigned in another thread

    def look(self) -> bool:
        """Whether something awaits what has not come; remembers for a second when nothing is set aside at all, unless
        `doubt` comes in between.

        Only its own consumer sets aside events of partitions that it has. Who had them before may have done so, too:
        before it lost them, which is before we look, or in a transaction that a freeze held up. That one is about an
        event which is delivered to us as well, so that one of the two inbox rows is refused and we doubt.
        """
        doubts, begun = self._doubts, time.monotonic()
        awaiting = self._has({"state": AWAITING})
        nothing = not awaiting and not self._has({})
        with self._lock:
            if nothing and doubts == self._doubts:
                self._nothing_until = begun + _SURE_SECONDS
        return awaiting

    def doubt(self) -> None:
        """Somebody may have set something aside: ask again from now on."""
        with self._lock:
            self._doubts += 1
            self._nothing_until = 0.0

    def held_aggregates(self, aggregates: Iterable[str]) -> set[str]:
        """Which of these (`topic/key`) have something set aside. Asks nobody where `look` saw nothing at all just now."""
        if time.monotonic() < self._nothing_until:
            return set()
        gates = [self._gate(aggregate) for aggregate in dict.fromkeys(aggregates)]
        return {row["aggregate"] for row in self._keys.find({"_id": {"$in": gates}}, {"aggregate": 1})}

    def add(
        self, work: UnitOfWork, record: Incoming, *, held_id: str, state: str, reason: str, awaits: str | None = None
    ) -> None:
        """Set one aside in the work's transaction. One that waits behind others needs the gate to be there still."""
        self.doubt()
        aggregate = f"{record.topic}/{record.key}"
        work.also(COLLECTION, InsertOne(self._document(work.clock(), record, held_id, state, reason, awaits)))
        work.also(
            KEYS,
            UpdateOne(
                {"_id": self._gate(aggregate)},
                {"$inc": {"held": 1}, "$set": {"aggregate": aggregate}},
                upsert=state != BEHIND or aggregate in work.slot(_OPENED),
            ),
        )
        work.slot(_OPENED)[aggregate] = True

    def of_aggregate(self, aggregate: str) -> list[HeldEvent]:
        """What is set aside of one key, in its order."""
        rows = self._events.find({"consumer": self._consumer, "aggregate": aggregate}).sort("order", ASCENDING)
        return [_from_document(row) for row in rows]

    def remove(self, work: UnitOfWork, events: Iterable[HeldEvent], *, key_is_free: bool) -> None:
        """Take these out in the work's transaction, and with the last one the gate."""
        gone = list(events)
        for event in gone:
            work.also(COLLECTION, DeleteOne({"_id": f"{self._consumer}/{event.id}"}))
        if gone:
            gate, left = self._gate(gone[0].aggregate), -len(gone)
            condition = {"_id": gate, "held": len(gone)} if key_is_free else {"_id": gate}
            work.also(KEYS, DeleteOne(condition) if key_is_free else UpdateOne(condition, {"$inc": {"held": left}}))

    def mark(self, work: UnitOfWork, event: HeldEvent, *, state: str, reason: str, awaits: str | None) -> None:
        """The event was tried again in vain: say so in the work's transaction."""
        change = {"state": state, "reason": reason, "awaits": awaits, "tried_at": work.clock()}
        work.also(COLLECTION, UpdateOne({"_id": f"{self._consumer}/{event.id}"}, {"$set": change}))

    def awaited(self, aggregates: Iterable[str]) -> list[HeldEvent]:
        """Those that await one of these (`topic/key`)."""
        query = {"consumer": self._consumer, "awaits": {"$in": list(aggregates)}, "state": AWAITING}
        return [_from_document(row) for row in self._events.find(query)]

    def awaiting(self, before: datetime, limit: int = 200) -> list[HeldEvent]:
        """Those that await something and were not tried since, the one tried longest ago first."""
        query = {"consumer": self._consumer, "state": AWAITING, "tried_at": {"$lte": before}}
        return [_from_document(row) for row in self._events.find(query).sort("tried_at", ASCENDING).limit(limit)]

    def dead(self, limit: int = 1000) -> list[HeldEvent]:
        """The dead letters of this consumer."""
        rows = self._events.find({"consumer": self._consumer, "state": DEAD}).sort("tried_at", ASCENDING).limit(limit)
        return [_from_document(row) for row in rows]

    def find(self, held_id: str) -> HeldEvent | None:
        """The one with this id, if it is still set aside."""
        row = self._events.find_one({"_id": f"{self._consumer}/{held_id}"})
        return None if row is None else _from_document(row)

    def counts(self) -> dict[str, int]:
        """How many are dead, behind and awaiting, each counted to `COUNTED`."""
        return _counts(self._events, {"consumer": self._consumer}, "by_state")

    def _has(self, what: Document) -> bool:
        return self._events.find_one({"consumer": self._consumer, **what}, {"_id": 1}) is not None

    def _gate(self, aggregate: str) -> str:
        return f"{self._consumer}/{aggregate}"

    def _document(
        self, now: datetime, record: Incoming, held_id: str, state: str, reason: str, awaits: str | None
    ) -> Document:
        return {
            "_id": f"{self._consumer}/{held_id}",
            "held_id": held_id,
            "consumer": self._consumer,
            "state": state,
            "aggregate": f"{record.topic}/{record.key}",
            "order": record.order,
            "reason": reason,
            "awaits": awaits,
            "held_at": now,
            "tried_at": now,
            "record": {
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "key": record.key,
                "headers": [[name, value] for name, value in record.headers],
                "value": record.value,
            },
        }


def counts_of_all(database: MongoDatabase) -> dict[str, int]:
    """How many events of all consumers are dead, behind and awaiting, each counted to `COUNTED`."""
    return _counts(database[COLLECTION], {}, "of_all_consumers")


def _counts(events: MongoCollection, whose: Document, index: str) -> dict[str, int]:
    states = (DEAD, BEHIND, AWAITING)
    return {state: events.count_documents({**whose, "state": state}, limit=COUNTED, hint=index) for state in states}


def followers(database: MongoDatabase, event: HeldEvent, limit: int) -> list[str]:
    """Ids of the events that wait behind this one, in their order."""
    query = {"consumer": event.consumer, "aggregate": event.aggregate, "state": BEHIND}
    rows = database[COLLECTION].find(query, {"held_id": 1}).sort("order", ASCENDING).limit(limit)
    return [row["held_id"] for row in rows]


def list_dead(database: MongoDatabase, *, after: str = "", limit: int = 50) -> list[HeldEvent]:
    """Dead letters of all consumers of a service, by id."""
    rows = database[COLLECTION].find({"state": DEAD, "_id": {"$gt": after}}).sort("_id", ASCENDING).limit(limit)
    return [_from_document(row) for row in rows]


def _from_document(row: Document) -> HeldEvent:
    record: dict[str, Any] = row["record"]
    return HeldEvent(
        id=row["held_id"],
        consumer=row["consumer"],
        state=row["state"],
        aggregate=row["aggregate"],
        reason=row["reason"],
        awaits=row["awaits"],
        held_at=row["held_at"],
        record=Incoming(
            topic=record["topic"],
            partition=record["partition"],
            offset=record["offset"],
            key=record["key"],
            headers=tuple((name, bytes(value)) for name, value in record["headers"]),
            value=bytes(record["value"]),
        ),
    )
