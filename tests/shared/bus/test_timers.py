"""Timers: one process at a time, each item alone, nobody starves."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from pymongo.errors import AutoReconnect

from shared.bus import timers
from shared.bus.timers import Leased, Timer, Turns, walk
from shared.errors import Transient
from shared.storage.mongo import MongoDatabase

IDS = [f"{number:04d}" for number in range(1_000)]


def ids(known: Sequence[str]) -> Callable[[str, int], Sequence[str]]:
    """Reads ids as a store does."""
    return lambda after, limit: [i for i in known if i > after][:limit]


def noting(done: list[str]) -> Callable[[str], int]:
    """Does an item by writing it down."""

    def act(item: str) -> int:
        done.append(item)
        return 1

    return act


def counting(turns: list[int]) -> Callable[[], int]:
    """An action that counts its turns."""

    def action() -> int:
        turns.append(1)
        return 1

    return action


def test_everything_due_is_done_in_one_turn_when_time_allows() -> None:
    done: list[str] = []
    turns = Turns("probe", walk(ids(IDS)), noting(done))

    assert turns() == 1_000
    assert done == IDS


@pytest.mark.parametrize("error", [KeyError("ours"), AutoReconnect("away"), Transient("away")])
def test_an_item_that_fails_holds_up_nobody(error: Exception) -> None:
    done: list[str] = []

    def act(item: str) -> int:
        if item < IDS[5]:
            raise error
        done.append(item)
        return 1

    assert Turns("probe", walk(ids(IDS[:10])), act, turn_seconds=60)() == 5
    assert done == IDS[5:10]


def test_an_item_that_failed_rests_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "_FIRST_REST", 0.05)
    tried: list[float] = []

    def act(_: str) -> int:
        tried.append(time.monotonic())
        raise KeyError("ours")

    turns = Turns("probe", walk(ids(["a"])), act)
    until = time.monotonic() + 20
    while len(tried) < 4 and time.monotonic() < until:
        turns()

    pauses = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert len(pauses) == 3
    assert all(pause >= least for pause, least in zip(pauses, (0.05, 0.1, 0.2), strict=True))


def test_an_item_with_endless_work_does_not_starve_the_others() -> None:
    done: list[str] = []

    def act(item: str) -> int:
        done.append(item)
        return 1 if item in {"a", "b"} else 0

    turns = Turns("probe", walk(ids(["a", "b", "c"])), act, repeat=True, turn_seconds=60, item_seconds=0.01)
    turns()

    assert list(dict.fromkeys(done)) == ["a", "b", "c"]
    assert done.count("a") > 1


def test_a_turn_ends_with_its_time_and_the_next_one_goes_on_behind_it() -> None:
    done: list[str] = []

    def slow(item: str) -> int:
        done.append(item)
        time.sleep(0.01)
        return 1

    turns = Turns("probe", walk(ids(IDS[:10])), slow, turn_seconds=0.0)
    for _ in range(10):
        turns()

    assert done == IDS[:10]


def test_positions_without_an_item_are_passed_over_and_remembered() -> None:
    begun: list[str] = []

    def due(after: str) -> Iterator[tuple[str, str | None]]:
        begun.append(after)
        yield from ((i, None) for i in "abc" if i > after)

    turns = Turns("probe", due, lambda _: 1, turn_seconds=0.0)

    assert [turns() for _ in range(4)] == [0] * 4
    assert begun == ["", "a", "b", "c"]


def test_one_of_many_processes_does_it_and_another_one_when_that_stops(database: MongoDatabase) -> None:
    turns: list[list[int]] = [[], [], []]
    processes = [Leased(Timer("probe", 0.01, counting(mine)), database) for mine in turns]
    for _ in range(20):
        for process in processes:
            process.take()
    first = [len(mine) for mine in turns]

    processes[0].end()
    later = _until(lambda: [process.take() for process in processes[1:]], lambda: any(turns[1:]))

    assert first == [20, 0, 0]
    assert later


def test_when_the_process_dies_another_one_goes_on(database: MongoDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "_ASK_SECONDS", 0.05)
    ours: list[int] = []
    Leased(Timer("probe", 0.01, lambda: 1), database).take()
    heir = Leased(Timer("probe", 0.01, counting(ours)), database)

    assert heir.take() == 0
    assert _until(lambda: [heir.take()], lambda: bool(ours), seconds=50)


def test_a_timer_whose_items_cannot_be_read_comes_again(database: MongoDatabase) -> None:
    errors = iter([AutoReconnect("away"), Transient("away"), KeyError("ours")])

    def action() -> int:
        for error in errors:
            raise error
        return 7

    timer = Leased(Timer("probe", 0.01, action), database)

    assert [timer.take() for _ in range(4)] == [0, 0, 0, 7]


def _until(act: Callable[[], object], good: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not good() and time.monotonic() < end:
        act()
        threading.Event().wait(0.02)
    return good()
