"""Rebuild of a read model: a new generation read from zero while the old one serves, then the switch."""

import threading
import time
from collections.abc import Callable, Mapping

from shared.bus.consumer import Consumer
from shared.bus.generations import Generations, ReadModel
from shared.bus.inbox import COLLECTION, Inbox, Subscription
from shared.bus.kafka import KafkaSettings
from shared.logs import get_logger
from shared.storage.mongo import Mongo, MongoDatabase

log = get_logger(__name__)

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
    while events keep coming. Raises TimeoutError when the log is not read within `patience` seconds.
    """
    generations = Generations(database, [model])
    present = generations.present(model.consumer)
    _drop_others(database, model, present)
    number = _next_number(database, model.consumer, present)
    aliases = model.aliases(number)
    ensure_indexes(aliases)
    inbox = Inbox(client, database, source, subscription, generation=number, aliases=aliases)
    consumer = Consumer(kafka, group_name(database, model.consumer, number), subscription.topics, inbox)
    try:
        _read_to_the_end(consumer, patience)
        generations.switch(model.consumer, number)
    finally:
        consumer.close()
    log.info("read_model_rebuilt", consumer=model.consumer, generation=number, events=inbox.applied)
    return number


def _read_to_the_end(consumer: Consumer, patience: float) -> None:
    until = time.monotonic() + patience
    pause = threading.Event()
    while not (consumer.turn() == 0 and consumer.at_end()):
        if time.monotonic() > until:
            raise TimeoutError("The log was not read to its end in time; nothing was switched.")
        pause.wait(0.0)


def _next_number(database: MongoDatabase, consumer: str, present: int) -> int:
    """A number never used before: an abandoned rebuild leaves offsets in its group."""
    counter = database["generation_numbers"].find_one_and_update(
        {"_id": consumer}, [{"$set": {"n": {"$add": [{"$max": [{"$ifNull": ["$n", 1]}, present]}, 1]}}}],
        upsert=True, return_document=True,
    )
    return int(counter["n"])


def _drop_others(database: MongoDatabase, model: ReadModel, present: int) -> None:
    """Remove what earlier generations and abandoned rebuilds left behind."""
    keep = set(model.aliases(present).values())
    for name in database.list_collection_names():
        base = name.split(".g", 1)[0]
        if base in model.collections and name not in keep:
            database.drop_collection(name)
    prefix = f"{model.consumer}.g"
    old = {"_id": {"$regex": f"^{prefix}", "$not": {"$regex": f"^{prefix}{present}/"}}}
    for rows in (COLLECTION, "held_events", "held_keys"):
        database[rows].delete_many(old)
