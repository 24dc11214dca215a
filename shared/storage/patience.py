"""How long a request waits for MongoDB: not at all for one that is gone, until its deadline for one that is slow."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

from shared.storage.mongo import Mongo, is_gone, is_outage, within

REQUEST_SECONDS = 15.0
_PAUSE = 0.02
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """Repeats what is safe to repeat while MongoDB hangs or elects, within one deadline."""

    gone: Callable[[], bool]
    seconds: float = REQUEST_SECONDS

    @classmethod
    def with_(cls, client: Mongo, seconds: float = REQUEST_SECONDS) -> Self:
        """Wait for the servers of this client."""
        return cls(lambda: is_gone(client), seconds)

    def repeat(self, act: Callable[[], T]) -> T:
        """Run `act` until it comes to an end. Raises the outage when MongoDB is gone, or the deadline has come."""
        until = time.monotonic() + self.seconds
        with within(self.seconds):
            while True:
                try:
                    return act()
                except Exception as error:
                    if not is_outage(error) or self.gone() or time.monotonic() >= until:
                        raise
                    time.sleep(_PAUSE)
