"""growth: the same rates with 10^3 to 10^6 stored enrolments. memory: what our processes hold after 10^6 events."""

import time
from typing import Any

import psutil

from shared.clock import new_id, utc_now
from shared.schemas.codec import encode_data
from shared.schemas.directory import PersonRegistered
from shared.schemas.event import event_id
from tests.benchmarks import events
from tests.benchmarks.enrolling import rate_now
from tests.benchmarks.result import Result, result
from tests.benchmarks.world import CLUSTER, World, open_sessions, preload_enrolments

SIZES = (1_000, 10_000, 100_000, 1_000_000)


def growth(world: World, count: int = 5_000) -> list[Result]:
    """enrol_http and consume at each size; the last against the first."""
    database = world.enrolments
    sessions = open_sessions(database, 200, 1_000_000)
    rate_now(world, sessions, 1_000)  # warm
    rates: dict[str, list[float]] = {"enrol_http": [], "consume": []}
    for size in SIZES:
        preload_enrolments(database, max(0, size - database["enrolments"].estimated_document_count()))
        time.sleep(5)  # let the checkpoint of the preload pass
        rates["enrol_http"].append(rate_now(world, sessions, count))
        rates["consume"].append(events.consume(world)[0].value)
    return [
        result(
            f"growth_{name}",
            found[-1] / found[0],
            "last / first",
            ", ".join(f"{size:,}: {rate:.0f}/s" for size, rate in zip(SIZES, found, strict=True)),
            target=">= 0.75",
        )
        for name, found in rates.items()
    ]


def memory(world: World, count: int = 1_000_000) -> list[Result]:
    """Proportional set size of all our processes while events cross from the directory into two other services."""
    before = _pss(world)
    marks = [before]
    for _ in range(4):
        _register(world, count // 4)
        _await_copies(world)
        marks.append(_pss(world))
    totals = [sum(mark.values()) for mark in marks]
    growing = {
        name: f"{marks[1][name]:.0f} -> {marks[-1][name]:.0f}"
        for name in marks[-1]
        if marks[-1][name] > 1.1 * marks[1][name] + 10
    }
    steps = ", ".join(f"{total:.0f}" for total in totals)
    return [
        result(
            "memory", totals[-1], "MB", f"PSS before and after each quarter of {count:,}: {steps}", target="<= 1500"
        ),
        result("memory_growing", len(growing), "processes", str(growing or "none grows"), target="0"),
    ]


def _pss(world: World) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, pid in world.own_processes().items():
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
        found[name] = sum(process.memory_full_info().pss for process in family) / 1e6
    return found


def _register(world: World, count: int) -> None:
    """Facts of the directory, put into its outbox in bulk: its own relay publishes them."""
    outbox = world.mongo["clusterskills_directory"]["outbox"]
    for start in range(0, count, 5_000):
        now = utc_now()
        outbox.insert_many([_row(new_id(), now) for _ in range(min(5_000, count - start))])


def _row(person: str, now: Any) -> dict[str, Any]:
    event = PersonRegistered(person_id=person, cluster_id=CLUSTER)
    return {
        "_id": event_id("person", person, 1),
        "topic": "person",
        "key": person,
        "sequence": 1,
        "type": event.TYPE,
        "source": "/directory",
        "time": now,
        "data": encode_data(event),
        "traceparent": "",
        "sent": False,
    }


def _await_copies(world: World, patience: float = 1_800) -> None:
    """Until the outbox is empty and no consumer lags."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        waiting = world.mongo["clusterskills_directory"]["outbox"].count_documents({"sent": False}, limit=1)
        lags = [
            row["lag"]
            for service in ("enrolment", "certificate")
            for row in world.mongo[f"clusterskills_{service}"]["consumer_progress"].find()
        ]
        if not waiting and all(lag == 0 for lag in lags):
            time.sleep(5)
            return
        time.sleep(1)
    raise TimeoutError("the events did not all arrive")
