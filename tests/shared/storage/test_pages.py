"""Pages of rows of which some are hidden: every mix, without any engine."""

import itertools

import pytest

from shared.storage import pages
from shared.storage.pages import Rows, fill, rows_of


def walk(shown: tuple[bool, ...], limit: int) -> tuple[list[list[int]], int]:
    """All pages of rows 1, 2, ... of which some are shown, and how many rows were read for them."""
    read_rows = 0

    def read(after: int, count: int) -> Rows[int, int]:
        nonlocal read_rows
        rows = [(number, number if shown[number - 1] else None) for number in range(after + 1, len(shown) + 1)][:count]
        read_rows += len(rows)
        return rows_of(rows, after, count)

    found, position, more = [], 0, True
    while more:
        page = fill(read, position, limit)
        found.append(page.items)
        position, more = page.position, page.more
    return found, read_rows


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_whatever_is_hidden_what_is_shown_comes_once_and_in_order_on_full_pages(limit: int) -> None:
    for length in range(9):
        for shown in itertools.product((True, False), repeat=length):
            found, _ = walk(shown, limit)

            assert list(itertools.chain(*found)) == [n for n, seen in enumerate(shown, start=1) if seen]
            assert all(len(page) == limit for page in found[:-1])


def test_many_hidden_rows_are_read_in_few_steps() -> None:
    found, read_rows = walk((*[False] * 4_050, True), 1)

    assert (found, read_rows) == ([[4_051]], 4_051)


def test_one_page_reads_a_bounded_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_READS", 1)

    found, _ = walk((False, False, False, False, True), 3)

    assert found == [[], [5]]
