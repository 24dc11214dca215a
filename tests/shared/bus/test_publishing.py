"""Publisher, outbox and relay against the real broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from pymongo.errors import AutoReconnect

from deploy.local.engines import Engines
from shared.bus.kafka import KafkaSettings, ensure_topics, partition_of
from shared.bus.publisher import KafkaPublisher
from shared.clock import utc_now
from shared.storage.lease import Lease
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.outbox import Outbox
from shared.storage.places import Places
from shared.storage.relay import LogLost, Relay
from tests.chaos.arena import read_topic, wait_for
from tests.shared.bus.flow import happen, lose_log, relay_all, running

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
    happen(client, database, topic, "a", names="x" * 5_000)
    happen(client, database, topic, "a", "a")
    publisher = KafkaPublisher(kafka, Places(database), delivery_timeout_ms=8_000)
    rows = Outbox(client, database).unsent()

    assert publisher.publish(rows) == []
    publisher.close()
    assert read_topic(kafka.kafka_bootstrap, topic) == []


def test_a_broker_that_is_away_costs_a_try_and_no_event(
    breakable: Engines, client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    publisher = KafkaPublisher(kafka, Places(database), delivery_timeout_ms=2_000)
    relay = Relay(client, database, publisher)
    happen(client, database, topic, "a")
    assert wait_for(lambda: relay.step() == 1)
    happen(client, database, topic, "a")
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


def test_a_log_that_is_lost_just_after_it_was_asked_about_gets_nothing_before_it_is_asked_again(
    breakable: Engines, client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    outbox, places = Outbox(client, database), Places(database)
    happen(client, database, topic, "a")
    relay_all(client, database, kafka)
    happen(client, database, topic, "a")
    publisher = _TooLate(kafka, places, lambda: lose_log(breakable, topic))

    assert publisher.publish(outbox.unsent()) == []
    assert read_topic(kafka.kafka_bootstrap, topic) == []
    with pytest.raises(LogLost):
        publisher.publish(outbox.unsent())
    publisher.close()


class _TooLate(KafkaPublisher):
    """Something happens when it has just asked about the log for the first time."""

    def __init__(self, settings: KafkaSettings, places: Places, happens: Callable[[], None]) -> None:
        super().__init__(settings, places)
        self._happens: list[Callable[[], None]] = [happens]

    def _require_log(self) -> None:
        super()._require_log()
        while self._happens:
            self._happens.pop()()


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

    def watch(self) -> None:
        return None

    def forget(self, topics: Iterable[str]) -> None:
        raise AssertionError(topics)

    def hurry(self) -> None:
        return None

    def close(self) -> None:
        return None


def test_only_acknowledged_events_are_marked_sent(client: Mongo, database: MongoDatabase, topic: str) -> None:
    happen(client, database, topic, "a", "a", "a")
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
    happen(client, database, topic, *["a"] * 6)
    for n in range(1, 7):
        moment = utc_now().replace(year=2000 + 20 - n)
        database["outbox"].update_one({"_id": f"{topic}/a/{n}"}, {"$set": {"time": moment}})

    rows = Outbox(client, database).unsent(limit=2)
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_a_replay_sends_again_what_matches(client: Mongo, database: MongoDatabase, topic: str) -> None:
    happen(client, database, topic, "a", "b")
    outbox = Outbox(client, database)
    outbox.mark_sent([])
    outbox.mark_sent([row["_id"] for row in outbox.unsent()])
    assert (outbox.unsent(), outbox.backlog()) == ([], (0, 0.0))

    assert Outbox(client, database, timedelta(days=1)).replay() == 0  # consumers would not recognise what they forgot
    assert outbox.replay({"key": "a"}) == 1
    assert outbox.replay() == 1


def test_one_relay_waits_while_another_holds_the_lease(client: Mongo, database: MongoDatabase, topic: str) -> None:
    first, second = Relay(client, database, _Recorder()), Relay(client, database, _Recorder())
    happen(client, database, topic, "a")

    assert first.step() == 1
    happen(client, database, topic, "a")
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
    happen(client, database, topic, "a")
    assert wait_for(lambda: relay.sent == 1, 10)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_who_is_asked_to_hurry_does_not_wait_for_a_broker_that_hangs(
    breakable: Engines, client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    relay = Relay(client, database, KafkaPublisher(kafka, Places(database), delivery_timeout_ms=60_000))
    happen(client, database, topic, "a")
    assert relay.step() == 1
    happen(client, database, topic, "a")
    breakable.freeze("kafka")
    try:
        with ThreadPoolExecutor(1) as pool:
            step = pool.submit(relay.step)
            assert not wait_for(step.done, 1.0)
            relay.hurry()
            assert step.result(20) == 0  # far less than the minute it would have waited
    finally:
        breakable.thaw("kafka")
    over = threading.Event()
    over.set()
    relay.run(over)  # gives up its lease
    relay_all(client, database, kafka)  # the next one sends it


def test_a_bell_that_cannot_be_opened_keeps_no_event_back(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    """MongoDB refuses what a relay writes to hear of commits: it looks by itself."""
    database.create_collection("wakeups", capped=True, size=16_384, validator={"$expr": False})
    relay = Relay(client, database, KafkaPublisher(kafka, Places(database)))
    happen(client, database, topic, "a", "b")

    with running(relay.run):
        assert wait_for(lambda: relay.sent == 2)
        happen(client, database, topic, "a")
        assert wait_for(lambda: relay.sent == 3)
