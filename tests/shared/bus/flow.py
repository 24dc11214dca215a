"""Events on their way in a test: made, relayed, consumed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deploy.local.engines import Engines
from shared.bus.generations import COLLECTION as GENERATIONS
from shared.bus.kafka import KafkaSettings
from shared.bus.publisher import KafkaPublisher
from shared.clock import utc_now
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.places import Places
from shared.storage.relay import Relay
from shared.storage.transaction import commit
from shared.storage.work import UnitOfWork
from tests.chaos.arena import wait_for
from tests.chaos.probe import EFFECTS
from tests.chaos.probe import happen as happen_in


def happen(client: Mongo, database: MongoDatabase, topic: str, *keys: str, **facts: Any) -> None:
    """One event of each aggregate, each in a transaction of its own."""
    for key in keys:
        work = UnitOfWork(database, utc_now, "/probe")
        happen_in(topic, [key], **facts)(work)
        commit(client, work)


def relay_all(client: Mongo, database: MongoDatabase, kafka: KafkaSettings) -> None:
    """Send all that waits in the outbox."""
    publisher = KafkaPublisher(kafka, Places(database))
    relay = Relay(client, database, publisher)
    assert wait_for(lambda: relay.step() == 0 and relay.backlog() == (0, 0.0), 20)
    publisher.close()


def lose_log(engines: Engines, topic: str) -> None:
    """A power cut: the broker comes back with the topic and nothing in it."""
    engines.kill("kafka")
    for segment in (engines.folder / "kafka-1" / "data").glob(f"{topic}-*/*.log"):
        os.truncate(segment, 0)
    engines.restart("kafka")


def effects_of(database: MongoDatabase, name: str, collection: str = EFFECTS) -> list[int]:
    """The effects of one aggregate, in the order in which they came."""
    row = database[collection].find_one({"_id": name})
    return row["ns"] if row else []


def switch_to(database: MongoDatabase, consumer: str, generation: int) -> None:
    """As a rebuild does; this one left nothing behind."""
    database[GENERATIONS].update_one({"_id": consumer}, {"$set": {"generation": generation}}, upsert=True)


@contextmanager
def running(job: Any) -> Iterator[threading.Event]:
    """The job in a thread of its own; asked to stop after the block, and it must."""
    stop = threading.Event()
    thread = threading.Thread(target=job, args=(stop,), daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()
