"""What was judged by people before the ranking was tuned, and how well an order of results agrees with it."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clusterskills import seed
from services.catalog_service.adapters import shipped
from services.catalog_service.domain.found import FACETS, Offer

_QUERIES = Path(__file__).parents[1] / "data" / "search_queries.csv"
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, in which language and of which kind, with the courses that answer it: 3 exactly, 2 well, 1 a little."""

    language: str
    kind: str
    query: str
    relevant: Mapping[str, int]


def queries() -> list[Judged]:
    """All that was judged."""
    with _QUERIES.open(encoding="utf-8", newline="") as file:
        return [
            Judged(row["language"], row["kind"], row["query"], _grades(row["relevant"])) for row in csv.DictReader(file)
        ]


def demo() -> Iterator[Offer]:
    """The demo's courses as the index takes them, by external id."""
    for number, course in enumerate(seed.courses()):
        yield Offer(
            id=course.external_id,
            title=course.title[course.default_language],
            published_at=_BEGIN + timedelta(minutes=number),
            workload=course.workload_hours,
            texts={
                "title": tuple(course.title.items()),
                "skills": tuple(_names(course)),
                "body": tuple(_body(course)),
            },
            facets={
                **dict.fromkeys(FACETS, ()),
                "category": (course.skill_category,),
                "language": tuple(course.title),
                "mode": (course.mode,),
            },
        )


def ndcg(found: Sequence[str], relevant: Mapping[str, int], depth: int = 10) -> float:
    """Discounted gain of the first ten over the best there can be (gain 2^grade - 1)."""
    gained = _discounted([relevant.get(one, 0) for one in found[:depth]])
    return gained / _discounted(sorted(relevant.values(), reverse=True)[:depth])


def _discounted(grades: Sequence[int]) -> float:
    return sum(float(2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades))


def _grades(text: str) -> dict[str, int]:
    return {course: int(grade) for course, _, grade in (part.partition("=") for part in text.split())}


def _names(course: seed.Course) -> Iterator[tuple[str, str]]:
    codes = [("esco", one.esco_uri) for one in course.learning_outcomes if one.esco_uri]
    for concept in shipped.known(codes).values():
        yield from concept.labels.items()
        yield from ((tag, text) for tag, texts in concept.alternatives.items() for text in texts)


def _body(course: seed.Course) -> Iterator[tuple[str, str]]:
    yield from course.description.items()
    yield from ((course.default_language, role) for role in course.job_roles)
    for outcome in course.learning_outcomes:
        yield from outcome.title.items()
