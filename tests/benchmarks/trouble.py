"""stall: mongod stands still under load, and nobody may be refused. overload: more is offered than can be done."""

import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from shared.clock import new_id
from tests.benchmarks.enrolling import PATH
from tests.benchmarks.result import Result, result
from tests.benchmarks.world import World, applications, open_sessions, register_people

_STALL_CLIENTS, _STALLS = 32, (1.5, 5.0)
_BEFORE, _AFTER = 2.0, 5.0
_PEAK_CLIENTS, _OFFERED, _LASTS = 64, (1, 2, 4), 20.0


@dataclass(frozen=True, slots=True)
class _Answer:
    """When it was asked for and how long it took, in seconds of the monotonic clock."""

    asked_at: float
    seconds: float
    status: int


def stall(world: World) -> list[Result]:
    """Freeze mongod under 32 clients that do not repeat."""
    return [found for seconds in _STALLS for found in _stall(world, seconds)]


def _stall(world: World, seconds: float) -> list[Result]:
    pid = world.facts["processes"]["mongo"]["pid"]
    bodies = applications(open_sessions(world.enrolments, 20, 1_000_000), register_people(world.enrolments, 20_000))
    until = time.monotonic() + _BEFORE + seconds + _AFTER
    with ThreadPoolExecutor(_STALL_CLIENTS) as pool:
        asking = [pool.submit(_ask, world, bodies[n::_STALL_CLIENTS], until) for n in range(_STALL_CLIENTS)]
        time.sleep(_BEFORE)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        over_at = time.monotonic()
        answers = [answer for client in asking for answer in client.result()]
    refused = sum(answer.status != 201 for answer in answers)
    ended = [answer.asked_at + answer.seconds for answer in answers if answer.status == 201]
    back = min((end for end in ended if end > over_at), default=until) - over_at
    name, conditions = (
        f"stall_{seconds:g}s",
        f"mongod frozen for {seconds:g} s; {_STALL_CLIENTS} clients; {len(answers)}",
    )
    return [
        result(f"{name}_refused", refused, "requests", conditions, target="0"),
        result(f"{name}_longest", max(answer.seconds for answer in answers), "s", f"{conditions}: the longest answer"),
        result(f"{name}_back", back, "s", f"{conditions}: from its end to the first good answer", target="<= 1"),
    ]


def overload(world: World) -> list[Result]:
    """As many clients as give the peak, then twice and four times as many. Who is refused waits as Retry-After says."""
    sessions = open_sessions(world.enrolments, 200, 1_000_000)
    people = applications(sessions, register_people(world.enrolments, 100_000))
    _offer(world, people[:20_000], _PEAK_CLIENTS)  # to warm up
    rows: list[Result] = []
    peak = 0.0
    for number, times in enumerate(_OFFERED, start=1):
        answers = _offer(world, people[20_000 * number : 20_000 * (number + 1)], times * _PEAK_CLIENTS)
        goodput = sum(answer.status == 201 for answer in answers) / _LASTS
        peak = peak or goodput
        rows += _described(answers, times, goodput, peak)
    return rows


def _offer(world: World, bodies: Sequence[bytes], clients: int) -> list[_Answer]:
    until = time.monotonic() + _LASTS
    with ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(_ask, world, bodies[n::clients], until) for n in range(clients)]
        return [answer for client in asking for answer in client.result()]


def _described(answers: list[_Answer], times: int, goodput: float, peak: float) -> list[Result]:
    good = sorted(answer.seconds for answer in answers if answer.status == 201)
    refused = sum(answer.status == 503 for answer in answers)
    if len(good) + refused != len(answers):
        raise AssertionError("another answer than 201 and 503")
    conditions = f"{times * _PEAK_CLIENTS} clients for {_LASTS:g} s; {refused} of {len(answers)} refused at the door"
    target = "" if times == 1 else ">= 90 % of the peak"
    return [
        result(f"overload_{times}x", goodput, "1/s", f"{conditions}; raw: the peak", raw=peak, target=target),
        result(
            f"overload_{times}x_p99", good[int(0.99 * (len(good) - 1))] * 1000, "ms", f"{conditions}: of the admitted"
        ),
    ]


def _ask(world: World, bodies: Sequence[bytes], until: float) -> list[_Answer]:
    """One client: asks, waits for the answer, asks for the next person."""
    answers: list[_Answer] = []
    headers = {"Authorization": f"Bearer {world.token()}", "Content-Type": "application/json"}
    with httpx.Client(base_url=world.facts["url"], headers=headers, timeout=60) as client:
        for body in bodies:
            asked_at = time.monotonic()
            if asked_at > until:
                break
            answer = client.post(PATH, content=body, headers={"Idempotency-Key": new_id()})
            answers.append(_Answer(asked_at, time.monotonic() - asked_at, answer.status_code))
            if answer.status_code == 503:
                time.sleep(min(float(answer.headers["Retry-After"]), max(0.0, until - time.monotonic())))
    return answers
