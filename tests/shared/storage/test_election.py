"""Three nodes of MongoDB choose a new primary while writes come in: that is latency, and no error."""

from __future__ import annotations

import subprocess
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local import mongo, ports
from deploy.local.processes import wait_until
from shared.storage.group import GroupCommit
from shared.storage.idempotency import INDEXES as KEY_INDEXES
from shared.storage.mongo import connect
from shared.storage.outbox import INDEXES as OUTBOX_INDEXES
from shared.storage.work import UnitOfWork
from shared.storage.writes import Answer, IdempotencyKey, Write

pytestmark = pytest.mark.slow


@dataclass
class Three:
    """A replica set of three; its nodes by port."""

    url: str
    nodes: dict[int, subprocess.Popen[bytes]]

    def kill_primary(self) -> None:
        with MongoClient[dict[str, Any]](self.url) as client:
            assert wait_until(lambda: client.primary is not None, 30)
            assert client.primary
            self.nodes[client.primary[1]].kill()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Three]:
    found = ports.find_free(3)
    for port in found:
        (tmp_path / str(port)).mkdir()
    commands = {port: mongo.part(tmp_path / str(port), port).command for port in found}
    quiet = subprocess.DEVNULL
    nodes = {port: subprocess.Popen(command, stdout=quiet, stderr=quiet) for port, command in commands.items()}
    members = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(found)]
    config = {"_id": "rs0", "members": members, "settings": {"electionTimeoutMillis": 2_000}}
    try:
        assert wait_until(lambda: _initiated(found[0], config), 60)
        yield Three(f"mongodb://{','.join(str(member['host']) for member in members)}/?replicaSet=rs0", nodes)
    finally:
        for node in nodes.values():
            node.kill()
            node.wait()


def _initiated(port: int, config: dict[str, Any]) -> bool:
    with suppress(PyMongoError), MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True) as client:
        client.admin.command("replSetInitiate", config)
        return True
    return False


def test_an_election_under_load_refuses_nobody_and_loses_nothing(three: Three) -> None:
    over, refused, done = threading.Event(), list[Exception](), list[str]()

    def keep_asking(group: GroupCommit) -> None:
        while not over.is_set():
            made = uuid.uuid4().hex

            def act(work: UnitOfWork, made: str = made) -> Answer:
                work.save("things", {"_id": made})
                return Answer(200, b"{}")

            try:
                group.run(Write(act, IdempotencyKey(made, "f")))
                done.append(made)
            except Exception as error:  # noqa: BLE001 (each refusal is looked at)
                refused.append(error)

    with connect(three.url) as client:
        database = client["election"]
        assert wait_until(lambda: client.primary is not None, 60)
        database["outbox"].create_indexes(OUTBOX_INDEXES)
        database["idempotency"].create_indexes(KEY_INDEXES)
        group = GroupCommit(client, database, "/probe")
        with ThreadPoolExecutor(32) as pool:
            clients = [pool.submit(keep_asking, group) for _ in range(32)]
            assert wait_until(lambda: len(done) > 100, 60, every=0.01)
            three.kill_primary()
            before = len(done)
            assert wait_until(lambda: len(done) > before + 100, 60, every=0.01)
            over.set()
            for each in clients:
                each.result(60)
        group.close()
        assert refused == []
        assert sorted(row["_id"] for row in database["things"].find()) == sorted(done)
