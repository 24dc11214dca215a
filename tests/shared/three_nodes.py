"""Three MongoDB nodes of a test's own, whose majority can be made to lag."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient

from deploy.local import mongo, ports
from deploy.local.part import Running
from tests.chaos.arena import wait_for

_PATIENT_MS = 60_000
"""No election while two of three are frozen for a moment."""


class ThreeNodes:
    """One primary, the first, and two secondaries."""

    def __init__(self, nodes: list[Running], url: str) -> None:
        self._nodes = nodes
        self.url = url

    @contextmanager
    def lagging(self) -> Iterator[None]:
        """Both secondaries stand still: what the primary commits no majority has."""
        for node in self._nodes[1:]:
            node.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for node in self._nodes[1:]:
                node.signal(signal.SIGCONT)


@contextmanager
def three_nodes(folder: Path) -> Iterator[ThreeNodes]:
    """Start them, and end them after the block."""
    free = ports.find_free(3)
    parts = [mongo.part(folder / f"node{n}", port, f"node{n}") for n, port in enumerate(free)]
    nodes = [Running(part, folder / f"{part.name}.log") for part in parts]
    try:
        for node in nodes:
            node.part.prepare()
            node.start()
        _unite(free)
        yield ThreeNodes(nodes, mongo.url(free[0]))
    finally:
        for node in nodes:
            node.signal(signal.SIGCONT)
            node.kill()


def _unite(free: list[int]) -> None:
    members = [{"_id": n, "host": f"127.0.0.1:{port}", "priority": int(n == 0)} for n, port in enumerate(free)]
    config = {"_id": "rs0", "members": members, "settings": {"electionTimeoutMillis": _PATIENT_MS}}
    assert all(_in_time(port, "ping") for port in free)
    assert _in_time(free[0], {"replSetInitiate": config})
    assert _in_time(free[0], "replSetStepUp"), "no primary"  # else it would wait as long as for any election
    with MongoClient[dict[str, object]](mongo.url(free[0]), w="majority") as client:
        client["probe"]["probe"].insert_one({})


def _in_time(port: int, command: str | dict[str, object]) -> bool:
    def done() -> bool:
        with MongoClient[dict[str, object]]("127.0.0.1", port, directConnection=True) as client:
            client.admin.command(command)
        return True

    return wait_for(done, 60)
