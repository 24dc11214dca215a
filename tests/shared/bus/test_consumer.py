"""Publisher, consumer, rebuild and worker against the real broker."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from pymongo.errors import AutoReconnect

from deploy.local.engines import Engines
from shared import logs, metrics
from shared.bus.consumer import Consumer, _incoming
from shared.bus.generations import Generations, ReadModel
from shared.bus.held import list_dead
from shared.bus.inbox import Inbox, Subscription
from shared.bus.kafka import KafkaPublisher, KafkaSettings, close_consumer, ensure_topics, open_consumer, partition_of
from shared.bus.rebuild import group_name, rebuild
from shared.bus.worker import PROGRESS, Plan, Timer, Worker
from shared.clock import utc_now
from shared.errors import Conflict, Transient
from shared.storage.lease import Lease
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.outbox import Outbox
from shared.storage.relay import Relay
from shared.storage.transaction import commit
from shared.storage.work import UnitOfWork
from shared.tracing import current_trace_id, server_span
from tests.chaos.arena import read_topic, wait_for
from tests.chaos.member import MODEL
from tests.chaos.probe import CONSUMER, EFFECTS, Probe, counting, happen, probe_of


def _happen(client: Mongo, database: MongoDatabase, topic: str, *keys: str, **facts: Any) -> None:
    for key in keys:
        work = UnitOfWork(database, utc_now, "/probe")
        happen(topic, [key], **facts)(work)
        commit(client, work)


def _relay_all(client: Mongo, database: MongoDatabase, kafka: KafkaSettings) -> None:
    publisher = KafkaPublisher(kafka)
    relay = Relay(client, database, publisher)
    assert wait_for(lambda: relay.step() == 0 and relay.backlog() == (0, 0.0), 20)
    publisher.close()


def _ns(database: MongoDatabase, name: str, collection: str = EFFECTS) -> list[int]:
    row = database[collection].find_one({"_id": name})
    return row["ns"] if row else []


# -- publishing


def test_topics_keep_everything(kafka: KafkaSettings, topic: str) -> None:
    ensure_topics(kafka, [topic])
    ensure_topics(kafka, [topic])
    admin = KafkaAdminClient(bootstrap_servers=kafka.kafka_bootstrap)
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    admin.close()
    print(described)
    assert described["topic"][topic]["retention.ms"]["value"] == "-1"


def test_connection_settings_reach_the_client() -> None:
    options = KafkaSettings(
        kafka_bootstrap="a:1,b:2",
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="u",
        kafka_sasl_password="p",
        kafka_ssl_cafile="ca.pem",
    ).client()

    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert (options["security_protocol"], options["ssl_cafile"]) == ("SASL_SSL", "ca.pem")
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("SCRAM-SHA-512", "u")


def test_after_a_refused_event_none_of_its_aggregate_is_sent(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    """The broker refuses the first and would take the second: n+1 without n."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.kafka_bootstrap)
    admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "2000"})])
    admin.close()
    _happen(client, database, topic, "a", names="x" * 5_000)
    _happen(client, database, topic, "a", "a")
    publisher = KafkaPublisher(kafka, delivery_timeout_ms=8_000)
    rows = Outbox(client, database).unsent()

    assert publisher.publish(rows) == []
    publisher.close()
    assert read_topic(kafka.kafka_bootstrap, topic) == []


def test_a_broker_that_is_away_costs_a_try_and_no_event(
    breakable: Engines, client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    publisher = KafkaPublisher(kafka, delivery_timeout_ms=2_000)
    relay = Relay(client, database, publisher)
    _happen(client, database, topic, "a")
    assert relay.step() == 1
    _happen(client, database, topic, "a")
    breakable.freeze("kafka")
    try:
        assert relay.step() == 0
    finally:
        breakable.thaw("kafka")
    assert relay.backlog()[0] == 1
    assert wait_for(lambda: relay.step() == 1)
    publisher.close()
    publisher.close()

    numbers = [int(dict(record.headers)["ce_sequence"]) for record in read_topic(kafka.kafka_bootstrap, topic)]
    assert sorted(set(numbers)) == [1, 2]


def test_a_key_always_goes_to_the_same_partition() -> None:
    assert {partition_of(b"a-key", 12) for _ in range(3)} == {partition_of(b"a-key", 12)}
    assert {partition_of(str(n).encode(), 3) for n in range(50)} == {0, 1, 2}


# -- the outbox and the relay


class _Recorder:
    """A publisher that keeps what it was given, and acknowledges as told: for the relay's own decisions."""

    def __init__(self, acknowledge: int | None = None) -> None:
        self.given: list[list[str]] = []
        self.acknowledge = acknowledge

    def publish(self, rows: Sequence[Any]) -> list[str]:
        self.given.append([row["_id"] for row in rows])
        return [row["_id"] for row in rows][: self.acknowledge]

    def close(self) -> None:
        return None


def test_only_acknowledged_events_are_marked_sent(client: Mongo, database: MongoDatabase, topic: str) -> None:
    _happen(client, database, topic, "a", "a", "a")
    recorder = _Recorder(acknowledge=2)
    relay = Relay(client, database, recorder)

    assert relay.step() == 2
    assert [row["_id"] for row in Outbox(client, database).unsent()] == [f"{topic}/a/3"]
    assert relay.backlog()[0] == 1
    assert relay.backlog()[1] >= 0.0


def test_a_later_event_with_an_earlier_time_does_not_overtake(
    client: Mongo, database: MongoDatabase, topic: str
) -> None:
    """Clocks differ between processes: the order of an aggregate is its sequence, whatever the limit cuts off."""
    _happen(client, database, topic, *["a"] * 6)
    for n in range(1, 7):
        moment = utc_now().replace(year=2000 + 20 - n)
        database["outbox"].update_one({"_id": f"{topic}/a/{n}"}, {"$set": {"time": moment}})

    rows = Outbox(client, database).unsent(limit=2)
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_a_replay_sends_again_what_matches(client: Mongo, database: MongoDatabase, topic: str) -> None:
    _happen(client, database, topic, "a", "b")
    outbox = Outbox(client, database)
    outbox.mark_sent([])
    outbox.mark_sent([row["_id"] for row in outbox.unsent()])
    assert (outbox.unsent(), outbox.backlog()) == ([], (0, 0.0))

    assert outbox.replay({"key": "a"}) == 1
    assert outbox.replay() == 1


def test_one_relay_waits_while_another_holds_the_lease(client: Mongo, database: MongoDatabase, topic: str) -> None:
    first, second = Relay(client, database, _Recorder()), Relay(client, database, _Recorder())
    _happen(client, database, topic, "a")

    assert first.step() == 1
    _happen(client, database, topic, "a")
    assert second.step() == 0
    first._finish()
    assert second.step() == 1


def test_a_lease_has_one_holder_and_a_rising_epoch(client: Mongo, database: MongoDatabase) -> None:
    one, two = Lease(database, "x", "one", 0.5), Lease(database, "x", "two", 0.5)
    assert one.due
    assert one.acquire()
    assert one.acquire()
    assert (one.held, one.due, one.epoch) == (True, False, 1)
    assert not two.acquire()
    assert not two.held
    time.sleep(0.6)
    assert not one.held
    assert two.acquire()
    assert two.epoch == 2
    one.give_up()  # and takes nothing from the other
    assert not one.acquire()
    two.give_up()
    assert one.acquire()
    assert one.epoch == 3


def test_a_relay_outlives_errors_of_its_own(client: Mongo, database: MongoDatabase, topic: str) -> None:
    troubles = iter([KeyError("ours"), AutoReconnect("away")])

    def stamp(_lease: Lease) -> int:
        for trouble in troubles:
            raise trouble
        return 0

    relay, stop = Relay(client, database, _Recorder(), stamp=stamp), threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    _happen(client, database, topic, "a")
    assert wait_for(lambda: relay.sent == 1, 10)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


# -- consuming


@contextmanager
def _running(job: Any) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=job, args=(stop,), daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


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
    _happen(client, database, topic, "a", "b")
    _relay_all(client, database, kafka)
    inbox = _Troubled(away, client, database, "/probe", subscription)
    consumer = Consumer(kafka, f"g{topic}", [topic], inbox)
    with _running(consumer.run):
        assert wait_for(lambda: database[EFFECTS].count_documents({}) == 2, 30)
        assert wait_for(lambda: consumer.lag == 0, 10)
    assert consumer.caught_up_at > 0
    consumer.close()


def test_a_partition_that_was_lost_and_came_back_during_an_outage_loses_nothing(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes back without its pause: what is polled while the consumer waits must not be skipped."""
    monkeypatch.setattr("shared.bus.consumer.POLL_RECORDS", 1)
    _happen(client, database, topic, *["a"] * 6)
    _relay_all(client, database, kafka)
    inbox = _Troubled([Transient("away")], client, database, "/probe", counting(topic))
    consumer = Consumer(kafka, f"g{topic}", [topic], inbox)
    monkeypatch.setattr(consumer._opened(), "pause", lambda *_partitions: None)
    with _running(consumer.run):
        assert wait_for(lambda: consumer.lag == 0, 30)
    (row,) = database[EFFECTS].find()
    assert row["ns"] == [1, 2, 3, 4, 5, 6]


def test_a_consumer_stops_in_the_middle_of_an_outage(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    class Away(Inbox):
        def take(self, records: Sequence[Any]) -> None:
            raise Transient("away")

    _happen(client, database, topic, "a")
    _relay_all(client, database, kafka)
    inbox = Away(client, database, "/probe", counting(topic))
    consumer = Consumer(kafka, f"g{topic}", [topic], inbox)
    with _running(consumer.run):
        time.sleep(2.0)
    assert consumer.left() is None


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

    _happen(client, database, topic, "a", "b")
    _relay_all(client, database, kafka)
    first, second = consumer_of("first"), consumer_of("second")
    assert wait_for(lambda: first.turn() > 0, 30)
    assert order[0] == "first"
    with _running(second.run):
        assert wait_for(lambda: (first.turn(), "second" in order)[1], 30)
    order.clear()
    assert wait_for(lambda: (first.turn(), "first" in order)[1], 30)
    first.close()


def test_closing_twice_harms_nobody(kafka: KafkaSettings, topic: str) -> None:
    ensure_topics(kafka, [topic])
    consumer = open_consumer(kafka, f"g{topic}", [topic])
    close_consumer(consumer)
    close_consumer(consumer)


# -- rebuilding


def test_generations_name_their_collections(database: MongoDatabase) -> None:
    generations = Generations(database, [MODEL])
    assert generations.aliases() == {EFFECTS: EFFECTS}
    generations.switch(CONSUMER, 7)
    assert generations.aliases() == {EFFECTS: f"{EFFECTS}.g7"}
    assert (generations.present(CONSUMER), Generations(database, []).present("other")) == (7, 1)


def test_a_rebuild_removes_its_own_remains_and_nothing_of_others(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    model = ReadModel(consumer=CONSUMER, collections=(EFFECTS,))
    for name in (f"{EFFECTS}.g5", f"{EFFECTS}.groups", "others"):
        database[name].insert_one({"x": 1})
    strangers = [f"{CONSUMER}.gold.g1/a/1", f"{CONSUMER}X.g1/a/1", f"{CONSUMER}.g1/a/1"]
    database["inbox"].insert_many([{"_id": name} for name in [*strangers, f"{CONSUMER}.g5/a/1", f"{CONSUMER}.g11/a/1"]])
    _happen(client, database, topic, "a", "a", "b")
    _relay_all(client, database, kafka)

    number = rebuild(client, database, kafka, "/probe", counting(topic), model, lambda _aliases: None, patience=30)

    names = set(database.list_collection_names())
    assert {f"{EFFECTS}.groups", "others", f"{EFFECTS}.g{number}"} <= names
    assert f"{EFFECTS}.g5" not in names
    left = {row["_id"] for row in database["inbox"].find({"_id": {"$not": {"$regex": f"/{topic}/"}}})}
    assert left == set(strangers)
    assert _ns(database, f"{topic}/a", f"{EFFECTS}.g{number}") == [1, 2]


def test_only_one_rebuild_at_a_time(client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str) -> None:
    other = Lease(database, f"rebuild/{CONSUMER}", "other", 30)
    other.acquire()
    with pytest.raises(Conflict, match="already"):
        rebuild(client, database, kafka, "/probe", counting(topic), MODEL, lambda _aliases: None)


def test_a_rebuild_that_takes_too_long_switches_nothing(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    _happen(client, database, topic, "a")
    _relay_all(client, database, kafka)
    with pytest.raises(TimeoutError):
        rebuild(client, database, kafka, "/probe", counting(topic), MODEL, lambda _aliases: None, patience=-1)
    assert Generations(database, [MODEL]).present(CONSUMER) == 1


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
    _happen(client, database, topic, "a", "a", "b")
    assert wait_for(lambda: _ns(database, f"{topic}/a") == [1, 2] and _ns(database, f"{topic}/b") == [1])
    assert wait_for(lambda: (database[PROGRESS].find_one({"_id": CONSUMER}) or {}).get("lag") == 0)

    plan.generations().switch(CONSUMER, 2)  # as a rebuild does; this one left nothing behind
    assert wait_for(lambda: _ns(database, f"{topic}/a", f"{EFFECTS}.g2") == [1, 2])
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
            _happen(client, database, topic, "a")
        row = database["outbox"].find_one()
        _relay_all(client, database, kafka)
        (record,) = read_topic(kafka.kafka_bootstrap, topic)
        consumer = Consumer(
            kafka, f"g{topic}", [topic], Inbox(client, database, "/probe", counting(topic, speaks=True))
        )
        assert wait_for(lambda: consumer.turn() == 0 and _ns(database, f"{topic}/a") == [1])
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
