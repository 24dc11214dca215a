"""A process of its own that relays, consumes or does both: something to kill, freeze and stop."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import random
import signal
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from kafka import KafkaConsumer
from pymongo.client_session import ClientSession

from deploy.local import processes
from shared import logs
from shared.bus import consumer
from shared.bus.consumer import Consumer
from shared.bus.kafka import KafkaSettings
from shared.bus.publisher import KafkaPublisher
from shared.bus.read_model import ReadModel
from shared.bus.rebuild import group_name, rebuild
from shared.bus.worker import Plan, Worker
from shared.storage import relay
from shared.storage.mongo import connect
from shared.storage.places import Places
from shared.storage.relay import Relay
from tests.chaos.probe import CONSUMER, EFFECTS, counting

SESSION_MS = 3_000
MODEL = ReadModel(consumer=CONSUMER, collections=(EFFECTS,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What one process does.

    `dies_at_commit`: it kills itself before it commits offsets for the nth time. `dies_in_transaction`: after it has
    written for the nth time, and before that is committed. `dies_before`: this step of a rebuild, `dies_at_turn`: when it
    comes to it for the nth time. `hasty`: it tries again at once, where others pause, when Kafka is away.
    """

    role: str
    mongo_url: str
    kafka_bootstrap: str
    database: str
    topic: str
    named: str | None = None
    mended: bool = False
    event_time: bool = False
    dies_at_commit: int = 0
    dies_in_transaction: int = 0
    dies_before: str = ""
    dies_at_turn: int = 1
    hasty: bool = False
    lease_seconds: float = 5.0
    replication: int = 1
    log_level: str = "info"

    def start(self, log: Path) -> BaseProcess:
        """Start it; what it says is appended to `log`."""
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload(["tests.chaos.nursery"])
        log.parent.mkdir(parents=True, exist_ok=True)
        process = forks.Process(target=_live, args=(self, log), daemon=True)
        process.start()
        return process

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


def _live(member: Member, log: Path) -> None:
    """Work until SIGTERM."""
    processes.die_with(os.getppid())()
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    faulthandler.register(signal.SIGUSR1)  # where it is, for Arena.last_words
    # As any other program has it: the process it was forked from lets Ctrl-C pass by, and all forks would draw the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    logs.configure("probe", member.log_level)
    if member.dies_at_commit:
        _die_at(member.dies_at_commit, KafkaConsumer, "commit")
    if member.dies_in_transaction:
        _die_at(member.dies_in_transaction, ClientSession, "commit_transaction")
    if member.hasty:
        _hurry()
    plan, stop = member.plan(), threading.Event()
    if member.role == "worker":
        Worker(plan).run()
        return
    if member.role == "rebuild":
        _rebuild(member, plan)
        return
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if member.role == "relay":
        publisher = KafkaPublisher(plan.kafka, Places(plan.database))
        Relay(plan.client, plan.database, publisher, lease_seconds=member.lease_seconds).run(stop)
    else:
        (subscription,) = plan.subscriptions
        group = group_name(plan.database, CONSUMER, 1)
        Consumer(plan.kafka, group, subscription.topics, plan.inbox(subscription)).run(stop)


def _rebuild(member: Member, plan: Plan) -> None:
    steps: Counter[str] = Counter()

    def reached(step: str) -> None:
        steps[step] += 1
        if step == member.dies_before and steps[step] == member.dies_at_turn:
            os.kill(os.getpid(), signal.SIGKILL)

    parts = (plan.client, plan.database, plan.kafka, plan.source, plan.subscriptions[0], MODEL, lambda _aliases: None)
    rebuild(*parts, lease_seconds=member.lease_seconds, reached=reached)


def _hurry() -> None:
    """Give up on a broker after a tenth of a second; pause for a hundredth."""
    usual = KafkaSettings.client
    KafkaSettings.client = lambda self: {**usual(self), "bootstrap_timeout_ms": 100}  # type: ignore[method-assign]
    relay._PAUSE_AFTER_FAILURE = consumer._FIRST_PAUSE = 0.01


def _die_at(count: int, kind: type, method: str) -> None:
    """Instead of calling this method for the nth time."""
    calls, original = 0, getattr(kind, method)

    def call_or_die(subject: object, *arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(subject, *arguments, **options)

    setattr(kind, method, call_or_die)
