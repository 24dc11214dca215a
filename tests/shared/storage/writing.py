"""Writes that go through a group, as its tests make them."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from shared.storage.group import GroupCommit
from shared.storage.work import UnitOfWork
from shared.storage.writes import Answer, IdempotencyKey, Write

OK = Answer(200, b"{}")


@dataclass(frozen=True, slots=True)
class Seat:
    """The question for a seat."""

    person: str


@dataclass(frozen=True, slots=True)
class Name:
    """A question to somebody else, who takes his time."""

    of: str
    asked: threading.Event
    answered: threading.Event


def new_key(fingerprint: str = "f") -> IdempotencyKey:
    return IdempotencyKey(uuid.uuid4().hex, fingerprint)


def put(**fields: Any) -> Callable[[UnitOfWork], Answer]:
    def act(work: UnitOfWork) -> Answer:
        work.save("things", {"_id": uuid.uuid4().hex, **fields})
        return OK

    return act


def together(group: GroupCommit, writes: Sequence[Write]) -> list[Answer | Exception]:
    """Run these in one group: the one thread is held up until all of them wait."""
    gate, held = threading.Event(), threading.Event()

    def hold(_work: UnitOfWork) -> Answer:
        held.set()
        gate.wait(10)
        return OK

    def run(write: Write) -> Answer | Exception:
        try:
            return group.run(write)
        except Exception as error:  # noqa: BLE001 (the outcome is what is looked at)
            return error

    with ThreadPoolExecutor(len(writes) + 1) as pool:
        pool.submit(run, Write(hold))
        assert held.wait(5)
        waiting = [pool.submit(run, write) for write in writes]
        while group._queue.qsize() + sum(each.done() for each in waiting) < len(writes):
            time.sleep(0.005)
        gate.set()
        return [each.result(10) for each in waiting]
