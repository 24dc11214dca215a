"""enrol_http and enrol_hot, with the raw one-by-one rate of exactly these writes beside them."""

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pymongo import ReturnDocument

from shared.clock import new_id, utc_now
from shared.storage.mongo import TRANSACTION, MongoDatabase
from tests.benchmarks.load import Load, post_all
from tests.benchmarks.result import Result, result
from tests.benchmarks.world import World, _enrolment, _sent_row, applications, open_sessions, register_people

PATH = "/v1/enrolments"
CLIENTS, FEW = 64, 8
HOT_SEATS = 1_000


def enrol_http(world: World, count: int = 12_000, few: int = 6_000) -> list[Result]:
    """Single enrolments by HTTP over 200 sessions, through the gateway; and the latency with 8 clients."""
    database = world.enrolments
    sessions = open_sessions(database, 200, 1_000_000)
    raw = raw_one_by_one(database, sessions, 3_000, CLIENTS)
    raw_calm = raw_one_by_one(database, sessions, 2_000, FEW)
    _enrol(world, sessions, 1_000, CLIENTS)  # warm
    load = _enrol(world, sessions, count, CLIENTS)
    calm = _enrol(world, sessions, few, FEW)
    _must_be_good(load, calm)
    where = "200 sessions, through the gateway, Idempotency-Key on each"
    return [
        result("enrol_http", load.rate, "1/s", f"{count} by {CLIENTS} clients, {where}", raw=raw.rate, target=">= 400"),
        result("enrol_http_8_clients", calm.rate, "1/s", f"{few} by {FEW} clients, {where}", raw=raw_calm.rate),
        *(
            result(
                f"enrol_http_p{share}",
                calm.percentile(share / 100),
                "ms",
                f"{FEW} clients; raw: bare pymongo, {FEW} threads",
                raw=raw_calm.percentile(share / 100),
                target=target,
            )
            for share, target in ((50, ""), (95, "<= 20"), (99, "<= 50"))
        ),
    ]


def enrol_hot(world: World, count: int = 5_000) -> list[Result]:
    """Applicants for one session, 64 at a time: exactly as many confirmed as there are seats.

    The rate over 200 sessions is measured just before and just after, because the machine's speed drifts.
    """
    database = world.enrolments
    session, many = open_sessions(database, 1, HOT_SEATS), open_sessions(database, 200, 1_000_000)
    raw = raw_one_by_one(database, open_sessions(database, 1, 1_000_000), 2_000, CLIENTS).rate
    rate_now(world, many, 1_000)  # warm
    before = rate_now(world, many, count)
    load = _enrol(world, session, count, CLIENTS)
    spread = (before + rate_now(world, many, count)) / 2
    outcomes = Counter(json.loads(body)["status"] for body in load.bodies)
    tickets = sorted(
        row["ticket"] for row in database["enrolments"].find({"session_id": session[0], "ticket": {"$ne": None}})
    )
    if outcomes["confirmed"] != HOT_SEATS or tickets != list(range(1, count - HOT_SEATS + 1)):
        raise AssertionError(f"{outcomes} of {HOT_SEATS} seats; tickets without gaps: {len(tickets)}")
    conditions = f"{count} applicants, one session, {CLIENTS} at a time, through the gateway"
    return [
        result("enrol_hot", load.rate, "1/s", conditions, raw=raw),
        result(
            "enrol_hot_to_http",
            load.rate / spread,
            "",
            f"over the mean of {count} enrolments in 200 sessions just before and just after ({spread:.0f}/s)",
            target=">= 1",
        ),
        result(
            "enrol_hot_confirmed", outcomes["confirmed"], "seats", conditions, raw=HOT_SEATS, target="exactly 1,000"
        ),
    ]


def rate_now(world: World, sessions: list[str], count: int) -> float:
    """The rate of enrol_http at this moment."""
    load = _enrol(world, sessions, count, CLIENTS)
    _must_be_good(load)
    return load.rate


def raw_one_by_one(database: MongoDatabase, sessions: Sequence[str], count: int, threads: int) -> Load:
    """The same writes by bare pymongo, one at a time per thread: claim, then enrolment, events, idempotency record.

    No HTTP, no token, no rule, no read, no event sent.
    """
    client = database.client
    sessions = list(sessions)
    load = Load(0.0)

    def one(number: int) -> None:
        session_id, person, enrolment = sessions[number % len(sessions)], new_id(), new_id()
        now, begun = utc_now(), time.perf_counter()
        claims = {"claims": {"p": person, "e": enrolment, "t": None, "w": None, "at": now}}
        database["seats"].find_one_and_update(
            {"_id": session_id, "$expr": {"$lt": ["$taken", "$capacity"]}},
            {"$push": claims, "$inc": {"taken": 1, "version": 1}, "$set": {"updated_at": now}},
            projection={"claims": 1},
            return_document=ReturnDocument.AFTER,
        )
        document = _enrolment(enrolment, now) | {"session_id": session_id, "slot": f"{session_id}/{person}"}
        answer = {"_id": f"raw-{enrolment}", "fingerprint": "raw", "answer": {"body": b"x" * 900}, "at": now}
        rows = [_sent_row(f"{enrolment}-{n}", now) for n in (1, 2)]

        def body(session: object) -> None:
            database["enrolments"].insert_one(document, session=session)  # type: ignore[arg-type]
            database["outbox"].insert_many(rows, session=session)  # type: ignore[arg-type]
            database["idempotency"].insert_one(answer, session=session)  # type: ignore[arg-type]

        with client.start_session() as session:
            session.with_transaction(body, **TRANSACTION)
        settled = {"$pull": {"claims": {"e": enrolment}}}
        database["seats"].update_one({"_id": session_id}, settled)
        load.latencies.append(time.perf_counter() - begun)
        load.statuses["201"] += 1

    with ThreadPoolExecutor(threads, initializer=threading.current_thread) as pool:
        begun = time.perf_counter()
        list(pool.map(one, range(count)))
        load.seconds = time.perf_counter() - begun
    return load


def _enrol(world: World, sessions: list[str], count: int, clients: int) -> Load:
    people = register_people(world.enrolments, count)
    headers = {"Authorization": f"Bearer {world.token()}"}
    return post_all(world.facts["url"], PATH, applications(sessions, people), headers, clients)


def _must_be_good(*loads: Load) -> None:
    for load in loads:
        if set(load.statuses) != {"201"}:
            raise AssertionError(f"not every enrolment was taken: {dict(load.statuses)}")
