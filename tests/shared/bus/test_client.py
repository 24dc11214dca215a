"""Clients of Kafka: what they leave behind, and how long they wait."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, KafkaTimeoutError

from deploy.local.engines import Engines
from shared.bus import client as clients
from shared.bus.client import opened
from shared.bus.kafka import KafkaSettings, close_consumer, ensure_topics, open_consumer
from shared.bus.publisher import KafkaPublisher
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.outbox import Outbox
from shared.storage.places import Places
from tests.chaos.arena import wait_for
from tests.shared.bus.flow import happen

FAILURES = 40


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Kept log records keep the errors that they tell of, and these the sockets."""
    caplog.set_level(logging.CRITICAL, "kafka")


@pytest.fixture
def nobody() -> KafkaSettings:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return KafkaSettings(kafka_bootstrap=f"127.0.0.1:{free.getsockname()[1]}")


@pytest.fixture
def mute() -> Iterator[KafkaSettings]:
    """A broker that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield KafkaSettings(kafka_bootstrap=f"127.0.0.1:{server.getsockname()[1]}")


def _held() -> tuple[int, int]:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def _flat(attempt: Callable[[], object], times: int) -> bool:
    """Whether after many failures there are no more descriptors and threads than after the first."""
    _fail(attempt)
    before = _held()
    for _ in range(times):
        _fail(attempt)
    return wait_for(lambda: all(now <= then for now, then in zip(_held(), before, strict=True)))


def _fail(attempt: Callable[[], object]) -> None:
    with pytest.raises(KafkaError):
        attempt()


@pytest.mark.parametrize("kind", [KafkaAdminClient, KafkaConsumer, KafkaProducer])
def test_hundreds_of_failed_openings_leave_nothing_behind(kind: type, nobody: KafkaSettings) -> None:
    options = {**nobody.client(), "bootstrap_timeout_ms": 5}
    if kind is KafkaAdminClient:
        del options["metrics_enabled"]

    assert _flat(lambda: opened(kind, **options), FAILURES)


@pytest.mark.parametrize("broker", ["nobody", "mute"])
def test_a_publisher_and_a_consumer_without_a_broker_leave_nothing_behind(
    broker: str,
    client: Mongo,
    database: MongoDatabase,
    topic: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    settings: KafkaSettings = request.getfixturevalue(broker)
    short = {**settings.client(), "bootstrap_timeout_ms": 20}
    monkeypatch.setattr(KafkaSettings, "client", lambda _self: short)
    happen(client, database, topic, "a")
    rows, publisher = Outbox(client, database).unsent(), KafkaPublisher(settings, Places(database))

    def attempt() -> None:
        assert publisher.publish(rows) == []
        open_consumer(settings, f"g{topic}", [topic])

    assert _flat(attempt, 20)


def test_clients_that_are_closed_leave_nothing_behind(kafka: KafkaSettings, topic: str) -> None:
    def cycle() -> tuple[int, int]:
        ensure_topics(kafka, [topic])
        close_consumer(open_consumer(kafka, f"g{topic}", [topic]))
        return _held()

    first = cycle()
    for _ in range(8):
        cycle()
    assert wait_for(lambda: all(now <= then for now, then in zip(_held(), first, strict=True)))


def test_a_client_whose_broker_hangs_is_closed_in_time_and_leaves_nothing_behind(
    breakable: Engines, kafka: KafkaSettings, topic: str
) -> None:
    ensure_topics(kafka, [topic])
    close_consumer(open_consumer(kafka, f"g{topic}", [topic]))
    before = _held()
    consumer = open_consumer(kafka, f"g{topic}", [topic])
    consumer.poll(timeout_ms=1000)
    breakable.freeze("kafka")
    try:
        begun = time.monotonic()
        close_consumer(consumer, timeout_ms=100)
        assert time.monotonic() - begun < clients.ANSWER_SECONDS
    finally:
        breakable.thaw("kafka")
    assert wait_for(lambda: all(now <= then for now, then in zip(_held(), before, strict=True)))


def test_no_question_waits_for_ever_for_a_broker_that_hangs(
    breakable: Engines, kafka: KafkaSettings, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "ANSWER_SECONDS", 0.5)
    options = {name: value for name, value in kafka.client().items() if name != "metrics_enabled"}
    consumer, admin = opened(KafkaConsumer, **kafka.client()), opened(KafkaAdminClient, **options)
    breakable.freeze("kafka")
    try:
        for question in (admin.list_topics, lambda: consumer.partitions_for_topic(topic)):
            with pytest.raises(KafkaTimeoutError):
                question()
    finally:
        breakable.thaw("kafka")
    admin.close()
    close_consumer(consumer)
