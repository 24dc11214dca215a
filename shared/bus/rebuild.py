"""Rebuild of a read model: a new generation read from zero while the old one serves, then the switch."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pymongo.errors import PyMongoError

from shared.bus.consumer import POLL_RECORDS, Consumer
from shared.bus.generations import Building, Generations
from shared.bus.held import COLLECTION as HELD
from shared.bus.held import KEYS
from shared.bus.inbox import COLLECTION, Inbox, Subscription
from shared.bus.kafka import KafkaSettings
from shared.bus.read_model import ReadModel
from shared.errors import Conflict
from shared.logs import get_logger
from shared.storage.lease import Lease
from shared.storage.mongo import Mongo, MongoCollection, MongoDatabase

log = get_logger(__name__)

LEASE_SECONDS = 10.0
_NEARLY = 10
_CHUNK = 2000
_TOLD = 5

Prepare = Callable[[Mapping[str, str]], None]
Note = Callable[[str], None]


def group_name(database: MongoDatabase, consumer: str, generation: int) -> str:
    """The consumer group of one generation of one consumer."""
    return f"{database.name}.{consumer}.g{generation}"


def rebuild(
    client: Mongo,
    database: MongoDatabase,
    kafka: KafkaSettings,
    source: str,
    subscription: Subscription,
    model: ReadModel,
    ensure_indexes: Prepare,
    *,
    patience: float = 600.0,
    anew: bool = False,
    lease_seconds: float = LEASE_SECONDS,
    reached: Note = lambda _step: None,
) -> int:
    """Build the model's next generation from the whole log and switch to it. Returns the new generation.

    The new generation has its own collections, inbox rows and consumer group. The switch is one write that needs the
    epoch of this rebuild; those who still consume for the old one notice within a second and go on in the new group
    where this left off, so nothing is missed while events keep coming.

    Whoever calls it after a crash or a refusal goes on with the generation that was begun; `anew` begins another one,
    which is right when the handlers were changed meanwhile. What an operator discarded stays discarded.

    Raises TimeoutError when nothing moves for `patience` seconds (there is no limit while it moves), Conflict while
    another rebuild of this model runs, and Conflict (code DEAD_LETTERS) when the new generation has dead letters:
    replay or discard them, then call again. Nothing is switched then. `reached` is told each step before it is taken.
    """
    lease = Lease(database, f"rebuild/{model.consumer}", uuid.uuid4().hex, lease_seconds)
    if not lease.acquire():
        raise Conflict(
            f"{model.consumer} is being rebuilt already. If that process has died, try again in {lease_seconds:.0f} s."
        )
    try:
        generations = Generations(database, [model])
        building = generations.begin(model.consumer, lease.epoch, anew=anew)
        inbox = Inbox(
            client,
            database,
            source,
            subscription,
            generation=building.generation,
            aliases=model.aliases(building.generation),
            passes_discarded=True,
            recognised=kafka.recognised,
        )
        return _Rebuild(database, kafka, model, generations, building, lease, inbox, reached).run(
            ensure_indexes, subscription.topics, patience
        )
    finally:
        with suppress(PyMongoError):
            lease.give_up()


@dataclass(frozen=True, slots=True)
class _Rebuild:
    """One attempt at one generation; every step may be repeated by the next attempt."""

    database: MongoDatabase
    kafka: KafkaSettings
    model: ReadModel
    generations: Generations
    building: Building
    lease: Lease
    inbox: Inbox
    reached: Note

    def run(self, ensure_indexes: Prepare, topics: list[str], patience: float) -> int:
        number = self.building.generation
        self.reached("remove")
        self._remove_older()
        self.reached("index")
        ensure_indexes(self.model.aliases(number))
        self._read(topics, patience)
        self.reached("discard")
        self._discard_again()
        self._refuse_dead_letters()
        self.reached("switch")
        self.generations.switch(self.model.consumer, self.building)
        self.reached("end")
        log.info("read_model_rebuilt", consumer=self.model.consumer, generation=number, events=self.inbox.applied)
        return number

    # -- reading

    def _read(self, topics: list[str], patience: float) -> None:
        group = group_name(self.database, self.model.consumer, self.building.generation)
        consumer = Consumer(self.kafka, group, topics, self.inbox)
        try:
            self._read_to_the_end(consumer, patience)
        finally:
            consumer.close()

    def _read_to_the_end(self, consumer: Consumer, patience: float) -> None:
        """Until nothing is left; while events keep coming, until little was left several times over."""
        moved_at = time.monotonic()
        before: tuple[int, int | None] = (-1, None)
        nearly, never = 0, threading.Event()
        while nearly < _NEARLY:
            self.reached("read")
            consumer.guarded_turn(never)
            left = consumer.left()
            if (now := (self.inbox.applied, left)) != before:
                moved_at, before = time.monotonic(), now
            if self.lease.due:
                self._tell(left)
            if time.monotonic() - moved_at > patience:
                raise TimeoutError(f"For {patience:.0f} s {_waits_for(left)}. Nothing was switched; try again later.")
            if left == 0:
                return
            nearly += left is not None and left <= POLL_RECORDS

    def _tell(self, left: int | None) -> None:
        """Keep the lease, and say how far it is, here and in the document."""
        self._keep()
        progress = {"applied": self.inbox.applied, "left": left, "waits_for": _waits_for(left)}
        self.generations.note(self.model.consumer, self.building, progress)
        log.info("read_model_is_rebuilt", consumer=self.model.consumer, generation=self.building.generation, **progress)

    def _keep(self) -> None:
        if not self.lease.acquire():
            raise Conflict("Another rebuild took over; nothing was switched.")

    # -- before the switch

    def _discard_again(self) -> None:
        """What was discarded after the new generation had passed it, and is dead there."""
        for event in self.inbox.held.dead():
            if self.inbox.is_discarded(event.id):
                self.inbox.release(event.aggregate, discard=event.id)

    def _refuse_dead_letters(self) -> None:
        dead = self.inbox.held.dead()
        if not dead:
            return
        self.generations.note(self.model.consumer, self.building, {"waits_for": f"{len(dead)} dead letters"})
        some = ", ".join(f"{event.id} ({event.reason})" for event in dead[:_TOLD])
        raise Conflict(
            f"Generation {self.building.generation} of {self.model.consumer} has dead letters, at least {len(dead)}: "
            f"{some}. The old generation goes on to serve. Replay or discard them, then rebuild again: it goes on here.",
            code="DEAD_LETTERS",
        )

    # -- removing

    def _remove_older(self) -> None:
        """Remove, in chunks, what generations before this one left behind, except the one that serves.

        Numbers only rise: who froze here and wakes up later removes nothing that came after it.
        """
        present = self.generations.present(self.model.consumer)
        gone = [n for n in range(1, self.building.generation) if n != present]
        names = set(self.database.list_collection_names())
        for name in (name for n in gone for name in self.model.aliases(n).values() if name in names):
            self.database.drop_collection(name)
        for n in gone:
            for rows in (COLLECTION, HELD, KEYS):
                self._remove_rows(self.database[rows], f"{self.model.consumer}.g{n}")

    def _remove_rows(self, rows: MongoCollection, consumer: str) -> None:
        """Those of one generation: their ids begin with its name and a slash, and 0 comes after a slash."""
        ours = {"_id": {"$gte": f"{consumer}/", "$lt": f"{consumer}0"}}
        while ids := [row["_id"] for row in rows.find(ours, {"_id": 1}).limit(_CHUNK)]:
            self.reached("remove_rows")
            rows.delete_many({"_id": {"$in": ids}})
            if self.lease.due:
                self._keep()


def _waits_for(left: int | None) -> str:
    return "it waited for the broker, its partitions or the database" if left is None else f"{left} events were left"
