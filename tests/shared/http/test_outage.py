"""What a reader is told while MongoDB does not answer."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.engines import Engines
from deploy.local.processes import wait_until
from shared.auth.verify import AuthSettings, TokenVerifier
from shared.health import Check
from shared.http.app import make_app
from shared.http.door import PUBLIC, Call, Door, Reply
from shared.http.settings import HttpSettings
from shared.settings import load
from shared.storage.mongo import connect, is_gone, translate


@pytest.fixture
def reader(breakable: Engines, environment: dict[str, str]) -> Iterator[Any]:
    """A client of an application whose one route counts, in as many commands as a page may need."""
    door = Door("tiny")
    with connect(breakable.mongo_url) as mongo:
        database = mongo[f"outage_{uuid.uuid4().hex[:8]}"]

        @door.get("/v1/count", scope=PUBLIC)
        def count(_call: Call) -> Reply:
            """How many there are."""
            return Reply({"count": sum(database["things"].count_documents({}) for _ in range(3))})

        app = make_app(
            door,
            service="tiny",
            verifier=TokenVerifier.of(load(AuthSettings, environment)),
            writes=None,
            settings=load(HttpSettings, environment),
            ready=lambda: [Check("database", ok=True)],
            translate=translate,
            gone=lambda: is_gone(mongo),
        )
        client = app.test_client()
        assert client.get("/v1/count").status_code == 200
        yield client


def test_a_read_waits_for_a_mongodb_that_stands_still_for_a_moment(breakable: Engines, reader: Any) -> None:
    breakable.freeze("mongo")
    thaw = threading.Timer(2.5, lambda: breakable.thaw("mongo"))  # longer than one look for a server
    thaw.start()
    assert reader.get("/v1/count").status_code == 200
    thaw.join()


def test_a_read_is_told_within_one_look_that_mongodb_is_gone_and_heals(breakable: Engines, reader: Any) -> None:
    breakable.kill("mongo")
    try:
        begun = time.monotonic()
        refused = reader.get("/v1/count")
        took = time.monotonic() - begun
    finally:
        breakable.restart("mongo")

    assert (refused.status_code, (refused.json or {}).get("code")) == (503, "UNAVAILABLE")
    assert refused.headers["Retry-After"]
    assert took < 10  # two seconds are promised; the deadline of what is only slow is 15
    assert wait_until(lambda: reader.get("/v1/count").status_code == 200, 15)
