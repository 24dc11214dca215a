"""MongoDB and Kafka alone, in a folder of their own: for tests that need the real ones and want to break them.

with Engines.start() as engines:
    MongoClient(engines.mongo_url); KafkaProducer(bootstrap_servers=engines.kafka_bootstrap)
    engines.kill("mongo"); engines.restart("mongo")      # same port, same data
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import kafka, mongo, ports, processes, programs
from deploy.local.part import Part, Running

_PREFIX = "clusterskills-engines-"


def _temporary_home() -> Path:
    processes.sweep(_PREFIX)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def _silent(_sentence: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class _Plan:
    parts: tuple[Part, ...]
    mongo_url: str
    brokers: tuple[kafka.Broker, ...]


class Engines:
    """A MongoDB and a Kafka cluster of ours. Every method may be called from any thread, one at a time per part."""

    def __init__(self, folder: Path, plan: _Plan, *, temporary: bool) -> None:
        self.folder = folder
        self.mongo_url = plan.mongo_url
        self.kafka_bootstrap = kafka.bootstrap(plan.brokers)
        self._temporary = temporary
        self._brokers = {broker.number: broker for broker in plan.brokers}
        self._running = {part.name: Running(part, folder / "logs" / f"{part.name}.log") for part in plan.parts}

    @classmethod
    def start(
        cls,
        folder: Path | None = None,
        *,
        brokers: int = 1,
        only: Iterable[str] = ("mongo", "kafka"),
        say: Callable[[str], None] = _silent,
    ) -> Engines:
        """Start the engines and return when both are well.

        Without a folder one is made and removed by `close`. `brokers` > 1 makes a Kafka cluster whose parts are named
        kafka-1, kafka-2, ...; with one broker the part is named kafka. `only` leaves an engine out.
        """
        programs.refuse_other_platforms()
        home = folder or _temporary_home()
        engines = cls(home, _plan(home, brokers, set(only), say), temporary=folder is None)
        try:
            engines._start_all()
        except BaseException:
            engines.close()
            raise
        return engines

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the parts: mongo and kafka, or kafka-1 to kafka-n."""
        return tuple(self._running)

    def pid(self, name: str) -> int:
        """Return a part's process id."""
        return self._running[name].pid

    def kill(self, name: str) -> None:
        """SIGKILL a part; returns when it is gone."""
        self._running[name].kill()

    def stop(self, name: str) -> None:
        """Stop a part in the orderly way; returns when it is gone."""
        self._running[name].stop()

    def restart(self, name: str, *, wait: bool = True) -> None:
        """Start a part again on the same port with the same data, ending it first when it lives."""
        running = self._running[name]
        running.stop()
        _start(running)
        if wait:
            running.await_health()

    def freeze(self, name: str) -> None:
        """Stop a part's clock (SIGSTOP): it keeps its connections and answers nothing, once this returns."""
        running = self._running[name]
        running.signal(signal.SIGSTOP)
        processes.wait_until(running.stands_still, 5, every=0.005)

    def thaw(self, name: str) -> None:
        """Let a frozen part go on (SIGCONT)."""
        self._running[name].signal(signal.SIGCONT)

    def lose_kafka_data(self) -> None:
        """Stop all brokers, throw their data away and start them empty, on the same ports."""
        for number, broker in self._brokers.items():
            self._running[self._broker_name(number)].kill()
            shutil.rmtree(broker.folder, ignore_errors=True)
        self._together([self._running[self._broker_name(number)] for number in self._brokers])

    def log(self, name: str) -> Path:
        """Return a part's log file."""
        return self._running[name].log

    def close(self) -> None:
        """Stop everything; remove the folder when it was ours."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._end, self._running.values()))
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self, running: Running) -> None:
        if self._temporary:
            running.kill()  # nobody will read this data again
        else:
            running.stop()

    def _broker_name(self, number: int) -> str:
        return "kafka" if len(self._brokers) == 1 else f"kafka-{number}"

    def _start_all(self) -> None:
        self._together(list(self._running.values()))

    def _together(self, running: list[Running]) -> None:
        with ThreadPoolExecutor(max_workers=max(1, len(running))) as pool:
            list(pool.map(_start, running))
            list(pool.map(Running.await_health, running))


def _start(running: Running) -> None:
    running.part.prepare()
    running.start()


def _plan(home: Path, count: int, only: set[str], say: Callable[[str], None]) -> _Plan:
    free = ports.find_free(1 + 2 * count)
    mongo_port, rest = free[0], free[1:]
    brokers = tuple(
        kafka.Broker(number, rest[2 * number - 2], rest[2 * number - 1], home / f"kafka-{number}")
        for number in range(1, count + 1)
    )
    rows = [mongo.part(home / "mongo", mongo_port)] if "mongo" in only else []
    if "kafka" in only:
        rows += kafka.parts(brokers, say)
    return _Plan(tuple(rows), mongo.url(mongo_port), brokers)
