"""How far the broker has acknowledged each partition of its log: kept here, because the broker may forget."""

from collections.abc import Iterable, Mapping

from pymongo.write_concern import WriteConcern

from shared.storage.mongo import MongoDatabase

COLLECTION = "relay_places"
_NOT_ALONE = WriteConcern(w=1)
"""Whoever notes a place then marks rows sent, by a majority's journal: that holds what was written before it, too."""

Place = tuple[str, int]
"""Topic and partition."""


class Places:
    """The last acknowledged offset of each partition, one document for each topic."""

    def __init__(self, database: MongoDatabase) -> None:
        self._places = database[COLLECTION]

    def all(self) -> dict[Place, int]:
        """Every place that was noted and not forgotten."""
        rows = self._places.find()
        return {(row["_id"], int(number)): offset for row in rows for number, offset in row["offsets"].items()}

    def note(self, reached: Mapping[Place, int]) -> None:
        """The broker has acknowledged these offsets. A place never goes back unless it is forgotten."""
        places = self._places.with_options(write_concern=_NOT_ALONE)
        for topic in {topic for topic, _ in reached}:
            offsets = {f"offsets.{number}": offset for (of, number), offset in reached.items() if of == topic}
            places.update_one({"_id": topic}, {"$max": offsets}, upsert=True)

    def forget(self, topics: Iterable[str]) -> None:
        """What was sent of these is unsent again: the log begins anew."""
        self._places.delete_many({"_id": {"$in": sorted(topics)}})
