"""The worker as a process: signals, what it says of its progress, and what depends on that."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from pymongo.errors import AutoReconnect

from shared.bus import rebuild as rebuilding
from shared.bus.generations import Generations
from shared.bus.inbox import Inbox, Subscription
from shared.bus.kafka import KafkaSettings
from shared.bus.worker import PROGRESS, Plan, Worker, note_progress, require_fresh
from shared.clock import utc_now
from shared.errors import Conflict, Unavailable
from shared.storage.lease import Lease
from shared.storage.mongo import Mongo, MongoDatabase
from tests.chaos.arena import wait_for
from tests.chaos.member import MODEL
from tests.chaos.probe import CONSUMER, counting


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


def test_a_rebuild_whose_lease_was_taken_switches_nothing(
    plan: Plan, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(database: MongoDatabase, name: str, owner: str, seconds: float) -> Lease:
        lease = Lease(database, name, owner, 0.01)
        acquire, asked = lease.acquire, []

        def once() -> bool:
            asked.append(1)
            return len(asked) == 1 and acquire()

        lease.acquire = once  # type: ignore[method-assign]
        return lease

    monkeypatch.setattr(rebuilding, "Lease", taken)
    with pytest.raises(Conflict, match="took over"):
        rebuilding.rebuild(
            plan.client, plan.database, plan.kafka, plan.source, counting(topic), MODEL, lambda _aliases: None
        )
    assert plan.generations().present(CONSUMER) == 1


def test_an_inbox_follows_the_read_models_of_others_when_they_are_rebuilt(plan: Plan) -> None:
    """A consumer that looks into another's read model must not go on looking into its old collections."""
    other = Subscription(name="other", handlers={})
    inbox: Inbox = plan.inbox(other)
    assert inbox._new_work().collection("effects").name == "effects"
    plan.generations().switch(CONSUMER, 4)
    time.sleep(1.1)
    assert inbox._new_work().collection("effects").name == "effects.g4"
