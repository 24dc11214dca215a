"""Gone, slow and locked are three different things: what a write is told while MongoDB has trouble."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandListener, CommandStartedEvent

from deploy.local.engines import Engines
from deploy.local.processes import wait_until
from shared.errors import OutcomeUnknown, Unavailable
from shared.storage.group import GroupCommit
from shared.storage.mongo import (
    SELECT_SECONDS,
    TRANSACTION,
    Mongo,
    MongoDatabase,
    connect,
    is_outage,
    translate,
    within,
)
from shared.storage.transaction import in_transaction
from shared.storage.work import UnitOfWork
from shared.storage.writes import Answer, IdempotencyKey, Write

OK = Answer(200, b"{}")


def _key() -> IdempotencyKey:
    return IdempotencyKey(uuid.uuid4().hex, "f")


def _put(**fields: Any) -> Callable[[UnitOfWork], Answer]:
    def act(work: UnitOfWork) -> Answer:
        work.save("things", {"_id": uuid.uuid4().hex, **fields})
        return OK

    return act


def _change(thing: str) -> Callable[[UnitOfWork], Answer]:
    def act(work: UnitOfWork) -> Answer:
        work.save("things", {**work.get("things", thing), "changed": True})
        return OK

    return act


@contextmanager
def _frozen(engines: Engines) -> Iterator[None]:
    engines.freeze("mongo")
    try:
        yield
    finally:
        engines.thaw("mongo")


@contextmanager
def _killed(engines: Engines) -> Iterator[None]:
    engines.kill("mongo")
    try:
        yield
    finally:
        engines.restart("mongo")


@contextmanager
def _default_lifetime(client: Mongo) -> Iterator[None]:
    """MongoDB gives transactions up after a minute, as it does unless told otherwise."""
    before = client.admin.command("getParameter", 1, transactionLifetimeLimitSeconds=1)
    client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=60)
    yield
    client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=before["transactionLifetimeLimitSeconds"])


@contextmanager
def _group(url: str, name: str, **options: Any) -> Iterator[GroupCommit]:
    with connect(url) as client:
        group = GroupCommit(client, client[name], "/probe", **options)
        group.run(Write(_put()))
        yield group
        group.close()


# -- slow


@pytest.mark.parametrize("seconds", [1.5, pytest.param(5.0, marks=pytest.mark.slow)])
def test_a_stall_under_load_refuses_nobody(breakable: Engines, database: MongoDatabase, seconds: float) -> None:
    over = threading.Event()
    refused: list[Exception] = []
    done: list[tuple[float, float]] = []

    def keep_asking(group: GroupCommit) -> None:
        while not over.is_set():
            asked = time.monotonic()
            try:
                group.run(Write(_put(), _key()))
                done.append((asked, time.monotonic()))
            except Exception as error:  # noqa: BLE001 (each refusal is looked at)
                refused.append(error)

    with _group(breakable.mongo_url, database.name) as group, ThreadPoolExecutor(32) as pool:
        clients = [pool.submit(keep_asking, group) for _ in range(32)]
        assert wait_until(lambda: len(done) > 100, 30, every=0.01)
        with _frozen(breakable):
            time.sleep(seconds)  # how long it lasts is what is tried
        thawed = time.monotonic()
        back = wait_until(lambda: any(asked > thawed for asked, _ in list(done)), 10, every=0.01)
        over.set()
        for client in clients:
            client.result(60)

    assert refused == []
    assert back  # writes are back within a second; ten times as long is allowed here
    assert database["things"].count_documents({}) == len(done) + 1


# -- gone


def test_mongodb_gone_is_said_within_one_budget_and_recovery_comes_by_itself(
    breakable: Engines, database: MongoDatabase
) -> None:
    with _group(breakable.mongo_url, database.name) as group:
        with _killed(breakable), ThreadPoolExecutor(50) as pool, _jitter() as late:
            refusals = list(pool.map(lambda _: _refusal(group), range(50)))
        group.run(Write(_put(after="recovery"), _key()))

    assert all(_said(error) == "UNAVAILABLE" for error, _ in refusals)
    # Nobody waits for longer than one look for a server. How long in seconds: `make bench ARGS=outage`.
    assert max(seconds for _, seconds in refusals) < 2 * SELECT_SECONDS + 10 * max(late)
    assert database["things"].count_documents({"after": "recovery"}) == 1


def test_who_waits_behind_a_group_that_hangs_is_told_as_soon_as_mongodb_is_gone(
    breakable: Engines, database: MongoDatabase
) -> None:
    begun, go = threading.Event(), threading.Event()

    def hang(_work: UnitOfWork) -> Answer:
        begun.set()
        go.wait(60)
        return OK

    with _group(breakable.mongo_url, database.name) as group, ThreadPoolExecutor(2) as pool:
        first = pool.submit(group.run, Write(hang))
        assert begun.wait(10)
        with _killed(breakable):
            with pytest.raises(PyMongoError):
                group._client.admin.command("ping")  # now the driver knows
            error, seconds = _refusal(group)
        assert not first.done()
        go.set()
        assert first.result(60) == OK

    assert _said(error) == "UNAVAILABLE"
    assert seconds < 10 * SELECT_SECONDS


def _refusal(group: GroupCommit) -> tuple[Exception, float]:
    started = time.monotonic()
    with pytest.raises((PyMongoError, Unavailable)) as refused:
        group.run(Write(_put(), _key()))
    return refused.value, time.monotonic() - started


def _said(error: Exception) -> str:
    known = error if isinstance(error, Unavailable) else translate(error)
    return known.error_code if known else ""


@contextmanager
def _jitter() -> Iterator[list[float]]:
    """How late this busy machine wakes a thread up."""
    late, over = [0.0], threading.Event()

    def sleep() -> None:
        while not over.is_set():
            before = time.monotonic()
            time.sleep(0.01)
            late.append(time.monotonic() - before - 0.01)

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    yield late
    over.set()
    sleeper.join()


# -- a commit that nobody answers


class AtCommit(CommandListener):
    """Does something to the server just before a commit is sent."""

    def __init__(self) -> None:
        self.then: Callable[[], None] | None = None

    def started(self, event: CommandStartedEvent) -> None:
        then = self.then
        if then and event.command_name == "commitTransaction":
            self.then = None
            then()

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


@contextmanager
def _listening(url: str, name: str, seconds: float) -> Iterator[tuple[GroupCommit, AtCommit]]:
    at_commit = AtCommit()
    with connect(url, event_listeners=[at_commit]) as client:
        group = GroupCommit(client, client[name], "/probe", seconds=seconds)
        group.run(Write(_put()))
        yield group, at_commit
        group.close()


@pytest.mark.parametrize("with_key", [True, False])
def test_a_commit_that_nobody_answered_is_said_to_be_unknown_and_its_key_takes_effect_once(
    breakable: Engines, database: MongoDatabase, with_key: bool
) -> None:
    key = _key() if with_key else None
    with _listening(breakable.mongo_url, database.name, seconds=2.0) as (group, at_commit):
        at_commit.then = lambda: breakable.freeze("mongo")
        try:
            with pytest.raises(OutcomeUnknown) as unknown:
                group.run(Write(_put(mark=1), key))
        finally:
            breakable.thaw("mongo")
        assert "nothing was changed" not in unknown.value.detail
        if key:
            group.run(Write(_put(mark=1), key))
            assert database["things"].count_documents({"mark": 1}) == 1


def test_mongodb_killed_at_the_commit_is_no_proof_that_nothing_was_changed(
    breakable: Engines, database: MongoDatabase
) -> None:
    with _listening(breakable.mongo_url, database.name, seconds=3.0) as (group, at_commit):
        at_commit.then = lambda: breakable.kill("mongo")
        try:
            with pytest.raises(OutcomeUnknown):
                group.run(Write(_put(mark=1), _key()))
        finally:
            breakable.restart("mongo")


def test_a_commit_that_is_answered_late_is_found_out_within_the_deadline(
    breakable: Engines, database: MongoDatabase
) -> None:
    with _listening(breakable.mongo_url, database.name, seconds=60.0) as (group, at_commit):
        thaw = threading.Timer(1.5, lambda: breakable.thaw("mongo"))

        def freeze() -> None:
            breakable.freeze("mongo")
            thaw.start()

        at_commit.then = freeze
        assert group.run(Write(_put(mark=1), _key())) == OK
        thaw.join()
    assert database["things"].count_documents({"mark": 1}) == 1


# -- locks


def test_a_transaction_that_ran_out_of_time_locks_nothing_when_the_server_is_back(
    breakable: Engines, client: Mongo, database: MongoDatabase
) -> None:
    things = database["things"]
    things.insert_one({"_id": "a"})

    def stall(session: ClientSession) -> None:
        things.update_one({"_id": "a"}, {"$set": {"by": "the slow"}}, session=session)
        breakable.freeze("mongo")
        things.update_one({"_id": "a"}, {"$set": {"by": "the slow"}}, session=session)

    with _default_lifetime(client):
        try:
            with pytest.raises(PyMongoError) as failed, within(0.5):
                in_transaction(client, stall)
        finally:
            breakable.thaw("mongo")
        assert is_outage(failed.value)
        begun = time.monotonic()
        things.update_one({"_id": "a"}, {"$set": {"by": "us"}})
        took = time.monotonic() - begun

    assert took < 10  # it is free at once; left alone, it is locked for a minute
    assert things.find_one({"_id": "a"}) == {"_id": "a", "by": "us"}


def test_a_document_that_another_locks_delays_only_those_who_change_it(
    breakable: Engines, client: Mongo, database: MongoDatabase
) -> None:
    with _group(breakable.mongo_url, database.name) as group, ThreadPoolExecutor(16) as pool:
        for number in range(16):
            database["things"].insert_one({"_id": f"t{number}", "version": 1, "sequence": 0})
        with _foreign_lock(breakable, database, "t0") as release:
            writes = [pool.submit(group.run, Write(_change(f"t{number}"), _key())) for number in range(16)]
            assert all(write.result(10) == OK for write in writes[1:])
            assert not writes[0].done()
            release()
            assert writes[0].result(30) == OK


@contextmanager
def _foreign_lock(breakable: Engines, database: MongoDatabase, thing: str) -> Iterator[Callable[[], None]]:
    """Somebody who is not one of us has changed it, and does not commit."""
    with MongoClient[dict[str, Any]](breakable.mongo_url) as foreign, foreign.start_session() as session:
        session.start_transaction(**TRANSACTION)
        foreign[database.name]["things"].update_one({"_id": thing}, {"$set": {"by": "foreign"}}, session=session)
        yield session.abort_transaction


def test_what_a_dead_process_left_in_a_transaction_fails_no_request(
    breakable: Engines, client: Mongo, database: MongoDatabase
) -> None:
    database["things"].insert_one({"_id": "a", "version": 1, "sequence": 0})
    with (
        _default_lifetime(client),
        _group(breakable.mongo_url, database.name, seconds=30.0) as group,
        connect(breakable.mongo_url) as dead,
    ):
        left = dead.start_session()
        left.start_transaction(**TRANSACTION)
        dead[database.name]["things"].update_one({"_id": "a"}, {"$set": {"by": "the dead"}}, session=left)
        assert group.run(Write(_change("a"), _key())) == OK


def test_a_round_of_questions_more_than_any_act_had_before_is_answered(client: Mongo, database: MongoDatabase) -> None:
    def act(work: UnitOfWork) -> Answer:
        for number in range(20):
            work.ask(number)
        return OK

    group = GroupCommit(client, database, "/probe", resolvers={int: lambda _work, asked: dict.fromkeys(asked, "known")})
    assert group.run(Write(act)) == OK
    group.close()
