"""Faults on three of each, by HTTP through the gateway: `python -m tests.chaos three [--seconds N] [fault ...]`.

Workers apply for sessions with too few seats and cancel now and then, by our client, which repeats, and by a plain one,
which never does. Counted at the end: what was answered and is not there, what is there twice, events out of order or
missing in Kafka, seats sold twice or leaked. All must be 0, and so must our client's failed requests. "Effects" is how
late at worst a confirmed enrolment was seen by the catalogue, which learns of it by its event.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from deploy.local import kafka, stack
from deploy.local.processes import family, kill_now
from tests.benchmarks.world import World, open_sessions, register_people, world
from tests.chaos.arena import read_topic, wait_for
from tests.chaos.crowd import PATIENCE, Asked, Load
from tests.chaos.probe import disordered

SESSIONS, SEATS, PEOPLE = 60, 20, 20_000
ROOMY = 100_000
STALL = 5.0


@dataclass
class Site:
    """The running stack that is hurt."""

    data: Path
    world: World

    def pid(self, part: str) -> int:
        """The process that serves as this part now."""
        return int(stack.status(self.data)[0]["processes"][part]["pid"])

    def kill(self, part: str) -> None:
        """SIGKILL a part with its children; returns when another process serves and all parts answer."""
        before = self.pid(part)
        kill_now(family(psutil.Process(before)))
        assert wait_for(lambda: self.pid(part) != before and self.is_well(), PATIENCE), f"{part} did not come back"

    def freeze(self, part: str, seconds: float) -> None:
        """Let a part stand still for so long."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def is_well(self) -> bool:
        """Whether every part answers, MongoDB's set is whole and every copy in Kafka is up to date."""
        parts = stack.status(self.data)[1]
        brokers = [int(address.rsplit(":", 1)[1]) for address in self.world.facts["kafka"].split(",")]
        return (
            all(part.alive and part.answers for part in parts)
            and len(self.members("PRIMARY", "SECONDARY")) == 3
            and all(kafka.is_whole(port, 3) for port in brokers)
        )

    def members(self, *states: str) -> list[str]:
        """The parts of MongoDB in one of these states."""
        found = self.world.mongo.admin.command("replSetGetStatus")["members"]
        ports = {f"127.0.0.1:{port}": name for name, port in self.ports().items()}
        return [ports[member["name"]] for member in found if member["stateStr"] in states]

    def ports(self) -> dict[str, int]:
        """The ports of MongoDB's servers."""
        hosts = self.world.facts["mongo"].removeprefix("mongodb://").split("/")[0].split(",")
        return {f"mongo-{number}": int(host.rsplit(":", 1)[1]) for number, host in enumerate(hosts, start=1)}

    def primary(self) -> str:
        """The part that takes the writes."""
        assert wait_for(lambda: self.members("PRIMARY"), PATIENCE), "no primary"
        return self.members("PRIMARY")[0]


Fault = Callable[[Any], None]
"""Hurts a `Site`, or one of the kind that it is for."""


def primary_killed(site: Site) -> None:
    """SIGKILL of the MongoDB server that takes the writes."""
    site.kill(site.primary())


def primary_stepped_down(site: Site) -> None:
    """The primary hands over when it is asked to."""
    port = site.ports()[site.primary()]
    with MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True) as client:
        client.admin.command("replSetStepDown", 10)


def primary_frozen(site: Site) -> None:
    """The primary stands still and comes back as one that others have replaced."""
    site.freeze(site.primary(), STALL)


def secondaries_lag(site: Site) -> None:
    """Both others follow in jerks: for most of the time nothing is confirmed by a majority."""
    followers = [site.pid(name) for name in site.members("SECONDARY")]
    for _ in range(6):
        for number, rest in ((signal.SIGSTOP, 1.0), (signal.SIGCONT, 0.2)):
            for pid in followers:
                os.kill(pid, number)
            time.sleep(rest)


def brokers_killed(site: Site) -> None:
    """SIGKILL of each Kafka server in turn: the one that controls is among them."""
    for name in ("kafka-1", "kafka-2", "kafka-3"):
        site.kill(name)


def broker_frozen(site: Site) -> None:
    """A Kafka server keeps its connections and answers nothing."""
    site.freeze("kafka-2", STALL)


def api_killed(site: Site) -> None:
    """SIGKILL of one of the two API processes of the enrolment service."""
    site.kill("enrolment-api-1")


def api_frozen(site: Site) -> None:
    """One of the two stands still."""
    for process in family(psutil.Process(site.pid("enrolment-api-2"))):
        process.suspend()
    time.sleep(STALL)
    for process in family(psutil.Process(site.pid("enrolment-api-2"))):
        process.resume()


def worker_killed(site: Site) -> None:
    """SIGKILL of one of the two workers of the enrolment service."""
    site.kill("enrolment-worker-1")


def gateway_killed(site: Site) -> None:
    """SIGKILL of the gateway."""
    site.kill("gateway")


def gateway_restarted(site: Site) -> None:
    """A new gateway takes over from the old one."""
    stack.restart(site.data, ("gateway",), _tell)


def ours_restarted(site: Site) -> None:
    """A rolling restart of every process of ours, and of the gateway."""
    stack.restart(site.data, (), _tell)


def engines_restarted(site: Site) -> None:
    """A rolling restart of MongoDB's and Kafka's servers."""
    stack.restart(site.data, ("mongo", "kafka"), _tell)


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, how often it is done, and whether a client that never repeats must not notice it."""

    fault: Fault
    times: int = 1
    invisible: bool = False

    @property
    def name(self) -> str:
        return self.fault.__name__


ROWS = (
    Row(primary_killed, 5),
    Row(primary_stepped_down, 3),
    Row(primary_frozen, 2),
    Row(secondaries_lag),
    Row(brokers_killed),
    Row(broker_frozen),
    Row(api_killed, 3),
    Row(api_frozen),
    Row(worker_killed, 2),
    Row(gateway_killed, 3),
    Row(gateway_restarted, 2, invisible=True),
    Row(ours_restarted, invisible=True),
    Row(engines_restarted),
)


@dataclass(slots=True)
class Outcome:
    """What one fault came to."""

    name: str
    seconds: list[float] = field(default_factory=list)
    asked: int = 0
    failed_ours: int = 0
    failed_plain: int = 0
    longest: float = 0.0
    effects: float = 0.0
    failure: str = ""

    def add(self, asked: list[Asked]) -> None:
        """Count the requests of one turn."""
        self.asked += len(asked)
        self.failed_ours += sum(each.failed for each in asked if each.ours)
        self.failed_plain += sum(each.failed for each in asked if not each.ours)
        self.longest = max([self.longest, *(each.ended - each.began for each in asked)])


def run(names: list[str], data: Path | None = None) -> int:
    """Do the named faults, or all; print the tables; 0 when nothing was lost and our client failed nowhere."""
    chosen = [row for row in ROWS if not names or row.name in names]
    with world(data, nodes=3) as made:
        site = Site(Path(made.facts["ca_file"]).parents[4], made)
        (roomy,), sessions = open_sessions(made.enrolments, 1, ROOMY), open_sessions(made.enrolments, SESSIONS, SEATS)
        load = Load(made, sessions, register_people(made.enrolments, PEOPLE), roomy=roomy)
        with load.running():
            assert wait_for(lambda: load.first_success(0.0) is not None, PATIENCE), "nobody is answered"
            outcomes = [_hurt(row, site, load) for row in chosen]
        counts = count(made, load, [roomy, *sessions])
    return _report(outcomes, chosen, counts, load)


def _hurt(row: Row, site: Site, load: Load) -> Outcome:
    outcome = Outcome(row.name)
    for _ in range(row.times):
        wait_for(site.is_well, PATIENCE)
        time.sleep(2)
        before = len(load.asked)
        with load.heard() as late:
            outcome.seconds.append(inflict(row, site, load, outcome))
            time.sleep(3)
        outcome.effects = max([outcome.effects, *late])
        outcome.add(load.asked[before:])
    _tell(str(outcome))
    return outcome


def inflict(row: Row, site: Site, load: Load, outcome: Outcome) -> float:
    """Do the fault; return how long it took until a request that began after it was answered well."""
    began = time.monotonic()
    try:
        row.fault(site)
    except Exception as error:  # noqa: BLE001 (the other faults are still wanted)
        outcome.failure = f"{type(error).__name__}: {error}".splitlines()[0]
    assert wait_for(lambda: load.first_success(began) is not None, PATIENCE), "nobody is answered any more"
    return load.first_success(began) or 0.0


# -- the count


def count(made: World, load: Load, sessions: list[str]) -> dict[str, int]:
    """What was promised and does not hold, once everything has settled."""
    database = made.enrolments
    wait_for(lambda: database["seats"].count_documents({"claims.0": {"$exists": True}}) == 0, PATIENCE)
    wait_for(lambda: database["outbox"].count_documents({"sent": False}) == 0, PATIENCE)
    stored = {row["_id"]: row for row in database["enrolments"].find({"session_id": {"$in": sessions}})}
    slots = Counter((row["session_id"], row["person_id"]) for row in stored.values())
    log = _log(made)
    numbers = {key: [n for n, _ in rows] for key, rows in log.items()}
    return {
        "lost": len(load.known.keys() - stored.keys())
        + sum(row["sequence"] - len(set(numbers.get(key, ()))) for key, row in stored.items()),
        "doubled": sum(n - 1 for n in slots.values()) + sum(len(set(rows)) - len(dict(rows)) for rows in log.values()),
        "out of order": sum(disordered(seen) for seen in numbers.values()),
        **_seats(made, stored),
    }


def _seats(made: World, stored: dict[str, dict[str, Any]]) -> dict[str, int]:
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for row in stored.values():
        held[row["session_id"]][row["status"]] += 1
    oversold = leaked = 0
    for seats in made.enrolments["seats"].find({"_id": {"$in": list(held)}}):
        sitting = held[seats["_id"]]["confirmed"] + held[seats["_id"]]["offered"]
        oversold += max(0, sitting - seats["capacity"])
        leaked += abs(seats["taken"] - sitting) + len(seats["claims"])
        leaked += abs(seats["waiting"] - held[seats["_id"]]["waitlisted"])
    return {"oversold": oversold, "leaked": leaked}


def _log(made: World) -> dict[str, list[tuple[int, str]]]:
    """Sequence and id of every event of each enrolment as they stand in Kafka, repeats included."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for record in read_topic(made.facts["kafka"], "enrolment"):
        headers = dict(record.headers)
        found[record.key.decode()].append((int(headers["ce_sequence"]), headers["ce_id"].decode()))
    return found


# -- telling


def _report(outcomes: list[Outcome], rows: list[Row], counts: dict[str, int], load: Load) -> int:
    table = Table(
        "fault",
        "times",
        "first success p50",
        "p99",
        "requests",
        "ours failed",
        "plain failed",
        "longest",
        "effects",
        "",
    )
    for outcome in outcomes:
        ordered = sorted(outcome.seconds)
        figures = (f"{ordered[len(ordered) // 2]:.2f} s", f"{ordered[-1]:.2f} s", outcome.asked, outcome.failed_ours)
        rest = (outcome.failed_plain, f"{outcome.longest:.1f} s", f"{outcome.effects:.1f} s", outcome.failure)
        table.add_row(outcome.name, str(len(ordered)), *map(str, (*figures, *rest)))
    Console(width=170).print(table)
    print(", ".join(f"{number} {name}" for name, number in counts.items()), f"of {len(load.known)} enrolments")
    print("refusals:", dict(load.surprises))
    invisible = {row.name for row in rows if row.invisible}
    failed = sum(o.failed_ours + (o.failed_plain if o.name in invisible else 0) for o in outcomes)
    return 1 if failed or any(counts.values()) or any(o.failure for o in outcomes) else 0


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
