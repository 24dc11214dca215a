"""What a search asks for, what one course offers to it, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

RELEVANCE, NEWEST, TITLE, WORKLOAD, DATE, SEATS = "relevance", "newest", "title", "workload", "date", "free_seats"
SORTS: Final = (RELEVANCE, NEWEST, TITLE, WORKLOAD, DATE, SEATS)
FACETS: Final = (
    "skill",
    "framework",
    "category",
    "pillar",
    "language",
    "mode",
    "eqf",
    "provider",
    "cluster",
    "country",
)
"""What a course can be chosen by. Each filter takes several values; any will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A session that people can still apply for. `price` in euros; None: nothing is said. `free`: seats that are known to
    be free."""

    starts_at: datetime | None = None
    price: Decimal | None = None
    free: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A published course as the search sees it. `texts` are (language, text) by their weight: title, skills, body.

    `facets` has the course's values of each of FACETS, as they are asked for; `names` all that its skills can be asked for by.
    """

    id: str
    title: str
    published_at: datetime
    workload: float | None
    texts: Mapping[str, tuple[tuple[str, str], ...]]
    facets: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()

    @property
    def starts_at(self) -> datetime | None:
        """When the next run begins."""
        return min((run.starts_at for run in self.runs if run.starts_at is not None), default=None)

    @property
    def free(self) -> int:
        """Free seats of all runs."""
        return sum(run.free for run in self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked: words, filters (each with values of which any will do), terms of one and the same run, an order.

    `after` is what the page before ended with (`Found.position`).
    """

    text: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    starts_from: datetime | None = None
    starts_before: datetime | None = None
    max_price: Decimal | None = None
    free_seats: int | None = None
    sort: str = RELEVANCE
    after: Any = None
    limit: int = 50
    facets: bool = False

    @property
    def about_runs(self) -> bool:
        """Whether it matters when a course runs, what it costs, or whether a seat is free."""
        return any(one is not None for one in (self.starts_from, self.starts_before, self.max_price, self.free_seats))

    def suits(self, run: Run) -> bool:
        """Whether a run is what is asked for."""
        begins = run.starts_at
        if self.starts_from is not None and (begins is None or begins < self.starts_from):
            return False
        if self.starts_before is not None and (begins is None or begins >= self.starts_before):
            return False
        if self.max_price is not None and (run.price is None or run.price > self.max_price):
            return False
        return self.free_seats is None or run.free >= self.free_seats


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Ids in their order, how many there are in all, counts of each facet's values, and what was probably meant."""

    ids: list[str]
    total: int
    position: Any = None
    facets: Mapping[str, Mapping[str, int]] | None = None
    did_you_mean: str | None = None
