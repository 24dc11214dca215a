"""Local notations are understood, and what has two meanings is refused."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tables.values import NotUnderstood, day, decimal_mark, hours, number, plain, yes_or_no


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1 234,5", "1234.5"),
        ("1\u202f234,5", "1234.5"),
        ("1'234.50", "1234.50"),
        ("1.234.567", "1234567"),
        ("1,5", "1.5"),
        ("0,125", "0.125"),
        ("0.125", "0.125"),
        ("-2,5", "-2.5"),
        ("\u22122,5", "-2.5"),
        ("42", "42"),
        (42, "42"),
        (1.5, "1.5"),
    ],
)
def test_numbers_are_read_in_each_notation(text: Any, expected: str) -> None:
    assert number(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["1.234", "1,234", "-12,500"])
def test_a_number_with_two_meanings_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        number(text)

    assert refused.value.code == "AMBIGUOUS_NUMBER"


def test_the_other_values_of_the_column_decide_what_it_means() -> None:
    assert decimal_mark(["1.234", "5,50", ""]) == ","
    assert number("1.234", mark=",") == 1234
    assert number("1.234", mark=".") == Decimal("1.234")


def test_a_column_whose_values_disagree_tells_nothing() -> None:
    assert decimal_mark(["1,5", "1.5"]) is None


@pytest.mark.parametrize("text", ["", "abc", "1,2,3.4.5", "NaN", "Infinity", True, None, "12abc"])
def test_what_is_no_number_is_refused(text: Any) -> None:
    with pytest.raises(NotUnderstood):
        number(text)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_every_amount_comes_back_from_german_and_english_notation(amount: Decimal) -> None:
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))

    assert number(english) == amount
    assert number(german) == amount


@pytest.mark.parametrize(
    "text", ["2026-12-31", "31.12.2026", "31/12/2026", "31-12-2026", "31. 12. 2026", "31.12.2026.", "2026/12/31"]
)
def test_dates_are_read_in_each_notation(text: str) -> None:
    assert day(text) == date(2026, 12, 31)


def test_dates_of_a_workbook_are_dates() -> None:
    assert day(datetime(2026, 12, 31, 8)) == date(2026, 12, 31)  # noqa: DTZ001 (a workbook knows no time zone)
    assert day("2026-12-31T08:00:00Z") == date(2026, 12, 31)


@pytest.mark.parametrize("text", ["31.12.26", "31.02.2026", "12/31/2026", "2026", "yesterday", ""])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood):
        day(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (8, 8),
        ("8", 8),
        ("1,5 h", "1.5"),
        ("1:30", "1.5"),
        ("90 min", "1.5"),
        ("2 h 30 min", "2.5"),
        ("1h30", "1.5"),
        ("8 Std.", 8),
        ("3 godziny", 3),
        ("2 сата", 2),
    ],
)
def test_hours_are_read_in_each_notation(text: Any, expected: Any) -> None:
    assert hours(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["", "long", "5 km", "1:75"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood):
        hours(text)


def test_yes_and_no_are_read_in_several_languages() -> None:
    assert [yes_or_no(word) for word in ("Ja", "SÌ", "ano", "x", True, 1)] == [True] * 6
    assert [yes_or_no(word) for word in ("nein", "", "ne", False, 0)] == [False] * 5
    with pytest.raises(NotUnderstood):
        yes_or_no("maybe")


def test_words_are_compared_without_case_accents_and_signs() -> None:
    assert plain("  Štěpán-NOVÝ ") == plain("stepan novy") == "stepan novy"
