"""A kind of job for tests: counts numbers. Also a process of its own that can be killed anywhere."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence

from pymongo import InsertOne

from shared.clock import utc_now
from shared.errors import Invalid
from shared.jobs.job import Item, Job
from shared.jobs.runner import Runner
from shared.storage.mongo import Mongo, MongoDatabase, connect
from shared.storage.work import UnitOfWork
from shared.tables.outcomes import Outcome


class Numbers:
    """Inserts one document for each number and counts them in another. Odd ones can be refused by a rule."""

    name, chunk = "numbers", 20

    def __init__(self, pause: float = 0.0, die: float = 0.0) -> None:
        self.pause, self.die = pause, die

    def start(self, job: Job) -> NumbersTask:
        return NumbersTask(job, self)


class NumbersTask:
    def __init__(self, job: Job, kind: Numbers) -> None:
        self.job, self.kind = job, kind
        self.total = job.options["until"]

    def items(self, after: int, limit: int) -> Sequence[Item]:
        return [Item(n, n) for n in range(after + 1, min(after + limit, self.total or 0) + 1)]

    def apply(self, work: UnitOfWork, items: Sequence[Item]) -> list[Outcome]:
        self._perhaps_die()
        count = work.peek("count", self.job.id) or {"_id": self.job.id, "n": 0}
        made = [item.value for item in items if item.value not in self.job.options.get("refused", ())]
        work.save("count", {**count, "n": count["n"] + len(made)})
        for number in made:
            work.also("numbers", InsertOne({"_id": f"{self.job.options.get('of', self.job.id)}/{number}"}))
        work.after_commit(self._perhaps_die)
        time.sleep(self.kind.pause)
        return [self._outcome(item.value, item.value in made) for item in items]

    def _outcome(self, number: int, made: bool) -> Outcome:
        if made:
            return Outcome(row=number, line=number, outcome="made", id=str(number))
        return Outcome(row=number, line=number, outcome="failed", code="REFUSED")

    def _perhaps_die(self) -> None:
        if self.job.options.get("deadly") or random.random() < self.kind.die:
            os.kill(os.getpid(), signal.SIGKILL)


class Broken:
    """Cannot begin."""

    name, chunk = "broken", 1

    def start(self, job: Job) -> NumbersTask:
        raise Invalid("The file has no rows.", code="TABLE_EMPTY")


def runner(client: Mongo, database: MongoDatabase, kind: Numbers | None = None) -> Runner:
    return Runner(client, database, lambda: UnitOfWork(database, utc_now, "/probe"), [kind or Numbers(), Broken()])


if __name__ == "__main__":
    url, name, pause, die = sys.argv[1:]
    client = connect(url)
    print("ready", flush=True)
    runner(client, client[name], Numbers(float(pause), float(die))).run(threading.Event())
