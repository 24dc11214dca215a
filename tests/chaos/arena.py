"""Where faults happen: engines, a database and topics of its own, processes to hurt, a load, and the count after it."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
from kafka import KafkaConsumer
from kafka.structs import TopicPartition
from pymongo.errors import PyMongoError

from deploy.local.engines import Engines
from deploy.local.processes import last_lines
from shared.bus.held import INDEXES as HELD_INDEXES
from shared.bus.kafka import ensure_topics
from shared.errors import Conflict, Unavailable
from shared.storage.group import GroupCommit
from shared.storage.idempotency import INDEXES as KEY_INDEXES
from shared.storage.mongo import connect
from shared.storage.outbox import INDEXES, Outbox
from shared.storage.writes import IdempotencyKey, Write
from tests.chaos.member import Member
from tests.chaos.probe import EFFECTS, Counts, compare, happen

PATIENCE = 60.0


class Arena:
    """One scenario's world. Writes are retried under their idempotency key until they are answered, as a client would:
    so it is known exactly how often each aggregate must have happened."""

    def __init__(self, engines: Engines, *, keys: int = 40, replication: int = 1, pause: float = 0.01) -> None:
        """`pause`: how long each client of the load rests after an answer, unless the scenario says otherwise."""
        mark = uuid.uuid4().hex[:12]
        self.engines = engines
        self.topic, self.named = f"probe{mark}", f"named{mark}"
        self.keys = [f"k{i}" for i in range(keys)]
        self.pause = pause
        self.client = connect(engines.mongo_url)
        self.database = self.client[f"chaos_{mark}"]
        self.member = Member(
            role="relay",
            mongo_url=engines.mongo_url,
            kafka_bootstrap=engines.kafka_bootstrap,
            database=self.database.name,
            topic=self.topic,
            replication=replication,
        )
        self.database["outbox"].create_indexes(INDEXES)
        self.database["held_events"].create_indexes(HELD_INDEXES)
        self.database["idempotency"].create_indexes(KEY_INDEXES)
        ensure_topics(self.member.kafka(), [self.topic, self.named])
        self.writes = GroupCommit(self.client, self.database, "/probe")
        self.outbox = Outbox(self.client, self.database)
        self.expected: Counter[str] = Counter()
        self.pauses: list[float] = []
        self.discarded: set[tuple[str, int]] = set()
        self._counting = threading.Lock()
        self._processes: list[BaseProcess] = []

    # -- processes

    def spawn(self, role: str, **options: Any) -> BaseProcess:
        """Start a process (relay, consumer or worker)."""
        process = replace(self.member, role=role, **options).start(self.log_of(role))
        self._processes.append(process)
        return process

    def log_of(self, role: str) -> Path:
        """What all processes of this role said."""
        return self.engines.folder / "logs" / f"{self.topic}-{role}.log"

    def tries(self) -> int:
        """How often a worker's relay or consumer began anew with a new client of Kafka."""
        said = self.log_of("worker").read_text(encoding="utf-8")
        return said.count('"publishing_failed"') + said.count('"consumer_reopens"')

    def last_words(self, lines: int = 80) -> str:
        """Where each living process is, and the end of each log: for whoever must find out what went wrong."""
        alive = [process for process in self._processes if process.is_alive()]
        for process in alive:
            send(process, signal.SIGUSR1)
        time.sleep(0.5)
        folder = self.engines.folder / "logs"
        logs = [*sorted(folder.glob(f"{self.topic}-*.log")), *map(self.engines.log, self.engines.names)]
        return "\n".join([f"alive: {alive}", *(f"-- {log.name}\n{last_lines(log, lines)}" for log in logs)])

    def close(self) -> None:
        """End what was started; drop the database."""
        for process in self._processes:
            process.kill()
            process.join()
        self.writes.close()
        self.client.drop_database(self.database.name)
        self.client.close()

    # -- load

    def write(self, keys: Sequence[str], *, topic: str | None = None, **facts: Any) -> None:
        """One request; returns when it was answered, however long that takes."""
        about = topic or self.topic
        write = Write(happen(about, keys, **facts), IdempotencyKey(uuid.uuid4().hex, "same"))
        started = time.monotonic()
        while True:
            try:
                self.writes.run(write)
                break
            except (PyMongoError, Conflict, Unavailable):
                time.sleep(0.05)
        with self._counting:
            self.expected.update(f"{about}/{key}" for key in keys)
            self.pauses.append(time.monotonic() - started)

    @contextmanager
    def load(self, *, threads: int = 3, pause: float | None = None) -> Iterator[None]:
        """Requests from several threads for as long as the block lasts."""
        over, rest = threading.Event(), self.pause if pause is None else pause

        def client(seed: int) -> None:
            choose = random.Random(seed)
            while not over.is_set():
                self.write(choose.sample(self.keys, choose.choice((1, 1, 2))))
                over.wait(rest)

        clients = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(threads)]
        for each in clients:
            each.start()
        try:
            yield
        finally:
            over.set()
            for each in clients:
                each.join(PATIENCE)

    # -- the count

    def settle(self, patience: float = PATIENCE) -> None:
        """Wait until as many effects are there as events were asked for, less those discarded."""
        wait_for(lambda: self.effects_total() >= self.expected.total() - len(self.discarded), patience)

    def effects_total(self) -> int:
        """How many effects there are."""
        rows = list(self.database[EFFECTS].aggregate([{"$group": {"_id": None, "n": {"$sum": {"$size": "$ns"}}}}]))
        return int(rows[0]["n"]) if rows else 0

    def effects(self) -> dict[str, list[int]]:
        """The effects of each aggregate in the order in which they came."""
        return {row["_id"]: row["ns"] for row in self.database[EFFECTS].find()}

    def counts(self) -> Counts:
        """Effects against what was asked for, and the order of the log itself."""
        log_order = compare(self.expected, self.log())
        effects = compare(self.expected, self.effects())
        # A discarded event is missed once and must not be there.
        assert all(n not in self.effects().get(aggregate, ()) for aggregate, n in self.discarded)
        return effects + Counts(0, log_order.lost - len(self.discarded), 0, log_order.disordered)

    def log(self) -> dict[str, list[int]]:
        """The numbers of each aggregate as they stand in Kafka, repeats included."""
        found: dict[str, list[int]] = defaultdict(list)
        for topic in (self.topic, self.named):
            for record in read_topic(self.engines.kafka_bootstrap, topic):
                # Events are numbered like their sequence.
                found[f"{topic}/{record.key.decode()}"].append(int(dict(record.headers)["ce_sequence"]))
        return found


def play(scenario: Callable[[Arena, float], None], arena: Arena, seconds: float) -> Counts:
    """Let the scenario hurt for about `seconds`, wait until things have settled, and count."""
    try:
        scenario(arena, seconds)
        arena.settle()
        counts = arena.counts()
        if not counts.clean:
            print(arena.last_words(), file=sys.stderr)
        return counts
    finally:
        arena.close()


def read_topic(bootstrap: str, topic: str) -> list[Any]:
    """Every record of a topic, partition by partition."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), enable_auto_commit=False, group_id=None)
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        if not partitions:
            return []
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends: Mapping[TopicPartition, int] = consumer.end_offsets(partitions)
        records: list[Any] = []
        until = time.monotonic() + 20
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            assert time.monotonic() < until, f"{topic} could not be read to its end"
            if some := [record for part in consumer.poll(timeout_ms=500).values() for record in part]:
                records += some
                until = time.monotonic() + 20
        return records
    finally:
        consumer.close()


def wait_for(true: Callable[[], Any], patience: float = 60.0, every: float = 0.05) -> bool:
    """Ask until it holds (True) or the patience is over (False). MongoDB may be away meanwhile."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            if true():
                return True
        except PyMongoError:
            pass
        time.sleep(every)
    return False


def revive(engines: Engines) -> None:
    """A scenario that failed half-way may have left an engine dead: the next one shall not suffer."""
    for name in engines.names:
        if not psutil.pid_exists(engines.pid(name)):
            engines.restart(name)


def send(process: BaseProcess, number: signal.Signals) -> None:
    """Send a signal to a process that was started."""
    assert process.pid is not None
    os.kill(process.pid, number)


def freeze(process: BaseProcess) -> None:
    """Stop a process's clock."""
    send(process, signal.SIGSTOP)


def thaw(process: BaseProcess) -> None:
    """Let a frozen process go on."""
    send(process, signal.SIGCONT)
