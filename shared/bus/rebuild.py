"""Rebuild of a read model: a new generation read from zero while the old one serves, then the switch."""

import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from shared.bus.consumer import POLL_RECORDS, Consumer
from shared.bus.generations import Generations, ReadModel
from shared.bus.inbox import COLLECTION, Inbox, Subscription
from shared.bus.kafka import KafkaSettings
from shared.errors import Conflict
from shared.logs import get_logger
from shared.storage.lease import Lease
from shared.storage.mongo import Mongo, MongoDatabase

log = get_logger(__name__)

_LEASE_SECONDS = 30.0
_NEARLY = 10

Prepare = Callable[[Mapping[str, str]], None]


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
    patience: float = 3600.0,
) -> int:
    """Build the model's next generation from the whole log and switch to it. Returns the new generation.

    The new generation has its own collections, inbox rows and consumer group. The switch is one write; those who still
    consume for the old one notice within a second and go on in the new group where this left off, so nothing is missed
    while events keep coming. Raises TimeoutError when the log is not read within `patience` seconds, Conflict while
    another rebuild of this model runs.
    """
    lease = Lease(database, f"rebuild/{model.consumer}", uuid.uuid4().hex, _LEASE_SECONDS)
    if not lease.acquire():
        raise Conflict(f"{model.consumer} is being rebuilt already.")
    try:
        return _rebuild(client, database, kafka, source, subscription, model, ensure_indexes, patience, lease)
    finally:
        lease.give_up()


def _rebuild(
    client: Mongo,
    database: MongoDatabase,
    kafka: KafkaSettings,
    source: str,
    subscription: Subscription,
    model: ReadModel,
    ensure_indexes: Prepare,
    patience: float,
    lease: Lease,
) -> int:
    generations = Generations(database, [model])
    present = generations.present(model.consumer)
    _drop_others(database, model, present)
    number = _next_number(database, model.consumer, present)
    aliases = model.aliases(number)
    ensure_indexes(aliases)
    inbox = Inbox(client, database, source, subscription, generation=number, aliases=aliases)
    consumer = Consumer(kafka, group_name(database, model.consumer, number), subscription.topics, inbox)
    try:
        _read_to_the_end(consumer, patience, lease)
        _keep(lease)  # who froze and woke up must not switch to what another rebuild has dropped
        generations.switch(model.consumer, number)
    finally:
        consumer.close()
    log.info("read_model_rebuilt", consumer=model.consumer, generation=number, events=inbox.applied)
    return number


def _read_to_the_end(consumer: Consumer, patience: float, lease: Lease) -> None:
    """Until nothing is left; while events keep coming, until little was left several times over."""
    until = time.monotonic() + patience
    nearly, never = 0, threading.Event()
    while nearly < _NEARLY:
        if time.monotonic() > until:
            raise TimeoutError("The log was not read to its end in time; nothing was switched.")
        if lease.due:
            _keep(lease)
        consumer.guarded_turn(never)
        left = consumer.left()
        if left == 0:
            return
        nearly += left is not None and left <= POLL_RECORDS


def _keep(lease: Lease) -> None:
    if not lease.acquire():
        raise Conflict("Another rebuild took over; nothing was switched.")


def _next_number(database: MongoDatabase, consumer: str, present: int) -> int:
    """A number never used before: an abandoned rebuild leaves offsets in its group."""
    counter: Any = database["generation_numbers"].find_one_and_update(
        {"_id": consumer},
        [{"$set": {"n": {"$add": [{"$max": [{"$ifNull": ["$n", 1]}, present]}, 1]}}}],
        upsert=True,
        return_document=True,
    )
    return int(counter["n"])


def _drop_others(database: MongoDatabase, model: ReadModel, present: int) -> None:
    """Remove what earlier generations and abandoned rebuilds left behind."""
    keep = set(model.aliases(present).values())
    ours = re.compile("|".join(rf"{re.escape(name)}(\.g\d+)?" for name in model.collections))
    for name in database.list_collection_names():
        if ours.fullmatch(name) and name not in keep:
            database.drop_collection(name)
    prefix = rf"^{re.escape(model.consumer)}\.g"
    old = {"_id": {"$regex": rf"{prefix}\d+/", "$not": re.compile(f"{prefix}{present}/")}}
    for rows in (COLLECTION, "held_events", "held_keys"):
        database[rows].delete_many(old)
