"""The worker as a process: signals, what it says of its progress, and what depends on that."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pymongo.errors import AutoReconnect

from shared.bus.generations import Generations
from shared.bus.inbox import Inbox, Subscription
from shared.bus.kafka import KafkaSettings
from shared.bus.worker import PROGRESS, Plan, Worker, note_progress, require_fresh
from shared.clock import utc_now
from shared.errors import Unavailable
from shared.storage.mongo import Mongo, MongoDatabase
from tests.chaos.arena import wait_for
from tests.chaos.member import MODEL
from tests.chaos.probe import CONSUMER, EFFECTS, counting
from tests.shared.bus.flow import effects_of, happen, switch_to


@pytest.fixture
def plan(kafka: KafkaSettings, client: Mongo, database: MongoDatabase, topic: str) -> Plan:
    return Plan(
        service="probe",
        client=client,
        database=database,
        kafka=kafka,
        subscriptions=[counting(topic)],
        read_models=[MODEL],
    )


@pytest.fixture
def handlers_kept() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers_kept")
def test_a_worker_works_until_sigterm_and_ends_in_time(plan: Plan) -> None:
    asked: list[float] = []

    def ask() -> None:
        wait_for(lambda: plan.database[PROGRESS].find_one({"_id": CONSUMER}))
        asked.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=ask, daemon=True).start()
    Worker(plan).run()

    assert time.monotonic() - asked[0] < 10


def test_a_read_model_whose_version_rose_is_built_anew_and_comes_out_the_same(
    plan: Plan, client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str
) -> None:
    plan = replace(plan, subscriptions=[counting(topic, event_time=True)])
    newer = replace(MODEL, version=2)
    happen(client, database, topic, "a", "b", "a")
    with at_work(plan):
        assert wait_for(lambda: len(effects_of(database, f"{topic}/a")) == 2 and effects_of(database, f"{topic}/b"), 60)
    before = list(database[EFFECTS].find(sort=[("_id", 1)]))

    with at_work(replace(plan, read_models=[newer])):
        assert wait_for(lambda: Generations(database, [newer]).version(CONSUMER) == 2, 60)
        generation = Generations(database, [newer]).present(CONSUMER)
        assert generation == 2
        assert list(database[newer.aliases(generation)[EFFECTS]].find(sort=[("_id", 1)])) == before
        happen(client, database, topic, "b")
        assert wait_for(lambda: len(effects_of(database, f"{topic}/b", newer.aliases(2)[EFFECTS])) == 2, 60)


def test_what_was_never_built_is_of_our_version_and_what_said_nothing_is_of_the_first(database: MongoDatabase) -> None:
    newer = replace(MODEL, version=3)
    assert Generations(database, [newer]).version(CONSUMER) == 3

    database["generations"].delete_many({})
    database["inbox"].insert_one({"_id": f"{CONSUMER}.g1/course/x/1"})
    assert Generations(database, [newer]).version(CONSUMER) == 1


def test_an_older_process_leaves_alone_what_a_newer_one_built(
    plan: Plan, client: Mongo, database: MongoDatabase, topic: str
) -> None:
    database["generations"].insert_one({"_id": CONSUMER, "generation": 1, "version": 2})
    happen(client, database, topic, "a")
    with at_work(plan) as worker:
        assert wait_for(lambda: worker.relay.backlog() == (0, 0.0), 60)
        time.sleep(1)
        assert effects_of(database, f"{topic}/a") == []
        database["generations"].update_one({"_id": CONSUMER}, {"$set": {"version": 1}})
        assert wait_for(lambda: effects_of(database, f"{topic}/a"), 60)


@contextmanager
def at_work(plan: Plan) -> Iterator[Worker]:
    worker = Worker(plan)
    threads = worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)


def test_a_worker_survives_a_database_that_is_away_at_its_start(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    away, present, backlog = [AutoReconnect("away")] * 2, Generations.present, Worker._measure

    def sometimes(generations: Generations, consumer: str) -> int:
        if away:
            raise away.pop()
        return present(generations, consumer)

    def measure(worker: Worker) -> None:
        backlog(worker)
        raise AutoReconnect("away")

    monkeypatch.setattr(Generations, "present", sometimes)
    monkeypatch.setattr(Worker, "_measure", measure)
    worker = Worker(plan)
    threads = worker.start()
    assert wait_for(lambda: plan.database[PROGRESS].find_one({"_id": CONSUMER}))
    worker.stop()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


def test_what_depends_on_other_services_is_refused_while_their_events_lag(database: MongoDatabase) -> None:
    now = utc_now()
    with pytest.raises(Unavailable):
        require_fresh(database, CONSUMER, now)
    database[PROGRESS].insert_one({"_id": CONSUMER, "caught_up_at": now - timedelta(seconds=10), "lag": 3})
    require_fresh(database, CONSUMER, now, seconds=30)
    with pytest.raises(Unavailable):
        require_fresh(database, CONSUMER, now, seconds=5)


def test_a_worker_that_begins_takes_nothing_back_of_what_the_one_before_said(plan: Plan) -> None:
    before = utc_now().replace(microsecond=0)
    plan.database[PROGRESS].insert_one({"_id": CONSUMER, "caught_up_at": before, "lag": 0})
    worker = Worker(plan)
    threads = worker.start()
    assert wait_for(lambda: worker._consumers)
    for _ in range(3):
        worker._measure()
        require_fresh(plan.database, CONSUMER, before + timedelta(seconds=29))
    assert wait_for(lambda: plan.database[PROGRESS].find_one({"_id": CONSUMER})["caught_up_at"] > before)  # type: ignore[index]
    worker.stop()
    for thread in threads:
        thread.join(10)


def test_a_consumer_has_caught_up_when_each_process_has_with_its_partitions(database: MongoDatabase) -> None:
    def caught_up() -> float | None:
        moment: datetime | None = (database[PROGRESS].find_one({"_id": CONSUMER}) or {})["caught_up_at"]
        return None if moment is None else moment.timestamp()

    one, two = ("topic", 0), ("topic", 1)
    note_progress(database, CONSUMER, 0, {one: 100.0, two: 0.0})
    assert caught_up() is None
    note_progress(database, CONSUMER, 7, {one: 0.0, two: 50.0})
    assert caught_up() == 50.0
    note_progress(database, CONSUMER, 0, {one: 0.0, two: 120.0})
    assert caught_up() == 100.0
    note_progress(database, CONSUMER, None, {})
    assert caught_up() == 100.0


def test_an_inbox_follows_the_read_models_of_others_when_they_are_rebuilt(plan: Plan) -> None:
    """A consumer that looks into another's read model must not go on looking into its old collections."""
    other = Subscription(name="other", handlers={})
    inbox: Inbox = plan.inbox(other)
    assert inbox._new_work().collection("effects").name == "effects"
    switch_to(plan.database, CONSUMER, 4)
    time.sleep(1.1)
    assert inbox._new_work().collection("effects").name == "effects.g4"
