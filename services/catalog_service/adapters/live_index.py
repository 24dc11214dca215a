"""The index of courses in this process, kept in step by the change feed of its database.

The feed is opened before everything is read, so nothing falls between; when it breaks, everything is read anew. What was
committed is found within a second in every process.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final

from pymongo.errors import PyMongoError

from services.catalog_service.adapters.course_index import CourseIndex
from services.catalog_service.store.offers import SEATS, Offers
from shared.errors import Unavailable
from shared.logs import get_logger
from shared.storage.mongo import Document, MongoDatabase

log = get_logger(__name__)
_WATCHED: Final = {"ns.coll": {"$regex": rf"^(courses|sessions|frameworks|({SEATS}|organisations)(\.g[0-9]+)?)$"}}
_LATELY: Final = 0.05
"""Changes that come within so many seconds of the first are taken together: a commit of the index costs some ms."""
_PATIENCE: Final = 10.0
_MOST_AT_ONCE: Final = 2_000


class LiveIndex:
    """`offers` reads with a fresh unit of work."""

    def __init__(self, database: MongoDatabase, offers: Callable[[], Offers], closing: threading.Event) -> None:
        self._database, self._offers, self._closing = database, offers, closing
        self._index = CourseIndex()
        self._read = threading.Event()

    def index(self) -> CourseIndex:
        """The index, once everything was read. Raises Unavailable when that takes too long."""
        if not self._read.wait(_PATIENCE):
            raise Unavailable("The catalogue is being read; ask again in a moment.", retry_after=2)
        return self._index

    def keep(self) -> None:
        """Keep it in step until the process closes."""
        while not self._closing.is_set():
            try:
                self._follow()
            except (PyMongoError, _Anew) as error:
                if not self._closing.is_set():
                    log.warning("course_index_reads_anew", error=type(error).__name__)
                    self._closing.wait(0.5)

    def _follow(self) -> None:
        with self._database.watch(_PIPELINE, max_await_time_ms=200) as feed:
            self._read_all()
            while not self._closing.is_set() and feed.alive:
                if changes := list(self._lately(feed)):
                    self._take(changes)

    def _read_all(self) -> None:
        begun, index = time.monotonic(), CourseIndex()
        for offer in self._offers().all():
            index.put(offer)
        index.commit()
        self._index = index
        self._read.set()
        log.info("course_index_read", courses=len(index), seconds=round(time.monotonic() - begun, 2))

    def _lately(self, feed: Any) -> Iterator[Document]:
        """The next change, and those that come soon after it; none when nothing happens for a while."""
        change = feed.try_next()
        until = time.monotonic() + _LATELY
        for _ in range(_MOST_AT_ONCE):
            if change is not None:
                yield change
            if change is None or time.monotonic() > until:
                return
            change = feed.try_next() if feed.alive else None

    def _take(self, changes: list[Document]) -> None:
        changed: dict[str, list[str]] = defaultdict(list)
        for change in changes:
            changed[change["ns"]["coll"].partition(".")[0]].append(change["documentKey"]["_id"])
        if "frameworks" in changed:
            raise _Anew
        offers, index = self._offers(), self._index
        courses = {one for collection, ids in changed.items() for one in offers.courses_of(collection, ids)}
        for course_id, offer in offers.of(courses):
            if offer is None:
                index.remove(course_id)
            else:
                index.put(offer)
        if courses:
            index.commit()


class _Anew(Exception):
    """Other names of skills: every course may be another offer."""


_PIPELINE: Final[list[Document]] = [
    {"$match": {**_WATCHED, "operationType": {"$in": ["insert", "update", "replace", "delete"]}}},
    {"$project": {"ns": 1, "documentKey": 1, "operationType": 1}},
]
