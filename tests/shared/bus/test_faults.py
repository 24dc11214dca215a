"""Faults under load, in short: nothing lost, nothing doubled, nothing out of order. The long versions: `make chaos`."""

from __future__ import annotations

import pytest
from _pytest.mark import ParameterSet

from deploy.local.engines import Engines
from tests.chaos import lost_log, rebuilding, scenarios
from tests.chaos.arena import Arena, play, revive

SHORT = (
    (scenarios.mongod_is_killed, 1.0),
    (scenarios.relay_is_killed, 1.5),
    (scenarios.consumer_is_killed, 1.5),
    (scenarios.consumer_dies_before_its_offset_commit, 1.0),
    (scenarios.kafka_is_away, 2.0),
    (lost_log.log_is_cut, 1.0),
    (scenarios.relay_freezes, 2.0),
    (scenarios.wakeup_is_lost, 1.0),
    (scenarios.transactions_overlap, 2.0),
    (scenarios.worker_is_stopped, 1.0),
    (scenarios.worker_is_stopped_while_kafka_hangs, 1.0),
    (scenarios.poison_comes, 2.0),
    (scenarios.names_come_late, 2.0),
    (scenarios.read_model_is_rebuilt, 2.0),
)

# What waits for a broker to start again, or for MongoDB to give a transaction up, is long; one of each kind stands above.
LONG = (
    (scenarios.kafka_is_away_for_an_hour, 4.0),
    (scenarios.kafka_loses_its_data, 2.0),
    (lost_log.partition_is_gone, 1.0),
    (lost_log.offsets_are_gone, 1.0),
    (lost_log.power_is_cut_while_nobody_writes, 1.0),
    (scenarios.kafka_is_killed, 1.0),
    (scenarios.consumer_dies_in_its_transaction, 1.0),
    (scenarios.worker_is_stopped_while_kafka_is_away, 2.0),
    (rebuilding.rebuild_is_killed, 10.0),
)
_PAUSE = 0.03


def _row(scenario: scenarios.Scenario, seconds: float, *marks: pytest.MarkDecorator) -> ParameterSet:
    """One case. Each may go to another process of a run: they wait more than they work."""
    alone = pytest.mark.xdist_group(scenario.__name__)
    return pytest.param(scenario, seconds, id=scenario.__name__, marks=[alone, *marks])


@pytest.mark.parametrize(
    ("scenario", "seconds"), [*(_row(*row) for row in SHORT), *(_row(*row, pytest.mark.slow) for row in LONG)]
)
def test_nothing_is_lost_doubled_or_out_of_order_when(
    breakable: Engines, scenario: scenarios.Scenario, seconds: float
) -> None:
    try:
        counts = play(scenario, Arena(breakable, pause=_PAUSE), seconds)
    finally:
        revive(breakable)
    print(f"{counts.events} events: {counts}")

    assert counts.events > 0
    assert counts.clean, f"{counts} of {counts.events}"


@pytest.mark.slow
def test_nothing_is_lost_when_one_broker_of_three_is_killed() -> None:
    with Engines.start(brokers=3) as engines:
        counts = play(scenarios.one_broker_of_three_is_killed, Arena(engines, replication=3), 6.0)

    assert counts.clean, f"{counts} of {counts.events}"
