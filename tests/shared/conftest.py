"""Fixtures of the kernel's tests: engines that may be broken, and databases and topics that nobody else sees."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from deploy.local.engines import Engines
from shared.bus.held import INDEXES as HELD_INDEXES
from shared.bus.kafka import KafkaSettings
from shared.storage.idempotency import INDEXES as KEY_INDEXES
from shared.storage.mongo import Mongo, MongoDatabase, connect
from shared.storage.outbox import INDEXES as OUTBOX_INDEXES
from tests.chaos.arena import Arena


@pytest.fixture(scope="session")
def breakable() -> Iterator[Engines]:
    """A MongoDB and a Kafka of this test process alone: it may kill them, and must leave them running."""
    with Engines.start() as engines:
        yield engines


@pytest.fixture
def arena(breakable: Engines) -> Iterator[Arena]:
    """A database and topics of this test's own, with processes and a load to be had."""
    arena = Arena(breakable)
    yield arena
    arena.close()


@pytest.fixture(scope="session")
def client(breakable: Engines) -> Iterator[Mongo]:
    """One client for all tests of this process."""
    with connect(breakable.mongo_url) as client:
        yield client


@pytest.fixture
def database(client: Mongo) -> Iterator[MongoDatabase]:
    """An empty database with the kernel's indexes."""
    database = client[f"kernel_{uuid.uuid4().hex[:12]}"]
    database["outbox"].create_indexes(OUTBOX_INDEXES)
    database["held_events"].create_indexes(HELD_INDEXES)
    database["idempotency"].create_indexes(KEY_INDEXES)
    yield database
    client.drop_database(database.name)


@pytest.fixture
def kafka(breakable: Engines) -> KafkaSettings:
    """The broker of this test process."""
    return KafkaSettings(kafka_bootstrap=breakable.kafka_bootstrap, kafka_session_timeout_ms=6_000)


@pytest.fixture
def topic() -> str:
    """A topic that no other test uses."""
    return f"probe{uuid.uuid4().hex[:12]}"
