"""Pages of a list of which not every row that is read may be shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")
P = TypeVar("P")

MOST_READS: Final = 50
"""Times that one request reads at most. A page that is short because of it says where to go on."""
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Rows(Generic[T, P]):
    """What was read: each row's position, and the row or None when it is not for this caller. `position` is how far was
    looked, `more` whether rows may follow."""

    rows: Sequence[tuple[P, T | None]]
    position: P
    more: bool


@dataclass(frozen=True, slots=True)
class Filled(Generic[T, P]):
    """What may be shown, how far was read for it, and whether rows may follow."""

    items: list[T]
    position: P
    more: bool


def rows_of(rows: Sequence[tuple[P, T | None]], after: P, count: int) -> Rows[T, P]:
    """Of a reader that gives `count` rows as long as there are some."""
    return Rows(rows, rows[-1][0] if rows else after, len(rows) == count)


def fill(read: Callable[[P, int], Rows[T, P]], after: P, limit: int) -> Filled[T, P]:
    """A page of `limit` items. `read(position, count)` gives up to so many rows behind a position, in their order.

    The position is that of the last row read, not of the last one shown: nothing is left out, nothing comes twice.
    """
    items: list[T] = []
    count = limit
    for _ in range(MOST_READS):
        found = read(after, count)
        for number, (position, item) in enumerate(found.rows, start=1):
            items += [] if item is None else [item]
            if len(items) == limit:
                return Filled(items, position, found.more or number < len(found.rows))
        after = found.position
        if not found.more:
            return Filled(items, after, more=False)
        count = max(limit, _AT_ONCE)
    return Filled(items, after, more=True)
