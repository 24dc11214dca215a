"""Idempotency keys: the answer is kept in the transaction of what it answers, and replayed after it.

Nothing is written before the work: the unique id of the record makes the second of two commits fail, whichever process
it comes from, and that one then finds the answer of the first. So a process that dies or freezes holds no key.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from pymongo import ASCENDING, IndexModel, InsertOne

from shared.clock import Clock
from shared.errors import InFlight, KeyReused
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork
from shared.storage.writes import REPLAYED, Answer, IdempotencyKey

COLLECTION = "idempotency"
KEPT = timedelta(days=7)
INDEXES = [IndexModel([("at", ASCENDING)], name="kept", expireAfterSeconds=int(KEPT.total_seconds()))]


def kept_answer(work: UnitOfWork, key: IdempotencyKey) -> Answer | None:
    """The answer under this key, None when there is none yet. Raises KeyReused when it answered another request."""
    record = work.peek(COLLECTION, key.record_id)
    if record is None:
        return None
    _must_match(record["fingerprint"], key)
    return _replayed(record["answer"])


def keep(work: UnitOfWork, key: IdempotencyKey, answer: Answer, clock: Clock) -> None:
    """Keep the answer in the work's transaction; it fails as Duplicate when another process was faster."""
    kept = {"status": answer.status, "body": answer.body, "headers": [list(pair) for pair in answer.headers]}
    record = {"_id": key.record_id, "fingerprint": key.fingerprint, "answer": kept, "at": clock()}
    work.also(COLLECTION, InsertOne(record))


class InProgress:
    """Keys that this process works on at this moment. A second request is told so instead of doing the work twice."""

    def __init__(self) -> None:
        self._fingerprints: dict[str, str] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, key: IdempotencyKey) -> Iterator[None]:
        """Have the key to oneself. Raises InFlight, or KeyReused when the other request differs."""
        with self._lock:
            other = self._fingerprints.get(key.record_id)
            if other is None:
                self._fingerprints[key.record_id] = key.fingerprint
        if other is not None:
            _must_match(other, key)
            raise InFlight("A request with this Idempotency-Key is being worked on; ask again in a moment.")
        try:
            yield
        finally:
            with self._lock:
                del self._fingerprints[key.record_id]


def _must_match(fingerprint: str, key: IdempotencyKey) -> None:
    if fingerprint != key.fingerprint:
        raise KeyReused("This Idempotency-Key was used with another request; use a new key for a new request.")


def _replayed(kept: Document) -> Answer:
    headers = tuple((name, value) for name, value in kept["headers"])
    return Answer(kept["status"], bytes(kept["body"]), (*headers, REPLAYED))
