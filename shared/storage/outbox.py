"""The outbox: events beside the state that they tell of, until the broker has them, and long after."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pymongo import ASCENDING, IndexModel

from shared.clock import utc_now
from shared.schemas.event import event_id
from shared.storage.mongo import Document, Mongo, MongoDatabase

COLLECTION = "outbox"
BATCH = 1000
RECOGNISED = timedelta(days=3650)
"""How long a consumer recognises an event that comes again, unless told. Nothing older is ever sent again."""
_MARGIN = timedelta(days=1)
INDEXES = [IndexModel([("time", ASCENDING)], name="unsent", partialFilterExpression={"sent": False})]


class Outbox:
    """Rows `{_id, topic, key, sequence, type, source, time, data, traceparent, sent}` of one service.

    Sent rows stay: they refill a broker that lost its data (`replay`).
    """

    def __init__(self, client: Mongo, database: MongoDatabase, recognised: timedelta = RECOGNISED) -> None:
        self._client = client
        self._recognised = recognised
        self._rows = database[COLLECTION]

    def unsent(self, limit: int = BATCH) -> list[Document]:
        """The oldest unsent rows in an order in which each aggregate's events follow each other without a gap.

        Read from one majority snapshot: where an aggregate's event n+1 is visible, n is, too. Ids and times say nothing
        about the order of commits, so no position is remembered: whatever is unsent is found, however late it came.
        """
        with self._client.start_session(snapshot=True) as session:
            query = self._rows.find({"sent": False}, session=session).sort("time", ASCENDING)
            rows = list(query.hint("unsent").limit(limit))
            if len(rows) == limit:
                rows += self._left_behind(rows, session)
        rows.sort(key=lambda row: row["sequence"])
        return rows

    def mark_sent(self, ids: Iterable[str]) -> None:
        """The broker has acknowledged these."""
        wanted = list(ids)
        if wanted:
            self._rows.update_many({"_id": {"$in": wanted}}, {"$set": {"sent": True}})

    def replay(self, query: Document | None = None) -> int:
        """Send rows again, all or those that match. Consumers drop what they have. Returns how many.

        Rows that are older than consumers remember stay as they are: they would take effect a second time.

        Goes through the rows in the order of their insertion: a relay that reads meanwhile never finds an aggregate's
        event n+1 without n.
        """
        young = {"time": {"$gt": utc_now() - self._recognised + _MARGIN}}
        changed = self._rows.update_many(
            {**(query or {}), **young, "sent": True}, {"$set": {"sent": False}}, hint=[("$natural", ASCENDING)]
        )
        return changed.modified_count

    def backlog(self) -> tuple[int, float]:
        """Unsent rows (counted to 100,000) and the age of the oldest in seconds, by the database's own clock."""
        count = self._rows.count_documents({"sent": False}, limit=100_000, hint="unsent")
        if not count:
            return 0, 0.0
        oldest = list(
            self._rows.aggregate(
                [
                    {"$match": {"sent": False}},
                    {"$sort": {"time": 1}},
                    {"$limit": 1},
                    {"$project": {"age": {"$subtract": ["$$NOW", "$time"]}}},
                ],
                hint="unsent",
            )
        )
        return count, timedelta(milliseconds=oldest[0]["age"]).total_seconds() if oldest else 0.0

    def _left_behind(self, rows: list[Document], session: Any) -> list[Document]:
        """Unsent predecessors beyond the limit: an aggregate's later event may carry an earlier time (other clock)."""
        have = {row["_id"] for row in rows}
        found: list[Document] = []
        wanted = _predecessors(rows) - have
        while wanted:
            more = list(self._rows.find({"_id": {"$in": list(wanted)}, "sent": False}, session=session))
            found += more
            have |= {row["_id"] for row in more}
            wanted = _predecessors(more) - have
        return found


def _predecessors(rows: list[Document]) -> set[str]:
    return {event_id(row["topic"], row["key"], row["sequence"] - 1) for row in rows if row["sequence"] > 1}
