"""A service of a few routes, for the tests of the door: things with a title, kept in memory."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, fields, validate
from pymongo.errors import ServerSelectionTimeoutError

from shared import logs, metrics, tracing
from shared.auth.verify import AuthSettings, TokenVerifier
from shared.errors import Conflict, InFlight, KeyReused, NotFound, NotYetKnown, PreconditionRequired, Stale
from shared.health import Check, Ready
from shared.http.app import ServiceApp, make_app
from shared.http.door import PUBLIC, Call, Door, Reply
from shared.http.limits import JsonLimits
from shared.http.settings import HttpSettings
from shared.settings import load
from shared.storage.mongo import translate
from shared.storage.writes import REPLAYED, Answer, IdempotencyKey, Write

THING = {"title": "Battery safety", "seats": 12, "outcomes": [{"title": "Handles high voltage"}]}


def codes(answer: Any) -> dict[str, str]:
    """The code of each field that was refused."""
    return {violation["field"]: violation["code"] for violation in answer.json["violations"]}


class OutcomeBody(Schema):
    """What somebody can do afterwards."""

    title = fields.String(required=True, validate=validate.Length(1, 80))
    level = fields.Integer(load_default=1, validate=validate.Range(1, 8))


class ThingBody(Schema):
    """A new thing."""

    title = fields.String(required=True, validate=validate.Length(1, 80))
    kind = fields.String(load_default="plain", validate=validate.OneOf(["plain", "odd"]))
    seats = fields.Integer(validate=validate.Range(0, 10_000))
    price = fields.Float(validate=validate.Range(0, 1_000_000), allow_none=True)
    active = fields.Boolean()
    code = fields.String(validate=validate.Regexp(r"^[A-Z]{2}[0-9]{3}$"))
    starts_at = fields.AwareDateTime()
    labels = fields.Dict(keys=fields.String(), values=fields.Integer())
    outcomes = fields.List(fields.Nested(OutcomeBody), validate=validate.Length(max=20))


class ThingView(Schema):
    """A thing as it is."""

    id = fields.String(required=True)
    version = fields.Integer(required=True)
    title = fields.String(required=True)
    kind = fields.String()
    seats = fields.Integer()
    acting = fields.String(allow_none=True)


class ThingQuery(Schema):
    """How to look for things."""

    kind = fields.String(validate=validate.OneOf(["plain", "odd"]))
    skill = fields.List(fields.String(validate=validate.Length(1, 40)))
    free = fields.Boolean()
    since = fields.AwareDateTime()


class Note(Schema):
    """Why."""

    note = fields.String(validate=validate.Length(max=100))


class FormFields(Schema):
    """What stands beside the file."""

    dry_run = fields.Boolean(load_default=False)


@dataclass
class Memory:
    """Keeps things and answers, one write at a time: the contract of Writes without a database."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, tuple[str, Answer | None]] = field(default_factory=dict)
    unknown_until: dict[str, float] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    keys: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        self.things.clear()
        self.answers.clear()
        self.unknown_until.clear()

    def run(self, write: Write) -> Answer:
        if write.key is None:
            with self.lock:
                return write.act(self)  # type: ignore[arg-type]
        kept = self._claim(write.key)
        if kept:
            return Answer(kept.status, kept.body, (*kept.headers, REPLAYED))
        try:
            with self.lock:
                answer = write.act(self)  # type: ignore[arg-type]
        except BaseException:
            del self.answers[write.key.record_id]
            raise
        self.answers[write.key.record_id] = (write.key.fingerprint, answer)
        return answer

    def _claim(self, key: IdempotencyKey) -> Answer | None:
        with self.keys:
            if key.record_id not in self.answers:
                self.answers[key.record_id] = (key.fingerprint, None)
                return None
        fingerprint, answer = self.answers[key.record_id]
        if fingerprint != key.fingerprint:
            raise KeyReused("This Idempotency-Key was used for another request.")
        if answer is None:
            raise InFlight("A request with this Idempotency-Key is being worked on.")
        return answer

    def get(self, thing_id: str) -> dict[str, Any]:
        if thing_id not in self.things:
            raise NotFound(f"No thing {thing_id}.")
        return self.things[thing_id]


def make_door(memory: Memory) -> Door:  # noqa: C901 (nine routes)
    """The routes."""
    door = Door("tiny")

    @door.post("/v1/things", scope="catalog:write", body=ThingBody, returns=ThingView)
    def create_thing(call: Call) -> Reply:
        """Make a thing."""
        thing_id = f"t{len(memory.things) + 1}"
        thing = {"id": thing_id, "version": 1, "acting": call.who.acting_organisation, **call.body}
        memory.things[thing_id] = thing
        return Reply(thing, version=1, location=f"/v1/things/{thing_id}")

    @door.get("/v1/things", scope=PUBLIC, query=ThingQuery, returns=ThingView, paged=True)
    def list_things(call: Call) -> Reply:
        """Things in the order in which they were made."""
        matching = [t for t in memory.things.values() if call.query.get("kind", t["kind"]) == t["kind"]]
        start = call.after or 0
        page = matching[start : start + call.limit]
        more = start + call.limit < len(matching)
        return Reply(call.page(page, after=start + call.limit if more else None))

    @door.get("/v1/things/<thing_id>", scope=PUBLIC, returns=ThingView, produces=("application/json", "text/plain"))
    def read_thing(call: Call, thing_id: str) -> Reply:
        """One thing."""
        thing = memory.get(thing_id)
        if call.wants == "text/plain":
            return Reply(thing["title"].encode(), media_type="text/plain; charset=utf-8")
        return Reply(thing, version=thing["version"])

    @door.patch("/v1/things/<thing_id>", scope=("catalog:write", "operations"), body=Note, returns=ThingView)
    def change_thing(call: Call, thing_id: str) -> Reply:
        """Change a thing."""
        thing = memory.get(thing_id)
        if thing["version"] != call.if_match:
            raise Stale("It has changed meanwhile.")
        thing["version"] += 1
        return Reply(thing, version=thing["version"])

    @door.post("/v1/things/names", scope="catalog:write", plain=True, status=200)
    def read_names(_call: Call) -> Reply:
        """Names of things; a path that the pattern of one thing matches, too."""
        return Reply({"names": []})

    @door.put(
        "/v1/things/by-external-id/<thing_id>",
        scope="catalog:write",
        body=ThingBody,
        returns=ThingView,
        if_match="honoured",
    )
    def put_thing(call: Call, thing_id: str) -> Reply:
        """Make or update a thing by the provider's id."""
        known = memory.things.get(thing_id)
        if known and call.if_match is None:
            raise PreconditionRequired("Send If-Match.")
        if (known or {"version": None})["version"] != call.if_match:
            raise Stale("It has changed meanwhile.")
        thing = {"id": thing_id, "version": (call.if_match or 0) + 1, **call.body}
        memory.things[thing_id] = thing
        return Reply(thing, version=thing["version"])

    @door.post(
        "/v1/things/<thing_id>/open",
        scope="catalog:write",
        body=Note,
        returns=ThingView,
        status=200,
        if_match="honoured",
    )
    def open_thing(call: Call, thing_id: str) -> Reply:
        """Open a thing."""
        thing = memory.get(thing_id)
        if thing.get("open"):
            raise Conflict("It is open already.")
        thing["open"] = True
        return Reply(thing, version=thing["version"])

    @door.post(
        "/v1/verifications", scope=PUBLIC, plain=True, accepts=("application/json", "application/pdf"), body=Note
    )
    def verify(call: Call) -> Reply:
        """Look at something and forget it."""
        return Reply({"bytes": len(call.raw), "kind": call.media_type})

    @door.post(
        "/v1/thing-imports", scope="catalog:write", accepts=("multipart/form-data",), body=FormFields, status=202
    )
    def import_things(call: Call) -> Reply:
        """Take a file of things."""
        files = {name: [upload.filename, len(upload.content)] for name, upload in call.files.items()}
        return Reply({"dry_run": call.body["dry_run"], "files": files})

    @door.put("/v1/attendance", scope="teaching:write", body=Note(many=True), limits=JsonLimits(items=3))
    def put_attendance(call: Call) -> Reply:
        """A list as the body."""
        return Reply({"count": len(call.body)})

    return door


def make_trouble(memory: Memory) -> Door:
    """Routes on which something goes wrong inside."""
    door = Door("tiny")

    @door.get("/v1/trouble/bug", scope=PUBLIC)
    def bug(call: Call) -> Reply:
        """A fault of ours."""
        raise KeyError("secret detail")

    @door.get("/v1/trouble/database", scope=PUBLIC)
    def database(call: Call) -> Reply:
        """MongoDB is gone."""
        raise ServerSelectionTimeoutError("no primary at 10.0.0.1")

    @door.post("/v1/trouble/late/<thing_id>", scope="catalog:write")
    def late(call: Call, thing_id: str) -> Reply:
        """The event has not come; it comes 0.3 s after the first asking, unless the id is never."""
        known_at = memory.unknown_until.setdefault(thing_id, time.monotonic() + 0.3)
        if thing_id == "never" or time.monotonic() < known_at:
            raise NotYetKnown("session", thing_id)
        return Reply({"found": thing_id})

    @door.get("/v1/trouble/slow", scope=PUBLIC)
    def slow(call: Call) -> Reply:
        """Takes a while."""
        time.sleep(1.5)
        return Reply({"done": True})

    return door


def allowed_origin(cluster_id: str | None, origin: str) -> bool:
    """Cluster 1 lets one portal in."""
    return origin == "https://portal.example" and cluster_id in {None, "cluster-1"}


def build_app(
    environment: Mapping[str, str] | None = None,
    *,
    trouble: bool = True,
    memory: Memory | None = None,
    ready: Ready = lambda: [Check("memory", ok=True)],
) -> ServiceApp:
    """The application, with nothing done to the process around it."""
    memory = memory or Memory()
    doors = [make_door(memory), make_trouble(memory)] if trouble else [make_door(memory)]
    return make_app(
        doors,
        service="tiny",
        verifier=TokenVerifier.of(load(AuthSettings, environment)),
        writes=memory,
        settings=load(HttpSettings, environment),
        ready=ready,
        origins=allowed_origin,
        translate=translate,
    )


def create_app() -> ServiceApp:
    """What `gunicorn` calls."""
    logs.configure("tiny", load(HttpSettings).log_level)
    tracing.configure("tiny")
    if port := os.environ.get("CLUSTERSKILLS_METRICS_PORT"):
        metrics.serve(int(port))
    return build_app(trouble="TINY_WITHOUT_TROUBLE" not in os.environ)
