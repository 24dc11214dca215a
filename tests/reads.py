"""Notes of reads that are as old as a test needs them."""

import uuid
from datetime import datetime, timedelta

from bson import ObjectId

from shared.clock import utc_now
from shared.storage.mongo import MongoDatabase


def read_long_ago(database: MongoDatabase, cluster_id: str | None, *days: int) -> None:
    """Somebody of the cluster read somebody's data so many days ago."""
    database["personal_reads"].insert_many(
        {"_id": _made(utc_now() - timedelta(days=ago)), "cluster_id": cluster_id, "days": ago} for ago in days
    )


def still_told(database: MongoDatabase, cluster_id: str | None) -> list[int]:
    """How many days ago the reads were that are told."""
    rows = database["personal_reads"].find({"cluster_id": cluster_id, "days": {"$exists": True}}).sort("_id", -1)
    return [row["days"] for row in rows]


def _made(moment: datetime) -> ObjectId:
    return ObjectId(f"{int(moment.timestamp()):08x}{uuid.uuid4().hex[:16]}")
