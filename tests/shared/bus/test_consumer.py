"""Consumer, rebuild and worker against the real broker."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from deploy.local.engines import Engines
from shared import logs, metrics
from shared.bus.consumer import Consumer, _incoming
from shared.bus.generations import Generations
from shared.bus.held import list_dead
from shared.bus.inbox import Inbox, Subscription
from shared.bus.kafka import KafkaSettings, close_consumer, ensure_topics, open_consumer
from shared.bus.rebuild import group_name
from shared.bus.timers import Timer
from shared.bus.worker import PROGRESS, Plan, Worker
from shared.errors import Transient
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.work import UnitOfWork
from shared.tracing import current_trace_id, server_span
from tests.chaos.arena import read_topic, wait_for
from tests.chaos.member import MODEL
from tests.chaos.probe import CONSUMER, EFFECTS, Probe, counting, probe_of
from tests.shared.bus.flow import effects_of, happen, lose_log, relay_all, running, switch_to

# -- consuming


class _Troubled(Inbox):
    """Fails with each of these before it takes anything in."""

    def __init__(self, away: list[Exception], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._away = away

    def take(self, records: Sequence[Any]) -> None:
        if self._away:
            raise self._away.pop(0)
        super().take(records)


def test_a_header_without_a_value_is_read_as_an_empty_one() -> None:
    """kafka-python sends none, other producers may."""
    record = SimpleNamespace(topic="t", partition=0, offset=7, key=b"k", headers=[("ce_sequence", None)], value=None)
    read = _incoming(record)
    assert (read.headers, read.order, read.value) == ((("ce_sequence", b""),), 7, b"")


def test_a_batch_waits_without_losing_its_place_while_something_is_away(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    away = [Transient("away"), AutoReconnect("away"), AssertionError("kafka-python"), KeyError("ours")]

    def act(event: Probe, work: UnitOfWork) -> None:
        work.save(EFFECTS, {"_id": event.probe_id, "ns": [event.n]})

    subscription = Subscription(name="s", handlers={probe_of(topic): act})
    happen(client, database, topic, "a", "b")
    relay_all(client, database, kafka)
    inbox = _Troubled(away, client, database, "/probe", subscription)
    consumer = Consumer(kafka, f"g{topic}", [topic], inbox)
    with running(consumer.run):
        assert wait_for(lambda: database[EFFECTS].count_documents({}) == 2, 30)
        assert wait_for(lambda: consumer.lag == 0, 10)
    assert min(consumer.caught_up.values()) > 0
    consumer.close()


def test_a_partition_that_was_lost_and_came_back_during_an_outage_loses_nothing(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes back without its pause: what is polled while the consumer waits must not be skipped."""
    monkeypatch.setattr("shared.bus.consumer.POLL_RECORDS", 1)
    happen(client, database, topic, *["a"] * 6)
    relay_all(client, database, kafka)
    inbox = _Troubled([Transient("away")], client, database, "/probe", counting(topic))
    consumer = Consumer(kafka, f"g{topic}", [topic], inbox)
    monkeypatch.setattr(consumer._opened(), "pause", lambda *_partitions: None)
    with running(consumer.run):
        assert wait_for(lambda: consumer.lag == 0, 30)
    (row,) = database[EFFECTS].find()
    assert row["ns"] == [1, 2, 3, 4, 5, 6]


def test_a_new_client_reads_again_what_took_the_place_of_a_log_that_was_lost(
    breakable: Engines, client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    """The first event of the other aggregate stands where an old one stood that was taken in."""
    one_partition = replace(kafka, kafka_partitions=1)

    def consume() -> None:
        inbox = Inbox(client, database, "/probe", counting(topic))
        consumer = Consumer(one_partition, f"g{topic}", [topic], inbox)
        with running(consumer.run):
            assert wait_for(lambda: consumer.lag == 0, 60)

    happen(client, database, topic, "a", "a", "a")
    relay_all(client, database, one_partition)
    consume()
    lose_log(breakable, topic)
    happen(client, database, topic, "b")
    relay_all(client, database, one_partition)
    consume()

    assert effects_of(database, f"{topic}/b") == [1]
    assert effects_of(database, f"{topic}/a") == [1, 2, 3]


def test_a_consumer_stops_in_the_middle_of_an_outage(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    class Away(Inbox):
        def take(self, records: Sequence[Any]) -> None:
            raise Transient("away")

    happen(client, database, topic, "a")
    relay_all(client, database, kafka)
    inbox = Away(client, database, "/probe", counting(topic))
    consumer = Consumer(kafka, f"g{topic}", [topic], inbox)
    with running(consumer.run):
        time.sleep(2.0)
    assert consumer.left() is None


def test_a_broker_that_comes_back_finds_its_members_again(
    breakable: Engines, client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    """A new member would wait until the session of the old one has timed out."""

    def member() -> str:
        return str(consumer._opened()._coordinator._generation.member_id)

    happen(client, database, topic, "a")
    relay_all(client, database, kafka)
    consumer = Consumer(kafka, f"g{topic}", [topic], Inbox(client, database, "/probe", counting(topic)))
    with running(consumer.run):
        assert wait_for(lambda: consumer.lag == 0, 20)
        before = member()
        breakable.kill("kafka")
        time.sleep(3.0)  # as long as it takes that something is asked of the broker and not answered
        breakable.restart("kafka")
        happen(client, database, topic, "a")
        relay_all(client, database, kafka)
        assert wait_for(lambda: effects_of(database, f"{topic}/a") == [1, 2], 20)
        assert member() == before


def test_records_without_key_are_told_apart(
    kafka: KafkaSettings, client: Mongo, database: MongoDatabase, topic: str
) -> None:
    from kafka import KafkaProducer

    ensure_topics(kafka, [topic])
    producer = KafkaProducer(bootstrap_servers=kafka.kafka_bootstrap)
    producer.send(topic, value=b"nobody's")
    producer.send(topic, value=None, key=b"k")
    producer.send(topic, value=b"{}", key=b"l", headers=[("ce_sequence", b"9" * 30)])
    producer.flush()
    producer.close()
    consumer = Consumer(kafka, f"g{topic}", [topic], Inbox(client, database, "/probe", counting(topic)))
    assert wait_for(lambda: consumer.turn() == 0 and database["held_events"].count_documents({"state": "dead"}) == 3)
    assert len(list_dead(database)) == 3
    consumer.close()
    consumer.close()


def test_each_partition_that_becomes_ours_is_doubted_before_its_records(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its owner before set aside is asked for: see Held.look."""
    order: list[str] = []

    class Watched(Inbox):
        def take(self, records: Sequence[Any]) -> None:
            order.append("records")
            super().take(records)

    def consumer_of(name: str) -> Consumer:
        inbox = Watched(client, database, "/probe", counting(topic))
        doubt = inbox.held.doubt

        def note_and_doubt() -> None:
            order.append(name)
            doubt()

        monkeypatch.setattr(inbox.held, "doubt", note_and_doubt)
        return Consumer(kafka, f"g{topic}", [topic], inbox)

    happen(client, database, topic, "a", "b")
    relay_all(client, database, kafka)
    first, second = consumer_of("first"), consumer_of("second")
    assert wait_for(lambda: first.turn() > 0, 30)
    assert order[0] == "first"
    with running(second.run):
        assert wait_for(lambda: (first.turn(), "second" in order)[1], 30)
    order.clear()
    assert wait_for(lambda: (first.turn(), "first" in order)[1], 30)
    first.close()


def test_closing_twice_harms_nobody(kafka: KafkaSettings, topic: str) -> None:
    ensure_topics(kafka, [topic])
    consumer = open_consumer(kafka, f"g{topic}", [topic])
    close_consumer(consumer)
    close_consumer(consumer)


# -- generations


def test_generations_name_their_collections(database: MongoDatabase) -> None:
    generations = Generations(database, [MODEL])
    assert generations.aliases() == {EFFECTS: EFFECTS}
    switch_to(database, CONSUMER, 7)
    generations = Generations(database, [MODEL])
    assert generations.aliases() == {EFFECTS: f"{EFFECTS}.g7"}
    assert (generations.present(CONSUMER), Generations(database, []).present("other")) == (7, 1)


# -- the worker


def test_a_worker_relays_consumes_and_keeps_its_timers_and_gauges(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    ticks: list[int] = []

    def tick() -> int:
        ticks.append(1)
        raise [Transient("away"), KeyError("ours"), AutoReconnect("away")][len(ticks) % 3]

    plan = Plan(
        service="probe",
        client=client,
        database=database,
        kafka=kafka,
        subscriptions=[counting(topic)],
        read_models=[MODEL],
        timers=[Timer("tick", 0.05, tick)],
    )
    sent = metrics.EVENTS_SENT._value.get()
    worker = Worker(plan)
    threads = worker.start()
    happen(client, database, topic, "a", "a", "b")
    assert wait_for(lambda: effects_of(database, f"{topic}/a") == [1, 2] and effects_of(database, f"{topic}/b") == [1])
    assert wait_for(lambda: (database[PROGRESS].find_one({"_id": CONSUMER}) or {}).get("lag") == 0)

    switch_to(plan.database, CONSUMER, 2)  # as a rebuild does; this one left nothing behind
    assert wait_for(lambda: effects_of(database, f"{topic}/a", f"{EFFECTS}.g2") == [1, 2])
    worker.stop()
    for thread in threads:
        thread.join(15)

    assert not any(thread.is_alive() for thread in threads)
    assert len(ticks) > 3
    assert metrics.EVENTS_SENT._value.get() >= sent + 3
    assert metrics.EVENTS_HANDLED.labels(topic)._value.get() >= 3
    assert group_name(database, CONSUMER, 2).endswith(".g2")


def test_one_trace_id_from_the_request_to_the_handlers_last_line(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    lines = io.StringIO()
    logs.configure("probe", "debug", lines)
    try:
        with server_span("POST /v1/probes", None):
            trace_id = current_trace_id()
            happen(client, database, topic, "a")
        row = database["outbox"].find_one()
        relay_all(client, database, kafka)
        (record,) = read_topic(kafka.kafka_bootstrap, topic)
        consumer = Consumer(
            kafka, f"g{topic}", [topic], Inbox(client, database, "/probe", counting(topic, speaks=True))
        )
        assert wait_for(lambda: consumer.turn() == 0 and effects_of(database, f"{topic}/a") == [1])
        consumer.close()
    finally:
        logs.configure("tests", "warning")
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    by_event = {line["event"]: line.get("trace_id") for line in said}

    assert row is not None
    assert trace_id in row["traceparent"]
    assert trace_id in dict(record.headers)["ce_traceparent"].decode()
    assert by_event["probe_counted"] == trace_id  # the handler's own line
    assert by_event["event_applied"] == trace_id  # and the last one
