"""What everybody who runs writes promises (see `Writes`): one suite for each implementation."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.errors import InFlight, Invalid, KeyReused
from shared.storage.group import GroupCommit
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.work import UnitOfWork
from shared.storage.writes import REPLAYED, Answer, IdempotencyKey, Write, Writes
from tests.shared.http.tiny import Memory

OK = Answer(200, b"{}")
LONG = 30.0


@pytest.fixture(params=["group commit", "memory"])
def writes(request: pytest.FixtureRequest, client: Mongo, database: MongoDatabase) -> Iterator[Writes]:
    if request.param == "memory":
        yield Memory()
        return
    group = GroupCommit(client, database, "/probe")
    yield group
    group.close()


class Effect:
    """An act that counts how often it was run."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.count, self._before = 0, before

    def __call__(self, _work: UnitOfWork) -> Answer:
        self._before()
        self.count += 1
        return OK


def fail() -> None:
    raise Invalid("rule")


def key() -> IdempotencyKey:
    return IdempotencyKey(uuid.uuid4().hex, "this")


def test_each_request_without_a_key_is_done(writes: Writes) -> None:
    effect = Effect()

    assert [writes.run(Write(effect)) for _ in range(3)] == [OK] * 3
    assert effect.count == 3


def test_a_key_that_was_seen_gets_the_kept_answer_and_nothing_is_done(writes: Writes) -> None:
    effect, one = Effect(), key()
    first, again = writes.run(Write(effect, one)), writes.run(Write(effect, one))

    assert (first, again) == (OK, Answer(OK.status, OK.body, (REPLAYED,)))
    assert effect.count == 1


def test_a_key_of_another_request_is_refused(writes: Writes) -> None:
    one = key()
    writes.run(Write(Effect(), one))

    with pytest.raises(KeyReused):
        writes.run(Write(Effect(), IdempotencyKey(one.record_id, "that")))


@pytest.mark.parametrize(("fingerprint", "refusal"), [("this", InFlight), ("that", KeyReused)])
def test_a_key_that_is_being_worked_on_is_refused(writes: Writes, fingerprint: str, refusal: type[Exception]) -> None:
    begun, go_on, one = threading.Event(), threading.Event(), key()

    def hold() -> None:
        begun.set()
        assert go_on.wait(LONG)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(writes.run, Write(Effect(hold), one))
        assert begun.wait(LONG)
        try:
            with pytest.raises(refusal):
                writes.run(Write(Effect(), IdempotencyKey(one.record_id, fingerprint)))
        finally:
            go_on.set()
        assert first.result(LONG) == OK


def test_a_refused_request_gets_its_error_and_gives_its_key_back(writes: Writes) -> None:
    one = key()
    with pytest.raises(Invalid):
        writes.run(Write(Effect(fail), one))

    assert writes.run(Write(Effect(), one)) == OK
