"""stall: mongod stands still under load, and nobody may be refused. overload: more is offered than can be done."""

import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from shared.clock import new_id
from tests.benchmarks.enrolling import PATH, rate_now
from tests.benchmarks.offering import offer
from tests.benchmarks.result import Result, result
from tests.benchmarks.world import World, applications, open_sessions, register_people

_STALL_CLIENTS, _STALLS = 32, (1.5, 5.0)
_BEFORE, _AFTER = 2.0, 5.0
_WARM, _OFFERED, _LASTS, _CONNECTIONS = 4_000, (1, 2, 4), 15.0, 1_024


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
    """Offer the peak, then twice and four times as much, whether it is answered or not; who is refused does not repeat."""
    sessions = open_sessions(world.enrolments, 200, 1_000_000)
    peak = rate_now(world, sessions, _WARM)
    peak = rate_now(world, sessions, _WARM)
    return [row for times in _OFFERED for row in _offered(world, sessions, times, peak)]


def _offered(world: World, sessions: list[str], times: int, peak: float) -> list[Result]:
    bodies = applications(sessions, register_people(world.enrolments, int(times * peak * _LASTS)))
    cpu, begun = time.process_time(), time.monotonic()
    answers = offer(world.facts["url"], PATH, bodies, _headers(world), times * peak, _CONNECTIONS)
    lasted = time.monotonic() - begun
    good = sorted(answer.seconds for answer in answers if answer.status == 201)
    refused = sum(answer.status == 503 for answer in answers)
    if len(good) + refused != len(answers):
        raise AssertionError("another answer than 201 and 503")
    conditions = (
        f"{len(answers)} offered in {lasted:.0f} s, {refused} refused at the door; "
        f"the generator used {(time.process_time() - cpu) / lasted:.0%} of a core"
    )
    target = "" if times == 1 else ">= 90 % of the peak"
    return [
        result(
            f"overload_{times}x", len(good) / lasted, "1/s", f"{conditions}; raw: the peak", raw=peak, target=target
        ),
        result(
            f"overload_{times}x_p99", good[int(0.99 * (len(good) - 1))] * 1000, "ms", f"{conditions}: of the admitted"
        ),
    ]


def _headers(world: World) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.token()}"}


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
    return answers
