"""Who read whose personal data, when, by which route, and why: written with the read, so that no read goes unnoted."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel

from shared.auth.caller import Caller
from shared.http.call import Page
from shared.storage.mongo import Document, MongoDatabase

COLLECTION: Final = "personal_reads"
INDEXES: Final = [
    IndexModel([("person_ids", ASCENDING), ("_id", DESCENDING)], name="person"),
    IndexModel([("reader_id", ASCENDING), ("_id", DESCENDING)], name="reader"),
]
_MOST: Final = 1_000
_LAST_SECOND: Final = 2**32 - 1
Note = Callable[[Caller, str, Iterable[str], Iterable[str]], None]
"""Caller, route, its scopes, ids of the people whose data is read."""


class PersonalReads:
    """The list of one service. A row names all whose data one answer held."""

    def __init__(self, database: MongoDatabase, now: Callable[[], datetime]) -> None:
        self._rows, self._now = database[COLLECTION], now

    def note(self, caller: Caller, action: str, scopes: Iterable[str], person_ids: Iterable[str]) -> None:
        """Note a read. One's own data may be read unnoted. Raises what the database raises: no note, no answer."""
        others = sorted({person for person in person_ids if person and person != caller.person_id})
        rows = [
            {
                "at": self._now(),
                "action": action,
                "subject": caller.subject,
                "client_id": caller.client_id,
                "reader_id": caller.person_id,
                "cluster_id": caller.cluster_id,
                "organisation_ids": sorted(_acting(caller)),
                "scope": next((scope for scope in scopes if scope in caller.scopes), ""),
                "relation": relation(caller),
                "person_ids": others[start : start + _MOST],
            }
            for start in range(0, len(others), _MOST)
        ]
        if rows:
            self._rows.insert_many(rows)

    def of(
        self,
        person_ids: Iterable[str] | None,
        after: str | None,
        limit: int,
        *,
        reader: str | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
    ) -> list[Document]:
        """The newest first, of these people (None: of all), by this reader, behind the row with the id `after`."""
        query: dict[str, Any] = between(since, before)
        if person_ids is not None:
            query["person_ids"] = {"$in": sorted(person_ids)}
        if reader is not None:
            query["reader_id"] = reader
        if after is not None:
            query.setdefault("_id", {})["$lt"] = ObjectId(after)
        found = self._rows.find(query, sort=[("_id", DESCENDING)], limit=limit)
        return [{**row, "id": str(row["_id"])} for row in found]


def between(since: datetime | None, before: datetime | None) -> Document:
    """Condition on rows whose `_id` is an ObjectId: made at `since` or later, and before `before`, to the second."""
    bounds = {"$gte": since, "$lt": before}
    made = {name: _first_of(moment) for name, moment in bounds.items() if moment is not None}
    return {"_id": made} if made else {}


def _first_of(moment: datetime) -> ObjectId:
    """The least id that is made in this second."""
    second = min(max(int(moment.timestamp()), 0), _LAST_SECOND)
    return ObjectId(f"{second:08x}{0:016x}")


def people_in(body: Any, field: str) -> set[str]:
    """Whose data an answer holds: the page's items, the items of an object, or the object itself."""
    items = body.items if isinstance(body, Page) else body.get("items", [body])
    return {str(item[field]) for item in items if item.get(field)}


def relation(caller: Caller) -> str:
    """Why somebody may read: platform, cluster, employer, teaching, service (our own) or self."""
    if "operations" in caller.scopes:
        return "platform"
    if caller.person_id is None:
        return "service" if caller.cluster_id is None else "cluster"
    ways = (("manager", "cluster"), ("hr", "employer"), ("trainer", "teaching"))
    return next((way for role, way in ways if role in caller.roles), "self")


def _acting(caller: Caller) -> Iterable[str]:
    return [caller.acting_organisation] if caller.acting_organisation else caller.organisation_ids
