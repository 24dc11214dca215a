"""Which generation of each read model is in use: the collection names, the consumer group, the inbox rows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from shared.bus.read_model import ReadModel
from shared.errors import Conflict
from shared.storage.mongo import Document, MongoDatabase
from shared.storage.work import UnitOfWork

COLLECTION = "generations"
NUMBERS = "generation_numbers"
_FRESH_SECONDS = 1.0


def present(database: MongoDatabase, model: ReadModel) -> int:
    """Which generation of a read model is in use, read afresh."""
    row = database[COLLECTION].find_one({"_id": model.consumer})
    return 1 if row is None else int(row["generation"])


def is_present(work: UnitOfWork, model: ReadModel, collection: str) -> bool:
    """Whether this unit of work writes what everybody reads, not what a rebuild is making."""
    return work.collection(collection).name == model.aliases(present(work.database, model))[collection]


@dataclass(frozen=True, slots=True)
class Building:
    """The generation that a rebuild makes, and the epoch of the attempt that may go on with it and switch to it."""

    generation: int
    epoch: int


class Generations:
    """The present generation of each read model of one service, read at most once a second.

    Row: `{_id: consumer, generation, version, building: {generation, version, epoch, begun_at, applied, left,
    waits_for}}`; `version` is that of the read model that built it, 1 where none is said; `building` is there from the
    begin of a rebuild until its switch, whatever dies in between.
    """

    def __init__(self, database: MongoDatabase, models: Sequence[ReadModel]) -> None:
        self._rows = database[COLLECTION]
        self._models = {model.consumer: model for model in models}
        self._known: dict[str, str] = {}
        self._read_at = float("-inf")

    def aliases(self) -> Mapping[str, str]:
        """For a unit of work: read model name -> collection of its present generation."""
        if time.monotonic() - self._read_at > _FRESH_SECONDS:
            numbers = {row["_id"]: row["generation"] for row in self._rows.find()}
            known: dict[str, str] = {}
            for name, model in self._models.items():
                known |= model.aliases(numbers.get(name, 1))
            self._known, self._read_at = known, time.monotonic()
        return self._known

    def present(self, consumer: str) -> int:
        """The generation in use now, read afresh."""
        row = self._rows.find_one({"_id": consumer})
        return 1 if row is None else int(row["generation"])

    def version(self, consumer: str) -> int:
        """By which version of the read model the present generation was built; for one of which nothing was built yet
        by ours, which it then is."""
        row = self._rows.find_one({"_id": consumer})
        if row is None and not self._begun(consumer):
            mine = {"generation": 1, "version": self._models[consumer].version}
            row = self._rows.find_one_and_update(
                {"_id": consumer}, {"$setOnInsert": mine}, upsert=True, return_document=ReturnDocument.AFTER
            )
        return int((row or {}).get("version", 1))

    def _begun(self, consumer: str) -> bool:
        """Whether anything was built, and be it by a version that said nothing of itself."""
        first = {"_id": {"$gte": f"{consumer}.g1/", "$lt": f"{consumer}.g10"}}
        database = self._rows.database
        return database["inbox"].find_one(first, {"_id": 1}) is not None

    def begin(self, consumer: str, epoch: int, *, anew: bool = False) -> Building:
        """Go on with the generation that was begun, or begin the next one. From now on no lower epoch may switch.

        A number is never used twice: an abandoned generation leaves offsets in its group. Conflict for an epoch that
        is not the latest.
        """
        version = self._models[consumer].version
        begun = (self._rows.find_one({"_id": consumer}) or {}).get("building", {})
        anew = anew or begun.get("version", 1) != version
        begun = {} if anew else begun
        number = begun.get("generation") or self._next_number(consumer)
        step: list[Document] = [
            {
                "$set": {
                    "generation": {"$ifNull": ["$generation", 1]},
                    "building": {
                        "generation": {"$ifNull": [None if anew else "$building.generation", number]},
                        "version": version,
                        "epoch": epoch,
                        "begun_at": {"$ifNull": [None if anew else "$building.begun_at", "$$NOW"]},
                    },
                }
            }
        ]
        mine = {"_id": consumer, "$or": [{"building": None}, {"building.epoch": {"$lte": epoch}}]}
        try:
            row: Any = self._rows.find_one_and_update(mine, step, upsert=True, return_document=ReturnDocument.AFTER)
        except DuplicateKeyError as error:
            raise _taken_over() from error
        return Building(int(row["building"]["generation"]), epoch)

    def note(self, consumer: str, building: Building, progress: Document) -> None:
        """Say in the row how far the rebuild is. Conflict when another attempt took over."""
        fields = {f"building.{name}": value for name, value in progress.items()}
        if not self._rows.update_one(_of(consumer, building), {"$set": fields}).matched_count:
            raise _taken_over()

    def switch(self, consumer: str, building: Building) -> None:
        """From now on everybody uses this generation: one write. Conflict, and nothing, when another took over."""
        version = self._models[consumer].version
        change = {"$set": {"generation": building.generation, "version": version}, "$unset": {"building": ""}}
        if not self._rows.update_one(_of(consumer, building), change).matched_count:
            raise _taken_over()
        self._read_at = float("-inf")

    def _next_number(self, consumer: str) -> int:
        counter: Any = self._rows.database[NUMBERS].find_one_and_update(
            {"_id": consumer},
            [{"$set": {"n": {"$add": [{"$max": [{"$ifNull": ["$n", 1]}, self.present(consumer)]}, 1]}}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return int(counter["n"])


def _of(consumer: str, building: Building) -> Document:
    return {"_id": consumer, "building.generation": building.generation, "building.epoch": building.epoch}


def _taken_over() -> Conflict:
    return Conflict("Another rebuild took over; nothing was switched.")
