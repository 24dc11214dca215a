"""Whose open enrolments are to end because they were erased, and when to look again whether any came late."""

from datetime import datetime, timedelta

from pymongo import ASCENDING, IndexModel

from shared.storage.work import UnitOfWork

ERASURES = "erasures"
INDEXES = [IndexModel([("look_at", ASCENDING)], name="due", sparse=True)]
FIRST_LOOK_AGAIN = timedelta(seconds=2)
LONGEST = timedelta(days=1)
"""Longer than our copy of the directory lags, and than a process freezes between deciding and committing."""


class Erasures:
    """Erased people as one unit of work sees them.

    An application may have been decided before our copy of the person said that they were erased, and be committed
    after their enrolments were cancelled. So we look again, after ever longer times, until none can come any more.
    """

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def begin(self, person_id: str, now: datetime) -> None:
        """Schedule clean-up for an erased person; idempotent."""
        if self._work.peek(ERASURES, person_id) is None:
            self._work.save(ERASURES, {"_id": person_id, "since": now, "look_at": now})

    def due(self, now: datetime, after: str, limit: int) -> list[str]:
        """Whose enrolments are to be looked at now, by id."""
        query = {"look_at": {"$lte": now}, "_id": {"$gt": after}}
        rows = self._work.collection(ERASURES).find(query, {"_id": 1}, sort=[("_id", ASCENDING)], limit=limit)
        return [row["_id"] for row in rows]

    def look_later(self, person_id: str, now: datetime) -> None:
        """None is open now: look again when twice the time has passed, and no more after the longest."""
        document = self._work.get(ERASURES, person_id)
        passed = now - document["since"]
        kept = {name: value for name, value in document.items() if name != "look_at"}
        again = {"look_at": now + max(passed, FIRST_LOOK_AGAIN)} if passed < LONGEST else {}
        self._work.save(ERASURES, kept | again)
