"""MongoDB and Kafka alone: they start, survive a kill with their data, and leave nothing behind."""

from __future__ import annotations

import psutil
import pytest
from pymongo import MongoClient

from deploy.local.engines import Engines


@pytest.mark.parametrize("names", [["mongo"], pytest.param(["mongo", "kafka"], marks=pytest.mark.slow)])
def test_killed_engines_come_back_with_their_data_and_leave_nothing_behind(names: list[str]) -> None:
    with Engines.start(only=names) as engines:
        pids = [engines.pid(name) for name in engines.names]
        with MongoClient[dict[str, object]](engines.mongo_url) as client:
            client.some.things.insert_one({"_id": "kept"})
            for name in names:
                engines.kill(name)
                engines.restart(name)
            pids += [engines.pid(name) for name in engines.names]

            assert client.some.things.count_documents({"_id": "kept"}) == 1

    assert not engines.folder.exists()
    assert not any(psutil.pid_exists(pid) for pid in pids)
