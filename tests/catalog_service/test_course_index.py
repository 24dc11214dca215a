"""The index of courses: what it finds, in which order, with which counts, page by page while courses come and go."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from services.catalog_service.adapters.course_index import CourseIndex
from services.catalog_service.domain.found import FACETS, SORTS, Offer, Run, Search
from tests.catalog_service.judged import demo, ndcg, queries

FLOORS = {
    "plain": 0.93,
    "inflected": 0.87,
    "compound": 0.80,
    "synonym": 0.82,
    "abbreviation": 0.87,
    "typo": 0.93,
    "accents": 0.95,
    "cyrillic": 0.95,
}
BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


def offer(course_id: str, title: str = "welding", **more: object) -> Offer:
    """A course that offers nothing special."""
    facts: dict[str, object] = {
        "id": course_id,
        "title": title,
        "published_at": BEGIN,
        "workload": 8.0,
        "texts": {"title": (("en", title),), "skills": (), "body": ()},
        "facets": dict.fromkeys(FACETS, ()),
        **more,
    }
    return Offer(**facts)  # type: ignore[arg-type]


def shelf_of(*offers: Offer) -> CourseIndex:
    index = CourseIndex()
    for one in offers:
        index.put(one)
    index.commit()
    return index


@pytest.fixture(scope="module")
def catalogue() -> CourseIndex:
    return shelf_of(*demo())


def test_every_kind_of_question_that_was_judged_is_answered_as_people_judged(catalogue: CourseIndex) -> None:
    gains = defaultdict(list)
    for one in queries():
        found = catalogue.find(Search(text=one.query, limit=10)).ids
        gains[one.kind].append(ndcg(found, one.relevant))
    reached = {kind: round(mean(values), 3) for kind, values in gains.items()}

    assert {kind: value for kind, value in reached.items() if value < FLOORS[kind]} == {}
    assert mean(value for values in gains.values() for value in values) > 0.89


def test_questions_in_five_languages_were_judged() -> None:
    judged = queries()

    assert len(judged) >= 60
    assert len({one.language for one in judged}) >= 5


def test_counts_of_a_facet_are_those_under_all_other_filters() -> None:
    def course(course_id: str, mode: str, category: str) -> Offer:
        return offer(course_id, facets={**dict.fromkeys(FACETS, ()), "mode": (mode,), "category": (category,)})

    index = shelf_of(course("a", "Online", "green"), course("b", "Online", "digital"), course("c", "Blended", "green"))
    found = index.find(Search(filters={"mode": ("Online",)}, facets=True))

    assert (found.total, found.facets and found.facets["mode"]) == (2, {"Online": 2, "Blended": 1})
    assert found.facets is not None
    assert found.facets["category"] == {"green": 1, "digital": 1}


def test_one_and_the_same_run_must_suit_in_time_price_and_seats() -> None:
    soon = Run(starts_at=BEGIN, price=Decimal(900), free=4)
    cheap = Run(starts_at=BEGIN + timedelta(days=90), price=Decimal(100), free=0)
    index = shelf_of(offer("both", runs=(soon, cheap)), offer("none"))

    def found(**terms: object) -> list[str]:
        return index.find(Search(**terms)).ids  # type: ignore[arg-type]

    assert found(free_seats=4, starts_before=BEGIN + timedelta(days=1)) == ["both"]
    assert found(max_price=Decimal(100)) == ["both"]
    assert found(max_price=Decimal(100), free_seats=1) == []
    assert found(max_price=Decimal(100), starts_before=BEGIN + timedelta(days=1)) == []


def test_orders_are_newest_title_shortest_soonest_and_most_free_seats() -> None:
    first = offer("a", "zinc", workload=3.0, published_at=BEGIN, runs=(Run(starts_at=BEGIN + timedelta(9), free=2),))
    second = offer("b", "Äther", workload=None, published_at=BEGIN + timedelta(1), runs=(Run(starts_at=BEGIN, free=1),))
    index = shelf_of(first, second)
    orders = {sort: index.find(Search(sort=sort)).ids for sort in SORTS}

    assert orders["newest"] == orders["title"] == orders["date"] == ["b", "a"]
    assert orders["workload"] == orders["free_seats"] == ["a", "b"]


def test_a_misspelt_word_is_found_and_what_was_probably_meant_is_told() -> None:
    index = shelf_of(offer("a", "welding robots"), offer("b", "hydraulics"))
    found = index.find(Search(text="weldign"))

    assert (found.ids, found.did_you_mean) == (["a"], "welding")
    assert index.find(Search(text="hydraulics")).did_you_mean is None


def test_a_course_that_is_gone_is_found_no_more_and_one_that_changed_by_its_new_words_only() -> None:
    index = shelf_of(offer("a", "welding"), offer("b", "milling"))
    index.remove("a")
    index.put(offer("b", "turning"))
    index.commit()

    assert [index.find(Search(text=word)).ids for word in ("welding", "milling", "turning")] == [[], [], ["b"]]


_Changes = list[tuple[bool, int]]


@settings(max_examples=25)
@given(
    some.sampled_from(SORTS),
    some.sets(some.integers(0, 40), min_size=1),
    some.lists(some.lists(some.tuples(some.booleans(), some.integers(0, 60)), max_size=4), max_size=20),
    some.integers(1, 5),
)
def test_pages_lose_nothing_that_stays_and_repeat_nothing_while_courses_come_and_go(
    sort: str, there: set[int], changes: list[_Changes], limit: int
) -> None:
    index = shelf_of(*(_numbered(number) for number in sorted(there)))
    stayed, seen = {_numbered(number).id for number in there}, []
    for page in _pages(index, Search(text="welding", sort=sort, limit=limit), changes, stayed):
        seen += page

    assert len(seen) == len(set(seen))
    assert stayed <= set(seen)


def _pages(index: CourseIndex, search: Search, changes: list[_Changes], stayed: set[str]) -> Iterator[list[str]]:
    """Page by page, and between two pages what comes and goes."""
    after, coming = None, iter(changes)
    while True:
        found = index.find(Search(text=search.text, sort=search.sort, limit=search.limit, after=after))
        yield found.ids
        if (after := found.position) is None:
            return
        for comes, number in next(coming, []):
            course = _numbered(number)
            if comes and course.id not in index:
                index.put(course)
            elif not comes:
                index.remove(course.id)
                stayed.discard(course.id)
        index.commit()


def _numbered(number: int) -> Offer:
    words = "welding " + "robots " * (number % 4)
    return offer(f"c{number}", words, workload=float(number % 5), published_at=BEGIN + timedelta(minutes=number % 7))
