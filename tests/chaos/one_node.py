"""Faults on one of each, by HTTP through the gateway: `python -m tests.chaos one [fault ...]`.

The clients, the count and the goals are those of `three_nodes`; each fault has sessions of its own, so that it is known
what it did. Besides, our client must fail nowhere, and a plain one neither in stalls nor in rolling restarts.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx
import psutil
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.table import Table

from clusterskills.client import ApiError
from deploy.local import stack
from deploy.local.processes import family
from shared.errors import Transient
from tests.benchmarks.world import World, open_sessions, register_people, world
from tests.chaos.arena import wait_for
from tests.chaos.crowd import PATIENCE, PROGRAM, SUCCESS, Asked, Load
from tests.chaos.three_nodes import Outcome, Row, Site, count, gateway_killed, inflict, ours_restarted

HOT, COLD, PEOPLE = (40, 20), (20, 1_000), 12_000
"""How many sessions with so many seats: in the hot ones people wait, in the cold ones there is room for all."""
APIS = ("directory-api", "catalog-api", "enrolment-api", "certificate-api", "portal-api")
_BEFORE, _AFTER = 2.0, 4.0
_EFFECTS = "participants.g1/enrolment"


class OneNode(Site):
    """The stack with one of each."""

    def is_well(self) -> bool:
        """Whether every part lives and answers."""
        return all(part.alive and part.answers for part in stack.status(self.data)[1])

    def end(self, part: str, number: signal.Signals) -> None:
        """Send a signal to a part's first process alone; returns when another one serves and all parts answer."""
        before = self.pid(part)
        os.kill(before, number)
        assert wait_for(lambda: self.pid(part) != before and self.is_well(), PATIENCE), f"{part} did not come back"


def mongod_stands_still_for_800_ms(site: OneNode) -> None:
    """A stall that no heartbeat notices."""
    site.freeze("mongo", 0.8)


def mongod_stands_still_for_1500_ms(site: OneNode) -> None:
    """A stall longer than a heartbeat's patience."""
    site.freeze("mongo", 1.5)


def mongod_stands_still_for_3_s(site: OneNode) -> None:
    """A stall that is no outage yet."""
    site.freeze("mongo", 3.0)


def mongod_killed(site: OneNode) -> None:
    """SIGKILL of the only MongoDB server."""
    site.kill("mongo")


def api_master_killed(site: OneNode) -> None:
    """SIGKILL of the enrolment API's first process; its child is left alone."""
    site.end("enrolment-api", signal.SIGKILL)


def api_process_killed(site: OneNode) -> None:
    """SIGKILL of the process that answers; its master forks another."""
    (child,) = psutil.Process(site.pid("enrolment-api")).children()
    child.kill()
    assert wait_for(lambda: not child.is_running() and site.is_well(), PATIENCE)


def api_frozen(site: OneNode) -> None:
    """The enrolment API stands still, not long enough to be replaced."""
    frozen = family(psutil.Process(site.pid("enrolment-api")))
    for process in frozen:
        process.suspend()
    time.sleep(12.5)
    for process in frozen:
        process.resume()


def apis_terminated(site: OneNode) -> None:
    """SIGTERM to each API in turn, past the launcher, which learns of it when the process is gone."""
    for api in APIS:
        site.end(api, signal.SIGTERM)


def api_reloaded(site: OneNode) -> None:
    """SIGHUP to the enrolment API: a new child for the old one."""
    api = psutil.Process(site.pid("enrolment-api"))
    (child,) = api.children()
    api.send_signal(signal.SIGHUP)
    assert wait_for(lambda: not child.is_running() and site.is_well(), PATIENCE)


def api_child_terminated(site: OneNode) -> None:
    """SIGTERM to the process that answers."""
    (child,) = psutil.Process(site.pid("enrolment-api")).children()
    child.terminate()
    assert wait_for(lambda: not child.is_running() and site.is_well(), PATIENCE)


def gateway_terminated(site: OneNode) -> None:
    """SIGTERM to the gateway, past the launcher."""
    site.end("gateway", signal.SIGTERM)


def worker_killed(site: OneNode) -> None:
    """SIGKILL of the enrolment service's worker."""
    site.kill("enrolment-worker")


def worker_frozen(site: OneNode) -> None:
    """It stands still in whatever it has begun, not long enough to be replaced."""
    site.freeze("enrolment-worker", 8.0)


def kafka_killed(site: OneNode) -> None:
    """SIGKILL of the only Kafka server."""
    site.kill("kafka")


def keycloak_killed(site: OneNode) -> None:
    """SIGKILL of the identity provider: nobody can sign in until it is back."""
    site.kill("keycloak")


ROWS = (
    Row(mongod_stands_still_for_800_ms, 2, invisible=True),
    Row(mongod_stands_still_for_1500_ms, 2, invisible=True),
    Row(mongod_stands_still_for_3_s, 2, invisible=True),
    Row(mongod_killed, 2),
    Row(api_master_killed, 2),
    Row(api_process_killed, 2),
    Row(api_frozen, 1),
    Row(apis_terminated, 1, invisible=True),
    Row(ours_restarted, 1, invisible=True),
    Row(api_reloaded, 2, invisible=True),
    Row(api_child_terminated, 2, invisible=True),
    Row(gateway_killed, 2),
    Row(gateway_terminated, 2),
    Row(worker_killed, 2),
    Row(worker_frozen, 1),
    Row(kafka_killed, 2),
    Row(keycloak_killed, 1),
)


class Watch:
    """Looks at something that goes on all the time, and knows how long it did not."""

    def __init__(self, look: Callable[[], object], every: float) -> None:
        """`look` returns something new whenever it went on; what it raises while engines are away is nothing new."""
        self._look, self._every = look, every
        self._moments, self._over = [time.monotonic()], threading.Event()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look for as long as the block lasts."""
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    @property
    def longest(self) -> float:
        """The longest time without anything new, in seconds; the last one is over now."""
        return _longest([*self._moments, time.monotonic()])

    def went_on_after(self, moment: float) -> bool:
        """Whether there was something new since."""
        return self._moments[-1] > moment

    def _work(self) -> None:
        before: object = None
        while not self._over.wait(self._every):
            with suppress(PyMongoError, Transient, ApiError, httpx.HTTPError):
                if (now := self._look()) not in (None, before):
                    before = now
                    self._moments.append(time.monotonic())


@dataclass(slots=True)
class Result:
    """What one fault came to. Seconds without: the longest in which nobody had success, nothing had its effect in
    another service, and nobody could sign in."""

    row: Row
    outcome: Outcome
    counts: dict[str, int] = field(default_factory=dict)
    without_success: float = 0.0
    without_effect: float = 0.0
    without_token: float = 0.0

    @property
    def good(self) -> bool:
        """Whether every goal that is a number of requests or events was met."""
        failed = self.outcome.failed_ours + (self.outcome.failed_plain if self.row.invisible else 0)
        return not (failed or any(self.counts.values()) or self.outcome.failure)


def run(names: list[str], data: Path | None = None) -> int:
    """Do the named faults, or all; print the table; 0 when every goal was met."""
    chosen = [row for row in ROWS if not names or row.name in names]
    with world(data) as made:
        site = OneNode(Path(made.facts["ca_file"]).parents[4], made)
        results = [_hurt(row, site, made) for row in chosen]
    return _report(results)


def _hurt(row: Row, site: OneNode, made: World) -> Result:
    sessions = [session for terms in (HOT, COLD) for session in open_sessions(made.enrolments, *terms)]
    load = Load(made, sessions, register_people(made.enrolments, PEOPLE))
    result = Result(row, Outcome(row.name))
    effects, tokens = Watch(lambda: _last_effect(made), 0.02), Watch(lambda: made.cast.token(PROGRAM), 0.5)
    with load.running():
        assert wait_for(lambda: load.first_success(0.0) is not None, PATIENCE), "nobody is answered"
        began = time.monotonic()
        with effects.looking(), tokens.looking():
            for _ in range(row.times):
                _once(row, site, load, result.outcome)
                back = time.monotonic()
                for watch in (effects, tokens):
                    assert wait_for(lambda w=watch, b=back: w.went_on_after(b), PATIENCE), "it does not go on"  # type: ignore[misc]
    result.outcome.add([each for each in load.asked if each.ended >= began])
    result.without_success = _longest(_successes(load.asked))
    result.without_effect, result.without_token = effects.longest, tokens.longest
    result.counts = count(made, load, sessions)
    _tell(f"{result}; answers: {dict(load.surprises)}")
    return result


def _once(row: Row, site: OneNode, load: Load, outcome: Outcome) -> None:
    wait_for(site.is_well, PATIENCE)
    time.sleep(_BEFORE)
    inflict(row, site, load, outcome)
    time.sleep(_AFTER)


def _last_effect(made: World) -> object:
    """The last inbox row in the catalogue of what happened to an enrolment; ids rise with time."""
    inbox, ours = made.mongo["clusterskills_catalog"]["inbox"], {"$gt": f"{_EFFECTS}/", "$lt": f"{_EFFECTS}0"}
    return inbox.find_one({"_id": ours}, sort=[("_id", -1)])


def _successes(asked: list[Asked]) -> list[float]:
    return sorted(each.ended for each in asked if each.status == SUCCESS)


def _longest(moments: list[float]) -> float:
    return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


# -- telling


def _report(results: list[Result]) -> int:
    without = ("no success", "no effect", "no token")
    counted = tuple(results[0].counts)
    table = Table("fault", "times", "requests", *counted, "ours failed", "plain failed", *without, "longest", "")
    for result in results:
        outcome = result.outcome
        figures = (result.row.times, outcome.asked, *result.counts.values(), outcome.failed_ours, outcome.failed_plain)
        seconds = (result.without_success, result.without_effect, result.without_token, outcome.longest)
        table.add_row(outcome.name, *map(str, figures), *(f"{number:.1f} s" for number in seconds), outcome.failure)
    Console(width=190).print(table)
    return 0 if all(result.good for result in results) else 1


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
