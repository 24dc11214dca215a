"""A process of its own that relays, consumes or does both: something to kill, freeze and stop.

python -m tests.chaos.member '{"role": "relay", ...}'
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass

from kafka import KafkaConsumer

from shared import logs
from shared.bus.consumer import Consumer
from shared.bus.generations import ReadModel
from shared.bus.kafka import KafkaPublisher, KafkaSettings
from shared.bus.rebuild import group_name
from shared.bus.worker import Plan, Worker
from shared.storage.mongo import connect
from shared.storage.relay import Relay
from tests.chaos.probe import CONSUMER, EFFECTS, counting

SESSION_MS = 6_000
MODEL = ReadModel(consumer=CONSUMER, collections=(EFFECTS,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What one process does. `dies_at_commit`: it kills itself before it commits offsets for the nth time."""

    role: str
    mongo_url: str
    kafka_bootstrap: str
    database: str
    topic: str
    named: str | None = None
    mended: bool = False
    event_time: bool = False
    dies_at_commit: int = 0
    lease_seconds: float = 5.0
    replication: int = 1
    log_level: str = "info"

    def command(self) -> tuple[str, ...]:
        """How to start it."""
        return (sys.executable, "-m", "tests.chaos.member", json.dumps(asdict(self)))

    def kafka(self) -> KafkaSettings:
        """Its connection to Kafka."""
        return KafkaSettings(
            kafka_bootstrap=self.kafka_bootstrap,
            kafka_session_timeout_ms=SESSION_MS,
            kafka_replication=self.replication,
        )

    def plan(self) -> Plan:
        """Its plan, for a worker or for the inbox of another process."""
        client = connect(self.mongo_url)
        subscription = counting(self.topic, named=self.named, mended=self.mended, event_time=self.event_time)
        return Plan(
            service="probe",
            client=client,
            database=client[self.database],
            kafka=self.kafka(),
            subscriptions=[subscription],
            read_models=[MODEL],
        )


def main() -> None:
    """Work until SIGTERM."""
    member = Member(**json.loads(sys.argv[1]))
    logs.configure("probe", member.log_level)
    if member.dies_at_commit:
        _die_before_commit(member.dies_at_commit)
    plan, stop = member.plan(), threading.Event()
    if member.role == "worker":
        Worker(plan).run()
        return
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if member.role == "relay":
        Relay(plan.client, plan.database, KafkaPublisher(plan.kafka), lease_seconds=member.lease_seconds).run(stop)
    else:
        (subscription,) = plan.subscriptions
        group = group_name(plan.database, CONSUMER, 1)
        Consumer(plan.kafka, group, subscription.topics, plan.inbox(subscription)).run(stop)


def _die_before_commit(at: int) -> None:
    commits, commit = 0, KafkaConsumer.commit

    def commit_or_die(consumer: KafkaConsumer, *arguments: object, **options: object) -> object:
        nonlocal commits
        commits += 1
        if commits == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return commit(consumer, *arguments, **options)

    KafkaConsumer.commit = commit_or_die


if __name__ == "__main__":
    main()
