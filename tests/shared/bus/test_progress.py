"""Threads that die or hang: who notices, and what becomes of the process."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared import logs
from shared.bus import worker as workers
from shared.bus.consumer import Consumer
from shared.bus.kafka import KafkaSettings
from shared.bus.progress import Progress
from shared.bus.timers import Timer
from shared.bus.worker import Plan, Worker
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.relay import Relay
from tests.chaos.arena import wait_for
from tests.chaos.probe import counting

ME = threading.current_thread()


def test_a_thread_that_works_without_a_sign_hangs_and_one_that_rests_or_beats_does_not() -> None:
    progress = Progress()
    pulse = progress.pulse(ME.name, limit=5.0)
    assert all(progress.look([ME], 1.0) is None for _ in range(20))
    pulse.beat()
    assert [progress.look([ME], 1.0) for _ in range(7)] == [None] * 6 + [f"{ME.name} hangs"]
    pulse.beat()
    assert progress.look([ME], 1.0) is None
    for _ in range(20):
        pulse.beat()
        assert progress.look([ME], 1.0) is None
    pulse.rest()
    assert all(progress.look([ME], 1.0) is None for _ in range(20))


def test_a_process_that_was_frozen_as_a_whole_does_not_hang() -> None:
    progress = Progress()
    progress.pulse(ME.name, limit=5.0).beat()
    assert progress.look([ME], 0.5) is None
    assert progress.look([ME], 3600.0) is None


def test_a_thread_that_ended_died() -> None:
    progress = Progress()
    progress.pulse("gone", limit=5.0)
    assert progress.look([], 0.5) == "gone died"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    kept = io.StringIO()
    logs.configure("probe", "error", kept)
    yield kept
    logs.configure("tests")


@pytest.fixture
def plan(kafka: KafkaSettings, client: Mongo, database: MongoDatabase, topic: str) -> Plan:
    timers = [Timer("often", 0.05, lambda: 0)]
    subscriptions = [counting(topic)]
    return Plan(
        service="probe", client=client, database=database, kafka=kafka, subscriptions=subscriptions, timers=timers
    )


def _end_of(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(workers, "_PATIENT_SECONDS", 0.1)
    monkeypatch.setattr(workers, "GRACE_SECONDS", 0.2)
    with pytest.raises(SystemExit) as end:
        worker.run()
    return str(end.value)


@pytest.mark.parametrize(
    ("what", "method"),
    [(Relay, "_turn"), (Consumer, "guarded_turn"), (Worker, "_measure"), (Timer, "action")],
    ids=["relay", "consumer-counting", "gauges", "timer-often"],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("how", ["hangs", "died"])
def test_a_worker_whose_thread_is_lost_ends_itself_and_says_why(
    plan: Plan,
    stream: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    what: Any,
    method: str,
    how: str,
) -> None:
    released = threading.Event()

    def lose(*_arguments: object) -> int:
        if how == "died":
            raise SystemExit  # no Exception: what survives errors does not survive this
        released.wait(60)
        return 0

    if what is Timer:
        plan = replace(plan, timers=[Timer("often", 0.05, lose)])
    else:
        monkeypatch.setattr(what, method, lose)
    for limit in ("_TURN_SECONDS", "_TIMER_SECONDS"):
        monkeypatch.setattr(workers, limit, 4.0 if how == "hangs" else 60.0)
    worker = Worker(plan)
    name = request.node.callspec.id.removeprefix(f"{how}-")
    try:
        assert _end_of(worker, monkeypatch) == f"The worker ended itself: {name} {how}."
    finally:
        released.set()
    assert worker.trouble() == f"{name} {how}"
    (said,) = [line for line in map(json.loads, stream.getvalue().splitlines()) if line["event"] == "worker_gives_up"]
    assert said["reason"] == f"{name} {how}"
    assert how == "died" or any("lose" in place for place in said["threads"][name])
    assert wait_for(lambda: not any(t.name == name for t in threading.enumerate()))


def test_a_worker_in_an_outage_does_not_take_its_threads_for_lost(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(plan, kafka=KafkaSettings(kafka_bootstrap="127.0.0.1:1"))
    worker = Worker(plan)
    threads = worker.start()
    for _ in range(12):
        assert worker.progress.look(threads, 1.0) is None
        threading.Event().wait(0.5)
    worker.stop()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
