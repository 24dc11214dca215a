"""Jobs are carried on by whoever is there: each item once, tenants in turn, whatever is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.local.engines import Engines
from shared.clock import new_id, utc_now
from shared.errors import IllegalTransition, NotFound
from shared.jobs.job import Job
from shared.jobs.store import INDEXES, JOBS, ROWS, Jobs, Turns
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.transaction import commit
from shared.storage.work import UnitOfWork
from tests.shared.jobs.numbers import Numbers, runner

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _indexes(database: MongoDatabase) -> None:
    for name, models in INDEXES.items():
        database[name].create_indexes(models)


@pytest.fixture
def act(client: Mongo, database: MongoDatabase) -> Callable[[Callable[[Jobs], Job]], Job]:
    def do(what: Callable[[Jobs], Job]) -> Job:
        work = UnitOfWork(database, utc_now, "/probe")
        result = what(Jobs(work))
        commit(client, work)
        return result

    return do


Act = Callable[[Callable[[Jobs], Job]], Job]


def a_job(act: Act, until: int = 50, cluster: str = "heilbronn", **more: Any) -> str:
    options = {"until": until, **more.pop("options", {})}
    facts = {"kind": "numbers", "cluster_id": cluster, "actor": "somebody", "options": options, **more}
    return act(lambda jobs: jobs.make(Job(id=new_id(), **facts))).id


def read(database: MongoDatabase, job_id: str) -> Job:
    return Jobs(UnitOfWork(database, utc_now, "/probe")).get(job_id)


def made(database: MongoDatabase, job_id: str) -> list[int]:
    return sorted(int(row["_id"].split("/")[1]) for row in database["numbers"].find({"_id": {"$regex": f"^{job_id}/"}}))


def run_all(client: Mongo, database: MongoDatabase) -> None:
    carrier = runner(client, database)
    while carrier.turn():
        pass


def test_a_job_is_done_with_an_outcome_for_each_item(client: Mongo, database: MongoDatabase, act: Act) -> None:
    job_id = a_job(act, 50, options={"refused": [7, 9]})
    run_all(client, database)

    job = read(database, job_id)
    assert (job.state, job.done, job.total, job.counts) == ("done", 50, 50, {"made": 48, "failed": 2})
    assert job.started_at is not None
    assert job.ended_at is not None
    assert made(database, job_id) == [n for n in range(1, 51) if n not in (7, 9)]
    failed = Jobs(UnitOfWork(database, utc_now, "/probe")).rows(job_id, outcome="failed", after=None, limit=10)
    assert [(row["row"], row["code"]) for row in failed] == [(7, "REFUSED"), (9, "REFUSED")]


def test_an_item_that_the_database_refuses_fails_alone(client: Mongo, database: MongoDatabase, act: Act) -> None:
    other = a_job(act, 1, options={"of": "shared"})
    run_all(client, database)
    job_id = a_job(act, 30, options={"of": "shared"})
    run_all(client, database)

    assert read(database, other).state == "done"
    assert read(database, job_id).counts == {"made": 29, "failed": 1}
    assert (database["count"].find_one({"_id": job_id}) or {})["n"] == 29


def test_a_dry_run_reports_the_same_and_changes_nothing(client: Mongo, database: MongoDatabase, act: Act) -> None:
    job_id = a_job(act, 50, options={"refused": [7]}, dry_run=True)
    run_all(client, database)

    assert read(database, job_id).counts == {"made": 49, "failed": 1}
    assert made(database, job_id) == []
    assert database["count"].count_documents({}) == 0


def test_a_job_that_cannot_begin_fails_with_the_reason_and_can_be_resumed(
    client: Mongo, database: MongoDatabase, act: Act
) -> None:
    job_id = a_job(act, kind="broken")
    run_all(client, database)

    assert read(database, job_id).problem == {"code": "TABLE_EMPTY", "detail": "The file has no rows."}
    assert act(lambda jobs: jobs.resume(job_id)).state == "waiting"


def test_a_cluster_with_one_short_job_does_not_wait_for_the_long_ones_of_another(
    client: Mongo, database: MongoDatabase, act: Act
) -> None:
    long_ones = [a_job(act, 100_000) for _ in range(3)]
    carrier = runner(client, database, Numbers(pause=0.05))
    carrier.turn()
    short = a_job(act, 10, cluster="aragon")

    carrier.turn()
    assert read(database, short).state == "done"
    carrier.turn()
    assert sum(read(database, job_id).done > 0 for job_id in long_ones) == 2


def test_a_cancelled_job_stops_before_its_next_chunk_and_goes_on_when_resumed(
    client: Mongo, database: MongoDatabase, act: Act
) -> None:
    job_id = a_job(act, 200)
    carrier = runner(client, database, Numbers(pause=0.3))
    carrier.turn()
    act(lambda jobs: jobs.cancel(job_id))
    run_all(client, database)

    cancelled = read(database, job_id)
    assert cancelled.state == "cancelled"
    assert 0 < cancelled.done < 200
    act(lambda jobs: jobs.resume(job_id))
    run_all(client, database)
    assert made(database, job_id) == list(range(1, 201))
    assert (database["count"].find_one({"_id": job_id}) or {})["n"] == 200


def test_what_is_over_cannot_be_cancelled_and_what_runs_cannot_be_resumed(
    client: Mongo, database: MongoDatabase, act: Act
) -> None:
    job_id = a_job(act, 1)
    with pytest.raises(IllegalTransition):
        act(lambda jobs: jobs.resume(job_id))
    run_all(client, database)
    with pytest.raises(IllegalTransition):
        act(lambda jobs: jobs.cancel(job_id))
    with pytest.raises(NotFound):
        act(lambda jobs: jobs.cancel("nobody"))


def test_a_worker_that_froze_and_lost_its_job_writes_nothing(client: Mongo, database: MongoDatabase, act: Act) -> None:
    job_id = a_job(act, 40)
    frozen = runner(client, database)

    class Overtaken(Numbers):
        def start(self, job: Job) -> Any:
            task = super().start(job)
            apply = task.apply

            def overtaken(work: UnitOfWork, items: Any) -> Any:
                database[JOBS].update_one({"_id": job_id}, {"$set": {"lease_until": LONG_AGO}})
                run_all(client, database)
                return apply(work, items)

            task.apply = overtaken  # type: ignore[method-assign]
            return task

    frozen = runner(client, database, Overtaken())
    frozen.turn()

    assert read(database, job_id).counts == {"made": 40}
    assert (database["count"].find_one({"_id": job_id}) or {})["n"] == 40
    assert database[ROWS].count_documents({"job": job_id}) == 40


def test_only_one_worker_has_a_job_at_a_time(database: MongoDatabase, act: Act) -> None:
    a_job(act)

    assert Turns(database, "one").take(["numbers"]) is not None
    assert Turns(database, "two").take(["numbers"]) is None


@contextmanager
def process(engines: Engines, database: MongoDatabase, *, pause: float, die: float = 0.0) -> Iterator[Any]:
    command = [
        sys.executable,
        "-m",
        "tests.shared.jobs.numbers",
        engines.mongo_url,
        database.name,
        str(pause),
        str(die),
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        child.stdout.readline()
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def expire_lease(database: MongoDatabase) -> None:
    """As if its time were over: a test does not wait for that."""
    database[JOBS].update_many({}, {"$set": {"lease_until": LONG_AGO}})


def test_workers_that_are_killed_anywhere_repeat_nothing_and_leave_nothing_out(
    breakable: Engines, database: MongoDatabase, act: Act
) -> None:
    job_id = a_job(act, 400)
    deaths = 0
    while read(database, job_id).state != "done":
        with process(breakable, database, pause=0.0, die=0.15) as child:
            until(lambda: child.poll() is not None or read(database, job_id).state == "done")
            deaths += child.poll() is not None
        expire_lease(database)

    assert deaths > 0
    assert made(database, job_id) == list(range(1, 401))
    assert (database["count"].find_one({"_id": job_id}) or {})["n"] == 400
    assert read(database, job_id).counts == {"made": 400}
    assert database[ROWS].count_documents({"job": job_id}) == 400


def test_a_job_that_kills_its_worker_each_time_is_given_up_and_the_others_go_on(
    breakable: Engines, database: MongoDatabase, act: Act
) -> None:
    deadly = a_job(act, 10, options={"deadly": True})
    harmless = a_job(act, 10, cluster="aragon")
    while read(database, deadly).state not in {"failed", "done"} or read(database, harmless).state != "done":
        with process(breakable, database, pause=0.0) as child:
            until(lambda: child.poll() is not None or read(database, deadly).state == "failed")
            if child.poll() is None:
                until(lambda: read(database, harmless).state == "done")
        expire_lease(database)

    assert (read(database, deadly).problem or {})["code"] == "JOB_GIVEN_UP"
    assert read(database, harmless).state == "done"
