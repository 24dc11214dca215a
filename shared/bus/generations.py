"""Which generation of each read model is in use: the collection names, the consumer group, the inbox rows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.storage.mongo import MongoDatabase

COLLECTION = "generations"
_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ReadModel:
    """A consumer that only builds collections from events and can therefore be rebuilt from zero."""

    consumer: str
    collections: tuple[str, ...]

    def aliases(self, generation: int) -> dict[str, str]:
        """Collection names of a generation; the first has the plain names."""
        return {name: name if generation == 1 else f"{name}.g{generation}" for name in self.collections}


class Generations:
    """The present generation of each read model of one service, read at most once a second."""

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

    def switch(self, consumer: str, generation: int) -> None:
        """From now on everybody uses this generation."""
        self._rows.update_one({"_id": consumer}, {"$set": {"generation": generation}}, upsert=True)
        self._read_at = float("-inf")
