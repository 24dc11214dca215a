"""A feed over a collection: each document stands in it once, at the position of its last change.

Positions are given by the relay alone, in transactions on its lease: whoever has read up to a position has seen every
document below it, however late its transaction was committed, and sees again only what changes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.client_session import ClientSession

from shared.clock import Clock
from shared.storage.lease import COLLECTION as LEASES
from shared.storage.lease import Lease
from shared.storage.mongo import Document, Mongo, MongoDatabase
from shared.storage.transaction import in_transaction

_RELAY = "relay"
_BATCH = 500
ENTERS: Final[Document] = {"unstamped": True, "position": None, "changed_at": None}
"""What a document holds that is to stand at the end of the feed, as soon as the relay has given it a position."""
UNSTAMPED: Final = IndexModel(
    [("updated_at", ASCENDING)], name="unstamped", partialFilterExpression={"unstamped": True}
)
"""The index by which the relay finds what waits for a position."""


def stamp(collection: str, client: Mongo, database: MongoDatabase, clock: Clock, lease: Lease) -> int:
    """Give positions to what changed, in one transaction with the counter that stands in the lease's own document.

    A relay that lost its lease finds another epoch there and numbers nothing. `changed_at` never falls along the feed.
    Returns how many it numbered.
    """
    given = 0

    def body(session: ClientSession) -> None:
        nonlocal given
        given = 0
        waiting = _unstamped(database[collection], session)
        if not waiting:
            return
        held = {"_id": _RELAY, "epoch": lease.epoch}
        change = [
            {
                "$set": {
                    "feed_position": {"$add": [{"$ifNull": ["$feed_position", 0]}, len(waiting)]},
                    "feed_at": {"$max": ["$feed_at", clock()]},
                }
            }
        ]
        row = database[LEASES].find_one_and_update(held, change, session=session, return_document=True)
        if row is None:
            return
        first = row["feed_position"] - len(waiting) + 1
        database[collection].bulk_write(_numbered(waiting, first, row["feed_at"]), session=session)
        given = len(waiting)

    if database[collection].find_one({"unstamped": True}, {"_id": 1}, hint="unstamped") is not None:
        in_transaction(client, body)
    return given


def before(collection: Any, moment: datetime, session: ClientSession) -> int | None:
    """The position behind which everything changed since then stands; None when nothing did.

    `collection` has an index that begins with `changed_at` and `position`.
    """
    query = {"changed_at": {"$gte": moment}, "position": {"$gt": 0}}
    rows = collection.find(query, {"position": 1}, session=session)
    for row in rows.sort([("changed_at", ASCENDING), ("position", ASCENDING)]).limit(1):
        return int(row["position"]) - 1
    return None


def _unstamped(collection: Any, session: ClientSession) -> list[str]:
    rows = collection.find({"unstamped": True}, {"_id": 1}, session=session, hint="unstamped")
    return [row["_id"] for row in rows.sort("updated_at", ASCENDING).limit(_BATCH)]


def _numbered(ids: Sequence[str], first: int, at: datetime) -> list[UpdateOne]:
    return [
        UpdateOne({"_id": i}, {"$set": {"position": first + offset, "changed_at": at}, "$unset": {"unstamped": ""}})
        for offset, i in enumerate(ids)
    ]
