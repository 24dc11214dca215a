"""The long versions of all faults: `python -m tests.chaos [--seconds N] [name ...]`. Non-zero unless nothing was lost,
doubled or out of order. `one [fault ...]` and `three [fault ...]`: by HTTP, on one and on three of each (see `one_node`
and `three_nodes`)."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.engines import Engines
from shared import logs
from tests.chaos import lost_log, one_node, rebuilding, scenarios, three_nodes
from tests.chaos.arena import Arena, play
from tests.chaos.checker import Verdict
from tests.chaos.desk import seat_desk_is_hurt
from tests.chaos.probe import Counts

DESK_OPERATIONS = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario in its long version."""

    scenario: scenarios.Scenario
    seconds: float = 60.0
    brokers: int = 1

    @property
    def name(self) -> str:
        return self.scenario.__name__

    def play(self, engines: Engines, seconds: float) -> Counts:
        """Hurt for about so long, and count."""
        return play(self.scenario, Arena(engines, replication=min(3, self.brokers)), seconds)


@dataclass(frozen=True, slots=True)
class DeskRow:
    """The seat desk, whose history is judged: 100,000 operations in full length, or what `seconds` are enough for."""

    name: str = seat_desk_is_hurt.__name__
    seconds: float = 3_600.0
    brokers: int = 1

    def play(self, engines: Engines, seconds: float) -> Counts:
        """Play for so long at most. Raises AssertionError when the history is impossible."""
        hurt = seat_desk_is_hurt(engines, DESK_OPERATIONS, seconds)
        print(hurt, file=sys.stderr)
        assert hurt.verdict == Verdict(), "\n".join((*hurt.verdict.violations, *hurt.verdict.unjudged))
        return Counts(events=len(hurt.recorder))


ROWS: tuple[Row | DeskRow, ...] = (
    Row(scenarios.mongod_is_killed),
    Row(scenarios.relay_is_killed),
    Row(scenarios.consumer_is_killed),
    Row(scenarios.kafka_is_killed),
    Row(scenarios.consumer_dies_before_its_offset_commit),
    Row(scenarios.consumer_dies_in_its_transaction),
    Row(scenarios.kafka_is_away),
    Row(scenarios.kafka_is_away_for_an_hour, 120),
    Row(scenarios.kafka_loses_its_data, 20),
    Row(lost_log.log_is_cut),
    Row(lost_log.partition_is_gone),
    Row(lost_log.offsets_are_gone),
    Row(lost_log.power_is_cut_while_nobody_writes),
    Row(scenarios.relay_freezes),
    Row(scenarios.wakeup_is_lost, 20),
    Row(scenarios.transactions_overlap, 30),
    Row(scenarios.worker_is_stopped, 30),
    Row(scenarios.worker_is_stopped_while_kafka_is_away, 20),
    Row(scenarios.worker_is_stopped_while_kafka_hangs, 10),
    Row(scenarios.poison_comes, 20),
    Row(scenarios.names_come_late, 30),
    Row(scenarios.read_model_is_rebuilt, 30),
    Row(rebuilding.rebuild_is_killed, 500),
    Row(scenarios.one_broker_of_three_is_killed, 30, brokers=3),
    DeskRow(),
)

SITES = {"one": one_node.run, "three": three_nodes.run}


def main() -> int:
    """Run what was asked for, or all, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="scenarios; all when none is named")
    parser.add_argument("--data", type=Path, help="`one`, `three`: use the stack that runs in this folder")
    parser.add_argument("--seconds", type=float, help="how long each hurts; each has its own default")
    options = parser.parse_intermixed_args()
    if options.names and options.names[0] in SITES:
        return SITES[options.names[0]](options.names[1:], options.data)
    unknown = set(options.names) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in ROWS)}")
    logs.configure("chaos", "error")
    chosen = [row for row in ROWS if not options.names or row.name in options.names]
    return report([run(row, options.seconds or row.seconds) for row in chosen])


@dataclass(frozen=True, slots=True)
class Result:
    """What one scenario came to."""

    name: str
    seconds: float
    counts: Counts
    failure: str = ""


def run(row: Row | DeskRow, seconds: float) -> Result:
    """One scenario on engines of its own."""
    started = time.monotonic()
    failure, counts = "", Counts(lost=1)
    try:
        with Engines.start(brokers=row.brokers) as engines:
            counts = row.play(engines, seconds)
    except Exception as error:  # noqa: BLE001 (the other scenarios are still wanted)
        failure = f"{type(error).__name__}: {error}"
    took = time.monotonic() - started
    print(f"{row.name}: {took:.0f} s, {counts.events} events, {counts} {failure}", file=sys.stderr, flush=True)
    return Result(row.name, took, counts, failure)


def report(results: list[Result]) -> int:
    """Print the table and its last line; the exit code."""
    table = Table("scenario", "seconds", "events", "lost", "doubled", "out of order", "")
    total = Counts()
    for result in results:
        counts = result.counts
        total += counts
        figures = (counts.events, counts.lost, counts.doubled, counts.disordered)
        table.add_row(result.name, f"{result.seconds:.0f}", *map(str, figures), result.failure)
    Console(width=160).print(table)
    print(total)
    return 0 if total.clean and not any(result.failure for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
