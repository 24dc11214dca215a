"""Idempotency keys: claimed before the work, answered in its transaction, replayed after it."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pymongo import ASCENDING, IndexModel, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.clock import Clock
from shared.errors import InFlight, KeyReused, ServiceError
from shared.storage.mongo import Document, MongoDatabase
from shared.storage.work import UnitOfWork
from shared.storage.writes import REPLAYED, Answer, IdempotencyKey

COLLECTION = "idempotency"
TAKEOVER = timedelta(seconds=5)
"""A claim this old belongs to a process that died or froze; its late commit fails on the token."""
KEPT = timedelta(days=7)
INDEXES = [IndexModel([("at", ASCENDING)], name="kept", expireAfterSeconds=int(KEPT.total_seconds()))]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work under a key, proven by a token."""

    record_id: str
    token: str


Outcome = Claim | Answer | ServiceError


class Idempotency:
    """The records of one service's database."""

    def __init__(self, database: MongoDatabase, clock: Clock) -> None:
        self._records = database[COLLECTION]
        # A claim that a crash loses costs nothing: its transaction then fails on the token and is decided again. So
        # claims do not wait for the majority and its journal; answers do, in their transaction.
        self._claims = database.get_collection(
            COLLECTION, write_concern=WriteConcern(1), read_concern=ReadConcern("local")
        )
        self._clock = clock

    def claim(self, keys: Iterable[IdempotencyKey]) -> list[Outcome]:
        """For each key: a Claim, the kept Answer, or the error (InFlight, KeyReused) that its request gets."""
        wanted = list(keys)
        rows = [self._row(key) for key in wanted]
        taken = self._insert(rows)
        standing = self._standing([wanted[i].record_id for i in taken])
        return [
            self._resolve(key, row, standing.get(key.record_id)) if i in taken else Claim(key.record_id, row["token"])
            for i, (key, row) in enumerate(zip(wanted, rows, strict=True))
        ]

    def answer(self, work: UnitOfWork, claim: Claim, answer: Answer) -> None:
        """Keep the answer in the work's transaction; a claim that was taken over makes it fail as Raced."""
        kept = {"status": answer.status, "body": answer.body, "headers": [list(pair) for pair in answer.headers]}
        work.also(
            COLLECTION,
            UpdateOne({"_id": claim.record_id, "token": claim.token}, {"$set": {"state": "done", "answer": kept}}),
        )

    def release(self, claims: Iterable[Claim]) -> None:
        """Give the keys back: the request failed and may be tried again under the same key."""
        for claim in claims:
            self._claims.delete_one({"_id": claim.record_id, "token": claim.token, "state": "claimed"})

    def _row(self, key: IdempotencyKey) -> Document:
        return {
            "_id": key.record_id,
            "fingerprint": key.fingerprint,
            "state": "claimed",
            "token": uuid.uuid4().hex,
            "at": self._clock(),
        }

    def _insert(self, rows: list[Document]) -> set[int]:
        """Insert what is new; the positions of what is taken already."""
        if not rows:
            return set()
        try:
            self._claims.bulk_write([InsertOne(row) for row in rows], ordered=False)
        except BulkWriteError as error:
            failures = error.details["writeErrors"]
            if any(failure["code"] != 11000 for failure in failures):
                raise
            return {failure["index"] for failure in failures}
        return set()

    def _standing(self, ids: list[str]) -> Mapping[str, Document]:
        if not ids:
            return {}
        found = {row["_id"]: row for row in self._records.find({"_id": {"$in": ids}})}
        # What the majority does not show yet was claimed a moment ago: an answer is only ever told from the majority.
        young = [record_id for record_id in ids if record_id not in found]
        if young:
            claimed = self._claims.find({"_id": {"$in": young}, "state": "claimed"})
            found |= {row["_id"]: row for row in claimed}
        return found

    def _resolve(self, key: IdempotencyKey, row: Document, standing: Document | None) -> Outcome:
        if standing is not None and standing["fingerprint"] != key.fingerprint:
            return KeyReused("This Idempotency-Key was used with another request; use a new key for a new request.")
        if standing is not None and standing["state"] == "done":
            return _replayed(standing["answer"])
        if standing is not None and self._clock() - standing["at"] > TAKEOVER and self._take_over(standing, row):
            return Claim(key.record_id, row["token"])
        return InFlight("A request with this Idempotency-Key is being worked on; ask again in a moment.")

    def _take_over(self, standing: Document, row: Document) -> bool:
        mine = {"token": row["token"], "at": row["at"]}
        result = self._records.update_one(
            {"_id": standing["_id"], "token": standing["token"], "state": "claimed"}, {"$set": mine}
        )
        return result.modified_count == 1


def _replayed(kept: Document) -> Answer:
    headers = tuple((name, value) for name, value in kept["headers"])
    return Answer(kept["status"], bytes(kept["body"]), (*headers, REPLAYED))
