"""Pages of a list of which not every row that is read may be shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")
P = TypeVar("P")

MOST_READ: Final = 5_000
"""Rows that one request reads at most. A page that is short because of it says where to go on."""
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Filled(Generic[T, P]):
    """What may be shown, the position of the last row that was read for it, and whether rows may follow."""

    items: list[T]
    position: P
    more: bool


def fill(read: Callable[[P, int], Sequence[tuple[P, T | None]]], after: P, limit: int) -> Filled[T, P]:
    """A page of `limit` items. `read(position, count)` gives the next rows: each one's position, and it or None when it
    is not for this caller.

    The position is that of the last row read, not of the last one shown: nothing is left out, nothing comes twice.
    """
    items: list[T] = []
    position, seen, count = after, 0, limit
    while True:
        rows = read(position, count)
        for number, (position, item) in enumerate(rows, start=1):
            items += [] if item is None else [item]
            if len(items) == limit:
                return Filled(items, position, number < len(rows) or len(rows) == count)
        seen += len(rows)
        if len(rows) < count or seen >= MOST_READ:
            return Filled(items, position, len(rows) == count)
        count = max(limit, _AT_ONCE)
