"""Completions that wait for the awarding body's grant: taken in, not lost, in nobody's way."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from pymongo import ASCENDING, IndexModel

from services.certificate_service.domain import Withheld
from services.certificate_service.store.feed import Scope
from shared.schemas.codec import decode_data
from shared.schemas.event import Event
from shared.storage.migrations import drop_index
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

WITHHELD = "withheld_awards"
MIGRATION = drop_index(WITHHELD, IndexModel([("course_id", ASCENDING), ("course_version", ASCENDING)], name="course"))
"""It stood for `waiting` before."""
_WAITING = "waiting"
INDEXES = [
    IndexModel([("course_id", ASCENDING), ("course_version", ASCENDING), ("_id", ASCENDING)], name=_WAITING),
    IndexModel([("awarding_cluster_id", ASCENDING), ("_id", ASCENDING)], name="awarding_cluster"),
    IndexModel([("body_cluster_id", ASCENDING), ("_id", ASCENDING)], name="body_cluster"),
    IndexModel([("awarding_body_id", ASCENDING), ("_id", ASCENDING)], name="body"),
]


class Waiting(NamedTuple):
    """An award that waits, by its place among the others."""

    course_id: str = ""
    version: int = 0
    enrolment_id: str = ""

    def __str__(self) -> str:
        return f"{self.course_id}/{self.version}/{self.enrolment_id}"

    @classmethod
    def of(cls, written: str) -> "Waiting":
        """The place that `str` wrote down; of nothing, the one before all."""
        course_id, version, enrolment_id = written.rsplit("/", 2) if written else cls()
        return cls(course_id, int(version), enrolment_id)

    def end_of_course(self) -> "Waiting":
        """Behind all of the same version of the course."""
        return Waiting(self.course_id, self.version + 1)


class WithheldAwards:
    """Reads and writes them through one unit of work, by enrolment."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def preload(self, enrolment_ids: Iterable[str]) -> None:
        """Load many in one query."""
        self._work.preload(WITHHELD, enrolment_ids)

    def keep(self, award: Withheld) -> None:
        """Hold it back, or hold back the later word on the same enrolment instead."""
        document = msgspec.to_builtins(award, builtin_types=(bytes,))
        self._work.peek(WITHHELD, award.enrolment_id)
        self._work.save(WITHHELD, {"_id": document.pop("enrolment_id"), **document})

    def drop(self, enrolment_id: str) -> None:
        """It waits no longer."""
        self._work.delete(WITHHELD, enrolment_id)

    def event(self, enrolment_id: str) -> Event | None:
        """What is to be issued on, if it still waits."""
        row = self._work.peek(WITHHELD, enrolment_id)
        return None if row is None else decode_data(*row["event"])

    def behind(self, place: Waiting, limit: int) -> list[Waiting]:
        """What waits behind a place, by version of a course and enrolment."""
        fields = ("course_id", "course_version", "_id")
        rows = self._work.collection(WITHHELD).find(projection=dict.fromkeys(fields, 1), hint=_WAITING, limit=limit + 1)
        first: list[tuple[str, Any]] = [
            ("course_id", place.course_id),
            ("course_version", place.version),
            ("_id", place.enrolment_id),
        ]
        found = [Waiting(*(row[name] for name in fields)) for row in rows.min(first)]
        return [one for one in found if one != place][:limit]

    def page(self, scope: Scope, after: str | None, limit: int) -> list[tuple[Withheld, datetime]]:
        """What waits and since when, of those who award or offered the course, by enrolment."""
        who: list[Document] = [{"awarding_body_id": {"$in": sorted(scope.awarding_body_ids)}}]
        if scope.awarding_cluster_id is not None:
            who += [{name: scope.awarding_cluster_id} for name in ("awarding_cluster_id", "body_cluster_id")]
        query: Document = {"$and": [{"$or": who}, {"_id": {"$gt": after or ""}}]}
        rows = self._work.find(WITHHELD, query, sort=[("_id", ASCENDING)], limit=limit)
        return [(_award(row), row["created_at"]) for row in rows]


def _award(row: Document) -> Withheld:
    return msgspec.convert({**row, "enrolment_id": row["_id"]}, Withheld)
