"""Idempotency keys: one effect, one answer, in one process and in several."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.errors import Conflict, KeyReused
from shared.storage.group import GroupCommit
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.work import UnitOfWork
from shared.storage.writes import REPLAYED, Answer, IdempotencyKey, Write
from tests.shared.storage.writing import OK, new_key, put, together


def test_a_key_in_flight_is_refused_once_and_in_the_same_group(group: GroupCommit, database: MongoDatabase) -> None:
    write = Write(put(), new_key())
    outcomes = together(group, [write, write])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Answer", "InFlight"]
    assert database["things"].count_documents({}) == 1


def test_the_same_key_in_two_processes_takes_effect_once(
    client: Mongo, database: MongoDatabase, group: GroupCommit
) -> None:
    """A process froze before its commit; the client tries again at another one; then the first wakes up."""
    other = GroupCommit(client, database, "/probe", duplicates={"one_place": lambda: Conflict("Taken.", code="TAKEN")})
    key, frozen, wake = new_key(), threading.Event(), threading.Event()

    def slow(work: UnitOfWork) -> Answer:
        work.save("things", {"_id": uuid.uuid4().hex, "by": "first", "place": "here"})
        frozen.set()
        wake.wait(10)
        return OK

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(group.run, Write(slow, key))
        assert frozen.wait(5)
        assert other.run(Write(put(by="second", place="here"), key)) == OK
        wake.set()
        late = first.result(10)
    other.close()

    assert late == Answer(OK.status, OK.body, (*OK.headers, REPLAYED))
    assert [row["by"] for row in database["things"].find()] == ["second"]


def test_a_key_whose_other_request_was_faster_elsewhere_is_refused(
    client: Mongo, database: MongoDatabase, group: GroupCommit
) -> None:
    other, key = GroupCommit(client, database, "/probe"), new_key("this")
    begun, go = threading.Event(), threading.Event()

    def slow(work: UnitOfWork) -> Answer:
        work.save("things", {"_id": uuid.uuid4().hex, "place": "here"})
        begun.set()
        go.wait(10)
        return OK

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(group.run, Write(slow, key))
        assert begun.wait(5)
        other.run(Write(put(place="here"), IdempotencyKey(key.record_id, "that")))
        go.set()
        with pytest.raises(KeyReused):
            first.result(10)
    other.close()
