"""Searching what is published: words, filters, facets, orders."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from services.catalog_service.adapters.course_index import CourseIndex
from services.catalog_service.domain.course import Course
from services.catalog_service.domain.found import Search
from services.catalog_service.domain.languages import broken_tag
from services.catalog_service.store import Store
from services.catalog_service.store.skills import Skills
from shared.errors import Violation, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A page of courses, where the next one begins, and what is told beside."""

    courses: list[Course]
    position: Any
    told: dict[str, Any]


class CourseSearch:
    """Asks the index which courses suit, and the database what they say now."""

    def __init__(self, index: Callable[[], CourseIndex], skills: Skills, store: Callable[[], Store]) -> None:
        self._index, self._skills, self._store = index, skills, store

    def find(self, search: Search) -> Results:
        """A page of published courses. Raises Invalid for values that cannot be, with those that exist."""
        index = self._index()
        refuse("question", self._broken(search, index))
        found = index.find(search)
        courses = self._store().named(Course, found.ids)
        told: dict[str, Any] = {"total": found.total, "did_you_mean": found.did_you_mean}
        if found.facets is not None:
            told["facets"] = {name: self._shown(name, counts) for name, counts in found.facets.items()}
        listed = [one for one in courses if one.content is not None and not one.retired]
        return Results(courses=listed, position=found.position, told=told)

    def _shown(self, facet: str, counts: Any) -> list[dict[str, Any]]:
        """Values with their counts, most first; skills with their labels."""
        labels = self._labels(list(counts)) if facet == "skill" else {}
        return [{"value": value, "count": count, **labels.get(value, {})} for value, count in counts.items()]

    def _labels(self, values: Sequence[str]) -> dict[str, dict[str, Any]]:
        pairs = [(framework, code) for framework, _, code in (value.partition(":") for value in values)]
        return {f"{one.framework}:{one.code}": {"labels": one.labels} for one in self._skills.known(pairs).values()}

    def _broken(self, search: Search, index: CourseIndex) -> Iterator[Violation]:
        for name in ("framework", "country"):
            if wanted := search.filters.get(name):
                there = sorted(self._skills.frameworks() if name == "framework" else index.values(name))
                yield from (_unknown(name, value, there) for value in wanted if value not in there)
        for value in search.filters.get("language", ()):
            yield from broken_tag("language", value)


def _unknown(name: str, value: str, there: list[str]) -> Violation:
    message = f"No {name} here is {value}."
    return Violation(field=name, code=f"{name.upper()}_UNKNOWN", message=message, actual=value, required=there)
