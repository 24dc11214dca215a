"""Consumers on three nodes of MongoDB, two of which lag behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pymongo.read_concern import ReadConcern

from shared.bus.held import INDEXES as HELD_INDEXES
from shared.bus.inbox import Inbox, Subscription
from shared.errors import NotYetKnown
from shared.storage.mongo import Mongo, MongoDatabase, connect
from shared.storage.work import UnitOfWork
from tests.chaos.arena import wait_for
from tests.chaos.probe import Probe, probe_of
from tests.records import incoming
from tests.shared.three_nodes import ThreeNodes, three_nodes

SHARED = "shared"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeNodes]:
    with three_nodes(tmp_path_factory.mktemp("nodes")) as nodes:
        yield nodes


@pytest.fixture
def lagging_client(nodes: ThreeNodes) -> Iterator[Mongo]:
    with connect(nodes.url) as client:
        yield client


@pytest.fixture
def lagging_database(lagging_client: Mongo, topic: str) -> MongoDatabase:
    database = lagging_client[topic]
    database["held_events"].create_indexes(HELD_INDEXES)
    for name in ("inbox", "held_keys", "seen"):
        database.create_collection(name)
    return database


def _note(event: Probe, work: UnitOfWork) -> None:
    """What each event tells goes into one document of all."""
    document = work.peek("seen", SHARED) or {"_id": SHARED, "who": []}
    work.save("seen", {**document, "who": [*document["who"], event.probe_id]})


def _late(event: Probe, work: UnitOfWork) -> None:
    if event.names is not None and work.peek("seen", event.names) is None:
        raise NotYetKnown(event.topic, event.names)
    _note(event, work)


def _inbox(client: Mongo, database: MongoDatabase, topic: str) -> Inbox:
    return Inbox(client, database, "/desk", Subscription(name="desk", handlers={probe_of(topic): _late}))


def _locally(database: MongoDatabase) -> int:
    """How many documents the primary alone has."""
    return database.get_collection("seen", read_concern=ReadConcern("local")).count_documents({})


def test_two_workers_that_insert_the_same_document_bury_nothing_while_the_majority_lags(
    nodes: ThreeNodes, lagging_client: Mongo, lagging_database: MongoDatabase, topic: str
) -> None:
    def take(key: str) -> None:
        event = probe_of(topic)(probe_id=key, n=1)
        _inbox(lagging_client, lagging_database, topic).take([incoming(event, 1, source="/probe", offset=1)])

    with ThreadPoolExecutor(2) as pool:
        with nodes.lagging():
            first = pool.submit(take, "a")
            assert wait_for(lambda: _locally(lagging_database) == 1)
            second = pool.submit(take, "b")
            time.sleep(1.0)  # the second meets the first's document, again and again, and no majority has it
        first.result(60)
        second.result(60)

    assert lagging_database["held_events"].count_documents({}) == 0
    assert lagging_database["seen"].find_one({"_id": SHARED})["who"] == ["a", "b"]  # type: ignore[index]


def test_what_is_let_go_is_not_buried_while_the_majority_lags(
    nodes: ThreeNodes, lagging_client: Mongo, lagging_database: MongoDatabase, topic: str
) -> None:
    desk = _inbox(lagging_client, lagging_database, topic)
    waits = probe_of(topic)(probe_id="b", n=1, names="awaited")
    desk.take([incoming(waits, 1, source="/probe", offset=1)])
    lagging_database["seen"].insert_one({"_id": "awaited", "who": [], "version": 1})

    def take(key: str) -> None:
        event = probe_of(topic)(probe_id=key, n=1)
        _inbox(lagging_client, lagging_database, topic).take([incoming(event, 1, source="/probe", offset=2)])

    with ThreadPoolExecutor(2) as pool:
        with nodes.lagging():
            first = pool.submit(take, "a")
            assert wait_for(lambda: _locally(lagging_database) == 2)
            (held,) = desk.held.of_aggregate(f"{topic}/b")
            second = pool.submit(desk._try_again, held)
            time.sleep(1.0)
        first.result(60)
        assert second.result(60) == 1

    assert lagging_database["held_events"].count_documents({}) == 0
    assert lagging_database["seen"].find_one({"_id": SHARED})["who"] == ["a", "b"]  # type: ignore[index]
