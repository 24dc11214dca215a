"""What a read model is, said without loading anything that reads or writes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadModel:
    """A consumer that only builds collections from events and can therefore be rebuilt from zero.

    `version` rises when the handlers or the shape of the collections change: the worker then builds anew, from the whole
    log, what an older version built. Until the switch the old documents are read by the new code.
    """

    consumer: str
    collections: tuple[str, ...]
    version: int = 1

    def aliases(self, generation: int) -> dict[str, str]:
        """Collection names of a generation; the first has the plain names."""
        return {name: name if generation == 1 else f"{name}.g{generation}" for name in self.collections}
