"""A lease with a fencing epoch: one holder at a time by the database's clock."""

import time
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument

from shared.storage.mongo import MongoDatabase

COLLECTION = "leases"


class Lease:
    """Held for `seconds` from each renewal. A holder that slept longer than that finds `held` false."""

    def __init__(self, database: MongoDatabase, name: str, owner: str, seconds: float = 5.0) -> None:
        self._leases = database[COLLECTION]
        self._name, self._owner, self._seconds = name, owner, seconds
        self._until = 0.0
        self.epoch = 0

    @property
    def held(self) -> bool:
        """Whether the lease is surely still ours, by the monotonic clock and with a fifth to spare."""
        return time.monotonic() < self._until

    @property
    def due(self) -> bool:
        """Whether it is time to renew: half of it is gone."""
        return time.monotonic() > self._until - self._seconds / 2

    def acquire(self) -> bool:
        """Take or renew it. A new holder raises the epoch. False while somebody else holds it."""
        asked_at = time.monotonic()
        mine = {"$eq": ["$owner", self._owner]}
        free = {"$lt": [{"$ifNull": ["$expires_at", datetime(1970, 1, 1, tzinfo=UTC)]}, "$$NOW"]}
        expires = {"$add": ["$$NOW", int(self._seconds * 1000)]}
        # One pipeline by id, because a query with $expr cannot insert: who may not have it leaves it as it is.
        may = {"$or": [mine, free]}
        take = [
            {
                "$set": {
                    "epoch": {
                        "$cond": [may, {"$add": [{"$ifNull": ["$epoch", 0]}, {"$cond": [mine, 0, 1]}]}, "$epoch"]
                    },
                    "owner": {"$cond": [may, self._owner, "$owner"]},
                    "expires_at": {"$cond": [may, expires, "$expires_at"]},
                }
            }
        ]
        document: Any = self._leases.find_one_and_update(
            {"_id": self._name}, take, upsert=True, return_document=ReturnDocument.AFTER
        )
        if document["owner"] != self._owner:
            return False
        self.epoch = document["epoch"]
        self._until = asked_at + self._seconds * 0.8
        return True

    def give_up(self) -> None:
        """Let the next one in at once."""
        self._until = 0.0
        self._leases.update_one(
            {"_id": self._name, "owner": self._owner, "epoch": self.epoch},
            {"$set": {"expires_at": datetime(1970, 1, 1, tzinfo=UTC), "owner": None}},
        )
