"""Three of each: what is started, what is kept, and that a process that goes is not noticed by who asks."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from pymongo import MongoClient

from clusterskills.client import Api, ApiError
from deploy.local import outside, stack, table
from deploy.local.engines import Engines
from deploy.local.errors import StackError
from deploy.local.folder import Folder
from deploy.local.processes import family, kill_now, wait_until
from deploy.local.stack import Request
from shared.bus.kafka import KafkaSettings, ensure_topics

SMALL = ("mongo", "catalog-api", "gateway")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three MongoDB servers and two processes of one real API behind the gateway."""
    data = tmp_path_factory.mktemp("three") / "data"
    try:
        stack.start_in_background(Request(data, only=SMALL, nodes=3, while_pid=os.getpid()), print)
        yield data
    finally:
        stack.stop(data)


def test_three_nodes_are_three_of_each_engine_and_two_of_each_process_of_ours(tmp_path: Path) -> None:
    made = table.build(_folder(tmp_path), table.Wish(outside.Outside(), nodes=3), print)
    counts = Counter(part.name.rstrip("-123") for part in made.parts)

    assert counts.pop("mongo") == counts.pop("kafka") == 3
    assert counts.pop("keycloak") == counts.pop("gateway") == counts.pop("mail") == 1
    assert counts
    assert set(counts.values()) == {2}
    assert made.facts["mongo"].count("127.0.0.1:") == made.facts["kafka"].count("127.0.0.1:") == 3


def test_a_part_is_asked_for_by_its_name_its_kind_or_its_service() -> None:
    names = ("catalog-api-1", "catalog-api-2", "catalog-worker-1", "mongo-1", "gateway")
    chosen = {
        wish: [name for name in names if table.Wish(outside.Outside(), frozenset({wish}), 3).wants(name)]
        for wish in ("catalog", "catalog-api", "catalog-api-2", "mongo")
    }

    assert chosen == {
        "catalog": ["catalog-api-1", "catalog-api-2", "catalog-worker-1"],
        "catalog-api": ["catalog-api-1", "catalog-api-2"],
        "catalog-api-2": ["catalog-api-2"],
        "mongo": ["mongo-1"],
    }


def test_the_number_of_nodes_stays_with_the_data(tmp_path: Path) -> None:
    assert _folder(tmp_path / "new").nodes(None) == 1
    assert _folder(tmp_path / "three").nodes(3) == 3
    assert _folder(tmp_path / "three").nodes(None) == 3
    with pytest.raises(StackError, match="made by a stack with --nodes 3; it cannot run with --nodes 1"):
        _folder(tmp_path / "three").nodes(1)


def test_a_folder_from_before_there_were_nodes_has_one(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    folder.ports(["mongo"])

    with pytest.raises(StackError, match="--nodes 1; it cannot run with --nodes 3"):
        folder.nodes(3)
    assert folder.nodes(None) == 1


def test_the_three_servers_are_one_set_with_quick_elections(running: Path) -> None:
    with MongoClient[dict[str, Any]](stack.status(running)[0]["mongo"]) as client:
        members = client.admin.command("replSetGetStatus")["members"]
        settings = client.admin.command("replSetGetConfig")["config"]["settings"]

    assert sorted(member["stateStr"] for member in members) == ["PRIMARY", "SECONDARY", "SECONDARY"]
    assert settings["electionTimeoutMillis"] == 2_000


@pytest.mark.slow
def test_three_brokers_keep_three_copies_of_every_topic_of_ours() -> None:
    with Engines.start(brokers=3, only=["kafka"]) as engines:
        given = KafkaSettings(kafka_bootstrap=engines.kafka_bootstrap)
        ensure_topics(given, ["events"])
        copies = _copies(given, "events")
        assert set(copies.values()) == {3}
        engines.kill("kafka-1")
        producer = KafkaProducer(**given.client(), acks="all")
        partitions = {producer.send("events", b"kept", partition=number).get(60).partition for number in copies}
        producer.close()

    assert partitions == set(copies)


def _copies(given: KafkaSettings, topic: str) -> dict[int, int]:
    """Return the number of copies of each partition."""
    admin = KafkaAdminClient(**{name: value for name, value in given.client().items() if name != "metrics_enabled"})
    (found,) = admin.describe_topics([topic])
    admin.close()
    return {row["partition_index"]: len(row["replica_nodes"]) for row in found["partitions"]}


@pytest.mark.slow
def test_a_rolling_restart_loses_no_request_of_a_client_that_never_repeats(running: Path) -> None:
    facts, _ = stack.status(running)
    before = _pids(running)
    with (
        httpx.Client(base_url=facts["url"], timeout=60) as kept,
        _asking(
            lambda: kept.post("/v1/courses", json={"title": "x" * 2_000}).status_code,
            lambda: httpx.get(f"{facts['url']}/v1/courses", timeout=60).status_code,
        ) as answers,
    ):
        stack.restart(running, ("catalog", "gateway"), print)

    assert set(answers) == {200, 401}, Counter(answers)
    assert len(answers) > 100
    after = _pids(running)
    assert {name for name in after if after[name] != before[name]} == {"catalog-api-1", "catalog-api-2", "gateway"}


def test_a_killed_api_process_is_not_noticed_by_our_client(running: Path) -> None:
    api = Api(stack.status(running)[0]["url"])
    with _asking(lambda: _refusal(api), lambda: _refusal(api)) as answers:
        for name in ("catalog-api-1", "catalog-api-2"):
            killed = _pids(running)[name]
            kill_now(family(psutil.Process(killed)))
            assert wait_until(lambda name=name, killed=killed: _is_back(running, name, killed), 60)  # type: ignore[misc]
    api.close()

    assert set(answers) == {401}, Counter(answers)


def _refusal(api: Api) -> int:
    """Ask without a token: the API itself must have answered."""
    with pytest.raises(ApiError) as raised:
        api.post("/v1/courses", {"title": "x" * 2_000})
    return raised.value.status


def _is_back(data: Path, name: str, killed: int) -> bool:
    facts, parts = stack.status(data)
    entry = facts["processes"][name]
    return entry["pid"] != killed and all(part.alive and part.answers for part in parts)


def _pids(data: Path) -> dict[str, int]:
    return {name: entry["pid"] for name, entry in stack.status(data)[0]["processes"].items()}


def _folder(path: Path) -> Folder:
    folder = Folder(path)
    folder.make()
    return folder


@contextmanager
def _asking(*questions: Callable[[], int]) -> Iterator[list[int]]:
    """Ask each question all the time while the block lasts; what raises is noted as 0."""
    answers, over = list[int](), threading.Event()

    def go_on(ask: Callable[[], int]) -> None:
        while not over.is_set():
            try:
                answers.append(ask())
            except (httpx.HTTPError, AssertionError):
                answers.append(0)
            time.sleep(0.01)

    threads = [threading.Thread(target=go_on, args=(question,)) for question in questions]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()
