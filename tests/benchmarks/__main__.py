"""`python -m tests.benchmarks [NAME ...] [--stack DIR]`: measure on a whole stack and keep build/bench.json."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from shared import logs
from tests.benchmarks import enrolling, events, outage, searching, size, trouble
from tests.benchmarks.result import Result, show, write
from tests.benchmarks.world import World, open_sessions, world

FILE = Path("build/bench.json")


def main() -> None:
    """Run the named benchmarks, or all, one after the other on one stack."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", choices=[*_BENCHMARKS, []], default=[])
    parser.add_argument("--stack", type=Path, help="folder of a running stack; without it one is started")
    arguments = parser.parse_args()
    logs.configure("benchmarks", "warning")
    found: list[Result] = []
    with world(arguments.stack) as here:
        for name in arguments.names or _BENCHMARKS:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            found += _BENCHMARKS[name](here)
            write(found, FILE)
    show(found)


def _latency(here: World) -> list[Result]:
    """At half of what enrol_http reaches now."""
    sessions = open_sessions(here.enrolments, 200, 1_000_000)
    return events.latency(here, enrolling.rate_now(here, sessions, 4_000) / 2)


_BENCHMARKS: dict[str, Callable[[World], list[Result]]] = {
    "enrol_http": enrolling.enrol_http,
    "enrol_hot": enrolling.enrol_hot,
    "event_latency": _latency,
    "relay": events.relay,
    "consume": events.consume,
    "outage": outage.outage,
    "stall": trouble.stall,
    "overload": trouble.overload,
    "growth": size.growth,
    "memory": size.memory,
    "search": searching.search,
    "search_http": searching.search_http,
}

if __name__ == "__main__":
    main()
