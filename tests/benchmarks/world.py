"""The world a benchmark runs in: a whole stack of its own, sessions and people put in place in bulk."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pymongo import MongoClient

from clusterskills.demo.cast import Cast
from deploy.identity import ids
from deploy.local import stack
from shared.bus.kafka import KafkaSettings
from shared.clock import new_id, utc_now
from shared.storage.mongo import MongoDatabase, connect

CLUSTER = ids.cluster_id("wfr-heilbronn")
CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class World:
    """A running stack with what a benchmark needs of it."""

    facts: dict[str, Any]
    cast: Cast
    mongo: "MongoClient[dict[str, Any]]"

    @property
    def enrolments(self) -> MongoDatabase:
        """The enrolment service's database."""
        return self.mongo["clusterskills_enrolment"]

    @property
    def kafka(self) -> KafkaSettings:
        """Where the events go."""
        return KafkaSettings(kafka_bootstrap=self.facts["kafka"])

    def token(self) -> str:
        """A fresh access token of the cluster's partner portal."""
        return self.cast.token("partner-wfr-heilbronn")

    def own_processes(self) -> dict[str, int]:
        """Process ids of our services by part; the engines are not ours."""
        engines = {"mongo", "kafka", "keycloak", "gateway"}
        return {name: row["pid"] for name, row in self.facts["processes"].items() if name not in engines}


@contextmanager
def world(folder: Path | None = None, *, nodes: int = 1) -> Iterator[World]:
    """The whole stack, everything on this machine; with a folder that of a running stack."""
    if folder is not None:
        yield from _over(json.loads((folder / "stack.json").read_text()))
        return
    with TemporaryDirectory(prefix="clusterskills-bench-") as made:
        data = Path(made)
        stack.start_in_background(stack.Request(data, nodes=nodes), print)
        try:
            yield from _over(json.loads((data / "stack.json").read_text()))
        finally:
            stack.stop(data)


def _over(facts: dict[str, Any]) -> Iterator[World]:
    cast, client = Cast(facts), connect(facts["mongo"])
    try:
        yield World(facts, cast, client)
    finally:
        cast.close()
        client.close()


def open_sessions(database: MongoDatabase, count: int, capacity: int) -> list[str]:
    """Sessions that need no approval, as their events would have made them."""
    made = [new_id() for _ in range(count)]
    terms = {
        "course_id": "benchmark",
        "course_version": 1,
        "cluster_id": CLUSTER,
        "status": "open",
        "application_deadline": utc_now() + timedelta(days=30),
        "starts_at": None,
        "ends_at": None,
        "timezone": "UTC",
        "capacity": capacity,
        "waitlist_limit": 1_000_000,
        "approval_needed": False,
        "eligible_clusters": [],
        "minimum_attendance": 0,
    }
    seats = {
        "cluster_id": CLUSTER,
        "capacity": capacity,
        "waitlist_limit": 1_000_000,
        "open": True,
        "offered": 0,
        "waiting": 0,
        "taken": 0,
        "next_ticket": 1,
        "claims": [],
        "announced": "open",
    }
    database["sessions"].insert_many([{"_id": i, **terms, **_meta()} for i in made])
    database["seats"].insert_many([{"_id": i, **seats, **_meta()} for i in made])
    return made


def register_people(database: MongoDatabase, count: int) -> list[str]:
    """Workers of the cluster, as their events would have made them."""
    made = [new_id() for _ in range(count)]
    facts: dict[str, Any] = {"cluster_id": CLUSTER, "employments": {}, "consents": {}, "certified": {}}
    for start in range(0, count, CHUNK):
        database["people"].insert_many([{"_id": i, **facts, **_meta()} for i in made[start : start + CHUNK]])
    return made


def applications(sessions: list[str], people: list[str]) -> list[bytes]:
    """One application of each person to a session drawn by lot (the same every time)."""
    lot = random.Random(7)
    return [
        json.dumps({"session_id": lot.choice(sessions), "worker": {"person_id": person}}).encode() for person in people
    ]


def preload_enrolments(database: MongoDatabase, count: int) -> None:
    """Stored enrolments of earlier times, with their sent outbox rows and inbox rows, in bulk."""
    now = utc_now()
    for start in range(0, count, CHUNK):
        some = [new_id() for _ in range(min(CHUNK, count - start))]
        database["enrolments"].insert_many([_enrolment(i, now) for i in some], ordered=False)
        database["outbox"].insert_many([_sent_row(i, now) for i in some], ordered=False)
        database["inbox"].insert_many([{"_id": f"copies.g1/person/{i}/1"} for i in some], ordered=False)


def _enrolment(enrolment_id: str, now: Any) -> dict[str, Any]:
    person, session = new_id(), new_id()
    return {
        "_id": enrolment_id,
        "session_id": session,
        "course_id": "benchmark",
        "course_version": 1,
        "person_id": person,
        "cluster_id": CLUSTER,
        "host_cluster_id": CLUSTER,
        "employer_id": None,
        "status": "confirmed",
        "history": [{"status": s, "at": now, "by": "benchmark"} for s in ("applied", "confirmed")],
        "reasons": [],
        "approver": None,
        "ticket": None,
        "offer_expires_at": None,
        "cancel_reason": None,
        "attendance": None,
        "score": None,
        "completed_at": None,
        "slot": f"{session}/{person}",
        **_meta(),
    }


def _sent_row(enrolment_id: str, now: Any) -> dict[str, Any]:
    return {
        "_id": f"enrolment/{enrolment_id}/1",
        "topic": "enrolment",
        "key": enrolment_id,
        "sequence": 1,
        "type": "enrolment.confirmed.v1",
        "source": "/enrolment",
        "time": now,
        "data": b"{}" * 150,
        "traceparent": "",
        "sent": True,
    }


def _meta() -> dict[str, Any]:
    now = utc_now()
    return {"version": 1, "sequence": 1, "created_at": now, "updated_at": now}
