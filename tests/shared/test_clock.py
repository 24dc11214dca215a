"""Identifiers tell when they were made."""

import pytest

from shared.clock import made_at, new_id, utc_now


def test_an_id_of_ours_says_when_it_was_made() -> None:
    before = utc_now()
    made = made_at(new_id())

    assert made is not None
    assert before <= made <= utc_now() or (made - before).total_seconds() < 0.01


@pytest.mark.parametrize(
    "other", ["6f1b5f0e-3f0a-4b6e-9c57-0d6b1f2a7c11", "no id", "", "ffffffff-ffff-7fff-bfff-ffffffffffff"]
)
def test_of_any_other_nothing_is_known(other: str) -> None:
    assert made_at(other) is None
