"""What operators did with a service: a row in the transaction of each step, and the list, the newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from marshmallow import Schema, fields, validate
from pymongo import ASCENDING, DESCENDING, IndexModel, InsertOne

from shared.criteria import asked_for
from shared.http.door import Call, Door, Page, Reply
from shared.http.reads import between
from shared.storage.mongo import Document, MongoDatabase
from shared.storage.work import UnitOfWork

SCOPE: Final = "operations"
COLLECTION: Final = "audit"
INDEXES: Final = [
    IndexModel([("subject", ASCENDING), ("_id", DESCENDING)], name="by_subject"),
    IndexModel([("action", ASCENDING), ("_id", DESCENDING)], name="by_action"),
]
ACTIONS: Final = ("replay", "discard", "cancel", "resume")


class AuditView(Schema):
    """Who did what."""

    id = fields.String(required=True)
    at = fields.AwareDateTime(required=True)
    subject = fields.String(required=True)
    action = fields.String(required=True, metadata={"description": ", ".join(ACTIONS)})
    target = fields.String(required=True)


class AuditQuery(Schema):
    """Which steps."""

    subject = fields.String(validate=validate.Length(1, 100), metadata={"description": "Who did it, as in a token"})
    action = fields.String(validate=validate.OneOf(ACTIONS))
    since = fields.AwareDateTime(data_key="from", metadata={"description": "Then or later"})
    before = fields.AwareDateTime(data_key="to", metadata={"description": "Before then"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCriteria:
    """Steps; `since` is inclusive, `before` is not."""

    subject: str | None = None
    action: str | None = None
    since: datetime | None = None
    before: datetime | None = None


def note_step(work: UnitOfWork, *, at: datetime, subject: str, action: str, target: str) -> None:
    """Note a step in the transaction of its effects: what cannot be noted is not done."""
    work.also(COLLECTION, InsertOne({"at": at, "subject": subject, "action": action, "target": target}))


def add_audit_route(door: Door, base: str, database: MongoDatabase) -> None:
    """The list of one service, below `base`."""

    @door.get(f"{base}/audit", scope=SCOPE, query=AuditQuery, returns=AuditView, paged=True)
    def list_audit(call: Call) -> Reply:
        """What operators did, the newest first."""
        return Reply(_page(call, database))


def _page(call: Call, database: MongoDatabase) -> Page:
    criteria = asked_for(AuditCriteria(**call.query))
    query: Document = {**between(criteria.pop("since", None), criteria.pop("before", None)), **criteria}
    if call.after:
        query.setdefault("_id", {})["$lt"] = ObjectId(call.after)
    rows = database[COLLECTION].find(query).sort("_id", DESCENDING).limit(call.limit)
    items: list[Any] = [{**row, "id": str(row["_id"])} for row in rows]
    return call.page(items, items[-1]["id"] if len(items) == call.limit else None)
