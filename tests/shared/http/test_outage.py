"""What a reader is told while MongoDB does not answer."""

from __future__ import annotations

import time
import uuid

from deploy.local.engines import Engines
from deploy.local.processes import wait_until
from shared.auth.verify import AuthSettings, TokenVerifier
from shared.health import Check
from shared.http.app import make_app
from shared.http.door import PUBLIC, Call, Door, Reply
from shared.http.settings import HttpSettings
from shared.settings import load
from shared.storage.mongo import REQUEST_SECONDS, connect, translate


def test_a_read_of_a_frozen_mongodb_is_answered_within_one_budget_and_heals(
    breakable: Engines, environment: dict[str, str]
) -> None:
    door = Door("tiny")
    with connect(breakable.mongo_url) as mongo:
        database = mongo[f"outage_{uuid.uuid4().hex[:8]}"]

        @door.get("/v1/count", scope=PUBLIC)
        def count(_call: Call) -> Reply:
            """How many there are, asked in as many commands as a page may need."""
            return Reply({"count": sum(database["things"].count_documents({}) for _ in range(3))})

        app = make_app(
            door,
            service="tiny",
            verifier=TokenVerifier.of(load(AuthSettings, environment)),
            writes=None,
            settings=load(HttpSettings, environment),
            ready=lambda: [Check("database", ok=True)],
            translate=translate,
        )
        client = app.test_client()
        assert client.get("/v1/count").status_code == 200

        breakable.freeze("mongo")
        try:
            begun = time.monotonic()
            refused = client.get("/v1/count")
            took = time.monotonic() - begun
        finally:
            breakable.thaw("mongo")

        assert (refused.status_code, (refused.json or {}).get("code")) == (503, "UNAVAILABLE")
        assert refused.headers["Retry-After"]
        assert took < 2 * REQUEST_SECONDS + 1  # one budget, not three; the rest is for a busy machine
        assert wait_until(lambda: client.get("/v1/count").status_code == 200, 15)
