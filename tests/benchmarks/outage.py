"""outage: how long a client waits for its 503 while MongoDB is dead, and how soon it is served again."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
from pymongo.errors import PyMongoError

from shared.clock import new_id
from shared.storage.mongo import SELECT_SECONDS, within
from tests.benchmarks.enrolling import FEW, PATH
from tests.benchmarks.result import Result, result
from tests.benchmarks.world import World, applications, open_sessions, register_people

_BEFORE, _AFTER = 1.0, 20.0
_SERVED = 201


@dataclass(frozen=True, slots=True)
class _Answer:
    """When it was asked for, in seconds of the monotonic clock; how long it took; its status."""

    asked_at: float
    seconds: float
    status: int
    retry_after: bool


def outage(world: World) -> list[Result]:
    """Kill mongod, and the launcher starts it again. Clients keep asking. One that is only frozen: see `stall`."""
    pid = world.facts["processes"]["mongo"]["pid"]
    bodies = applications(open_sessions(world.enrolments, 20, 1_000_000), register_people(world.enrolments, 20_000))
    until = time.monotonic() + _BEFORE + _AFTER
    with ThreadPoolExecutor(FEW + 1) as pool:
        asking = [pool.submit(_ask, world, bodies[number::FEW], until) for number in range(FEW)]
        time.sleep(_BEFORE)
        raw = pool.submit(_raw_wait, world)
        killed_at = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        answers = [answer for client in asking for answer in client.result()]
    refused = [answer for answer in answers if answer.status != _SERVED]
    if not all(answer.status == 503 and answer.retry_after for answer in refused):
        statuses = sorted({answer.status for answer in refused})
        raise AssertionError(f"another answer than 503 with Retry-After: {statuses}")
    last = max((answer.asked_at + answer.seconds for answer in refused), default=killed_at)
    conditions = f"mongod is killed; {FEW} clients through the gateway; {len(refused)} answers 503"
    return [
        result(
            "outage_is_killed",
            max((answer.seconds for answer in refused), default=0.0),
            "s",
            f"{conditions}: the longest wait; raw: a bare insert given {SELECT_SECONDS} s",
            raw=raw.result(),
            target="<= 2",
        ),
        result("outage_is_killed_over", last - killed_at, "s", f"{conditions}: from the kill to the last one"),
    ]


def _ask(world: World, bodies: list[bytes], until: float) -> list[_Answer]:
    """One client: asks, waits for the answer, asks for the next person."""
    answers: list[_Answer] = []
    headers = {"Authorization": f"Bearer {world.token()}", "Content-Type": "application/json"}
    with httpx.Client(base_url=world.facts["url"], headers=headers, timeout=30) as client:
        for body in bodies:
            asked_at = time.monotonic()
            if asked_at > until:
                break
            answer = client.post(PATH, content=body, headers={"Idempotency-Key": new_id()})
            taken = time.monotonic() - asked_at
            answers.append(_Answer(asked_at, taken, answer.status_code, "Retry-After" in answer.headers))
    return answers


def _raw_wait(world: World) -> float:
    """How long bare pymongo takes to say that MongoDB is away."""
    begun = time.monotonic()
    while time.monotonic() - begun < _AFTER / 4:
        asked_at = time.monotonic()
        try:
            with within(SELECT_SECONDS):
                world.enrolments["benchmarks"].insert_one({"_id": new_id()})
        except PyMongoError:
            return time.monotonic() - asked_at
        time.sleep(0.01)
    return 0.0
