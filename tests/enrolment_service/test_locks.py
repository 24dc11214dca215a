"""A session that somebody holds locked delays its own applicants, and nobody else."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from shared.storage.mongo import APP_NAME, TRANSACTION
from tests.enrolment_service.conftest import Service


@contextmanager
def _locked(service: Service, mongo_url: str, session_id: str, name: str) -> Iterator[Callable[[], None]]:
    """A process with this name has changed the session's seats in a transaction, and does not commit."""
    admin = service.runtime.client.admin
    limit = "transactionLifetimeLimitSeconds"
    before = admin.command({"getParameter": 1, limit: 1})[limit]
    admin.command({"setParameter": 1, limit: 60})
    with MongoClient[dict[str, Any]](mongo_url, appname=name) as foreign, foreign.start_session() as session:
        session.start_transaction(**TRANSACTION)
        seats = foreign[service.runtime.database.name]["seats"]
        seats.update_one({"_id": session_id}, {"$set": {"touched": True}}, session=session)
        yield session.abort_transaction
    admin.command({"setParameter": 1, limit: before})


def test_a_locked_session_delays_its_own_applicants_only(service: Service, engines: Any) -> None:
    sessions = [service.session() for _ in range(16)]
    people = service.people(32)
    with ThreadPoolExecutor(32) as pool, _locked(service, engines.mongo, sessions[0], "somebody else") as release:
        answers = [pool.submit(service.apply, sessions[i % 16], person) for i, person in enumerate(people)]
        free = [answer for i, answer in enumerate(answers) if i % 16]
        assert {answer.result(12).status_code for answer in free} == {201}
        assert not answers[0].done()
        assert not answers[16].done()
        release()
        assert {answer.result(30).status_code for answer in answers} == {201}

    numbers = [service.runtime.database["seats"].find_one({"_id": session}) or {} for session in sessions]
    assert [row["taken"] for row in numbers] == [2] * 16


@pytest.mark.parametrize("others", [0, 31])
def test_what_a_dead_worker_left_locked_fails_no_application(service: Service, engines: Any, others: int) -> None:
    dead, free = service.session(), service.session(capacity=100)
    people = service.people(1 + others)
    with _locked(service, engines.mongo, dead, APP_NAME), ThreadPoolExecutor(32) as pool:
        where = [dead] + [free] * others
        answers = list(pool.map(lambda pair: service.apply(*pair), zip(where, people, strict=True)))
    assert {answer.status_code for answer in answers} == {201}
