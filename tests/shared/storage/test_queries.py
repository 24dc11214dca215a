"""The watch over queries (`tests/queries.py`) sees what it is there for, and nothing else."""

from collections.abc import Iterator

import pytest
from pymongo import ASCENDING, IndexModel

from deploy.local.engines import Engines
from shared.bus.held import COLLECTION, INDEXES, Held
from shared.storage.mongo import MongoDatabase, connect
from tests.queries import WATCH, Watch

ASKER = "shared/bus/held.py:Held.of_aggregate"


@pytest.fixture
def watch() -> Iterator[Watch]:
    """One that has not seen anything yet."""
    yield Watch()
    WATCH.take()


@pytest.fixture
def watched(breakable: Engines, database: MongoDatabase, watch: Watch) -> Iterator[MongoDatabase]:
    """A database whose queries it sees."""
    with connect(breakable.mongo_url, event_listeners=[watch]) as client:
        client[database.name].drop_collection(COLLECTION)  # with its indexes
        rows = [{"_id": n, "consumer": "c", "aggregate": "a", "order": n} for n in range(3)]
        client[database.name][COLLECTION].insert_many(rows)
        yield client[database.name]


def seen(watched: MongoDatabase, watch: Watch) -> list[tuple[str, str, str]]:
    """What is found when a few held events are read."""
    watch.take()
    Held(watched, "c").of_aggregate("b")
    return [(found.asked_by, found.collection, found.plan) for found in watch.take()]


def test_a_query_without_an_index_is_found_with_who_asks_and_told_once(watched: MongoDatabase, watch: Watch) -> None:
    assert seen(watched, watch) == [(ASKER, COLLECTION, "SORT < COLLSCAN")]
    assert seen(watched, watch) == []


def test_a_sort_in_memory_of_whatever_is_found_is_found(watched: MongoDatabase, watch: Watch) -> None:
    watched[COLLECTION].create_indexes([IndexModel([("aggregate", ASCENDING)])])

    assert seen(watched, watch) == [(ASKER, COLLECTION, "SORT < FETCH < IXSCAN")]


def test_what_an_index_finds_in_its_order_is_good_and_what_a_test_asks_is_its_own(
    watched: MongoDatabase, watch: Watch
) -> None:
    watched[COLLECTION].create_indexes(INDEXES)
    list(watched[COLLECTION].find({"order": 1}))

    assert seen(watched, watch) == []
    assert len(watch.explained) == 1
