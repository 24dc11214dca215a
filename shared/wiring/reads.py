"""Who read somebody's personal data, over HTTP: for the person, and for the operator."""

from collections.abc import Iterable

from marshmallow import Schema, fields, validate

from shared.errors import NotFound
from shared.http.door import Call, Door, Reply
from shared.http.reads import PersonalReads
from shared.http.scopes import ANYBODY


class PersonalReadView(Schema):
    """Somebody read personal data."""

    id = fields.String(required=True)
    at = fields.AwareDateTime(required=True)
    action = fields.String(required=True, metadata={"description": "The route"})
    reader_id = fields.String(
        required=True, allow_none=True, metadata={"description": "The person who read; null: a program"}
    )
    client_id = fields.String(required=True, metadata={"description": "The program by which it was read"})
    cluster_id = fields.String(required=True, allow_none=True)
    organisation_ids = fields.List(fields.String(), required=True, metadata={"description": "For whom they read"})
    scope = fields.String(required=True)
    relation = fields.String(
        required=True, metadata={"description": "Why: platform, cluster, employer, teaching, service or self"}
    )


class PersonalReadQuery(Schema):
    """Whose data was read."""

    person = fields.String(
        validate=validate.Length(1, 64), metadata={"description": "Oneself if absent; for operators: everybody"}
    )
    reader = fields.String(validate=validate.Length(1, 64), metadata={"description": "The person who read"})
    since = fields.AwareDateTime(data_key="from", metadata={"description": "Read then or later"})
    before = fields.AwareDateTime(data_key="to", metadata={"description": "Read before then"})


def reads_door(service: str, reads: PersonalReads) -> Door:
    """The list of one service."""
    door = Door(service)

    @door.get(
        f"/v1/{service}/personal-reads", scope=ANYBODY, query=PersonalReadQuery, returns=PersonalReadView, paged=True
    )
    def list_personal_reads(call: Call) -> Reply:
        """Who read the caller's personal data in this service, the newest first; operators may ask about anybody."""
        own, asked = call.who.person_id, call.query.get("person")
        if "operations" in call.who.scopes:
            return reads_reply(call, reads, None if asked is None else [asked])
        if asked not in {None, own}:
            raise NotFound(f"No person {asked}.")
        return reads_reply(call, reads, [own or ""])

    return door


def reads_reply(call: Call, reads: PersonalReads, person_ids: Iterable[str] | None) -> Reply:
    """A page of the list."""
    narrowed = {name: call.query.get(name) for name in ("reader", "since", "before")}
    rows = reads.of(person_ids, call.after, call.limit, **narrowed)
    return Reply(call.page(rows, rows[-1]["id"] if len(rows) == call.limit else None))
