"""Who is in the next group, and how long it waits for those who are likely to come again at once (docs/decisions/0006)."""

import queue
import time
from dataclasses import dataclass
from typing import Any, Final

_GATHER_SECONDS, _SHARE, _LONGEST_REST = 0.02, 0.75, 15


@dataclass(slots=True)
class Gathering:
    """How many writes the next group waits for, and how long.

    Who was in flight a moment ago comes again, if they come in a loop. Who does not is not waited for the next times;
    and to wait as long as a group takes gains nothing (docs/decisions/0006).
    """

    expected: int = 1
    longest: float = 0.0
    in_vain: int = 0
    rest: int = 0

    @property
    def seconds(self) -> float:
        """How long the next group waits."""
        return 0.0 if self.rest else self.longest

    def came(self, number: int) -> None:
        """So many came: after the first wait in vain one group does not wait, then three, seven, at most fifteen."""
        if self.rest:
            self.rest -= 1
        else:
            self.in_vain = 0 if number >= self.expected else min(2 * self.in_vain + 1, _LONGEST_REST)
            self.rest = self.in_vain

    def took(self, seconds: float, in_flight: int) -> None:
        """The group took so long, and so many writes were in flight when it ended."""
        self.expected, self.longest = in_flight, min(_SHARE * seconds, _GATHER_SECONDS)


STOP: Final[Any] = None
"""Put into the queue to end whoever gathers from it."""


def gather(waiting: queue.SimpleQueue[Any], size: int, expected: int, patience: float) -> list[Any] | None:
    """Whoever waits; when they are fewer than expected, whoever comes within `patience` seconds, too. None at STOP."""
    first = waiting.get()
    if first is STOP:
        return None
    group, until = [first], time.monotonic() + patience
    while len(group) < size:
        left = until - time.monotonic() if len(group) < expected else 0.0
        try:
            item = waiting.get(block=left > 0, timeout=max(left, 0.0))
        except queue.Empty:
            break
        if item is STOP:
            waiting.put(STOP)
            break
        group.append(item)
    return group
