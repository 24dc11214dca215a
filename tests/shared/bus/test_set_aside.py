"""What is set aside of one key: it bars the key, and is let go in order."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from shared.bus.held import AWAITING, BEHIND, DEAD, Held, Incoming, list_dead
from shared.clock import utc_now
from shared.errors import Transient
from shared.storage.mongo import Document, Mongo, MongoDatabase
from shared.storage.transaction import commit
from shared.storage.work import Raced, UnitOfWork
from tests.chaos.probe import Probe
from tests.shared.bus.inboxes import Desk, append, poisoned


@pytest.fixture
def desk(client: Mongo, database: MongoDatabase, topic: str) -> Desk:
    return Desk(client, database, topic, append)


def test_poison_bars_its_key_and_no_other(desk: Desk) -> None:
    desk.act = poisoned
    batch = [desk.record("a", 1), desk.record("a", 2, poison=True), desk.record("b", 1), desk.record("a", 3)]
    desk.inbox.take(batch)
    desk.inbox.take([*batch, desk.record("a", 4), desk.record("b", 2)])

    assert (desk.effects("a"), desk.effects("b")) == ([1], [1, 2])
    assert desk.states() == {DEAD: 1, BEHIND: 2, AWAITING: 0}
    (letter,) = list_dead(desk.database)
    assert (letter.id, letter.reason) == (f"{desk.topic}/a/2", "BROKEN_RULE")
    assert desk.inbox.held.find(letter.id) == letter


def test_what_another_process_set_aside_bars_its_key_here(desk: Desk) -> None:
    """Its owner before, who was frozen, wakes up after we saw that nothing is set aside."""
    desk.act = poisoned
    first, second, other = desk.record("a", 1, poison=True), desk.record("a", 2), desk.record("b", 1)
    desk.inbox.retry_awaiting()
    desk.another().take([first])
    desk.inbox.take([first, second, other])

    assert (desk.effects("a"), desk.effects("b")) == ([], [1])
    assert desk.states() == {DEAD: 1, BEHIND: 1, AWAITING: 0}


def test_who_gets_a_partition_asks_anew_what_is_set_aside(desk: Desk) -> None:
    """Its owner before has committed its offset, so that the event set aside does not come to us."""
    desk.act = poisoned
    desk.inbox.retry_awaiting()
    desk.another().take([desk.record("a", 1, poison=True)])
    desk.inbox.held.doubt()
    desk.inbox.take([desk.record("a", 2)])

    assert (desk.effects("a"), desk.states()) == ([], {DEAD: 1, BEHIND: 1, AWAITING: 0})


def test_a_look_from_before_a_doubt_counts_for_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.act = poisoned
    has = Held._has

    def look_and_doubt(held: Held, what: Document) -> bool:
        found = has(held, what)
        if not what:
            desk.another().take([desk.record("a", 1, poison=True)])
            desk.inbox.held.doubt()
        return found

    monkeypatch.setattr(Held, "_has", look_and_doubt)
    desk.inbox.held.look()
    monkeypatch.undo()
    desk.inbox.take([desk.record("a", 2)])

    assert desk.effects("a") == []


def test_nobody_is_asked_while_nothing_is_set_aside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.inbox.take([desk.record("a", 1)])
    desk.inbox.retry_awaiting()
    monkeypatch.setattr(desk.inbox.held, "_keys", None)  # whoever asked it would fail
    desk.inbox.take([desk.record("a", 2)])
    assert desk.effects("a") == [1, 2]

    moment = time.monotonic() + 2
    monkeypatch.setattr(time, "monotonic", lambda: moment)
    with pytest.raises(AttributeError):
        desk.inbox.take([desk.record("a", 3)])


def test_a_replay_applies_the_key_in_order_and_frees_it(desk: Desk) -> None:
    desk.act = poisoned
    desk.inbox.take([desk.record("a", 1, poison=True), desk.record("a", 2), desk.record("a", 3)])
    mended = desk.another(append)

    assert mended.release(f"{desk.topic}/a") == 3
    desk.inbox.take([desk.record("a", 4)])
    assert desk.effects("a") == [1, 2, 3, 4]
    assert desk.states() == {DEAD: 0, BEHIND: 0, AWAITING: 0}
    assert desk.database["held_keys"].count_documents({}) == 0
    assert mended.release(f"{desk.topic}/a") == 0


def test_a_discard_drops_the_one_and_applies_the_rest(desk: Desk) -> None:
    desk.act = poisoned
    desk.inbox.take([desk.record("a", 1, poison=True), desk.record("a", 2), desk.record("a", 3)])

    assert desk.another().release(f"{desk.topic}/a", discard=f"{desk.topic}/a/1") == 3
    desk.inbox.take([desk.record("a", 1, poison=True)])  # it was taken in: it does not come back
    assert desk.effects("a") == [2, 3]


def test_a_replay_in_vain_leaves_everything_where_it_was(desk: Desk) -> None:
    desk.act = poisoned
    desk.inbox.take([desk.record("a", 1, poison=True), desk.record("a", 2), desk.record("a", 3, poison=True)])

    assert desk.inbox.release(f"{desk.topic}/a") == 0
    assert desk.inbox.release(f"{desk.topic}/a", discard=f"{desk.topic}/a/1") == 2
    assert desk.effects("a") == [2]
    assert [(letter.id, letter.state) for letter in list_dead(desk.database)] == [(f"{desk.topic}/a/3", DEAD)]
    desk.inbox.take([desk.record("a", 4)])
    assert desk.states() == {DEAD: 1, BEHIND: 1, AWAITING: 0}


def test_a_refilled_log_does_not_change_the_order_of_a_barred_key(desk: Desk) -> None:
    """Kafka lost its data: offsets count anew, and what came later stands at a smaller one."""
    desk.act = poisoned
    desk.offset = 900
    desk.inbox.take([desk.record("a", 1, poison=True), desk.record("a", 2)])
    desk.offset = 0
    desk.inbox.take([desk.record("a", 3)])

    desk.another(append).release(f"{desk.topic}/a")
    assert desk.effects("a") == [1, 2, 3]


def test_bytes_that_are_no_event_are_set_aside(desk: Desk) -> None:
    good = desk.record("a", 1)
    foreign = Incoming(topic=desk.topic, partition=1, offset=7, key="k", headers=(), value=b"\x00")
    broken = replace(desk.record("a", 2), value=b"{")
    desk.inbox.take([foreign, good, broken, desk.record("a", 3)])

    assert desk.effects("a") == [1]
    assert {letter.aggregate for letter in list_dead(desk.database)} == {f"{desk.topic}/k", f"{desk.topic}/a"}
    assert desk.inbox.release(f"{desk.topic}/k", discard=f"{desk.topic}/1@7") == 1


@pytest.mark.parametrize("worker_first", [True, False])
def test_a_follower_that_comes_during_a_release_is_not_left_behind(desk: Desk, worker_first: bool) -> None:
    """The worker adds a follower while the operations' door releases the key: both orders, in the middle of it."""
    desk.act = poisoned
    desk.inbox.take([desk.record("a", 1, poison=True)])
    follower = desk.record("a", 2)
    entered, go_on = threading.Event(), threading.Event()

    def slowly(event: Probe, work: UnitOfWork) -> None:
        append(event, work)
        if not entered.is_set():
            entered.set()
            go_on.wait(5)

    release = threading.Thread(target=lambda: desk.another(slowly).release(f"{desk.topic}/a"))
    if worker_first:
        release.start()
        entered.wait(5)
        desk.inbox.take([follower])  # commits before the release does
        go_on.set()
    else:
        held = Held(desk.database, "desk.g1")
        work = UnitOfWork(desk.database, utc_now, "/desk")
        assert held.held_aggregates([f"{desk.topic}/a"])
        held.add(work, follower, held_id="a/2", state=BEHIND, reason="behind")  # decided, not committed
        release.start()
        go_on.set()
        release.join(5)
        with pytest.raises(Raced):
            commit(desk.client, work)
        desk.inbox.take([follower])  # decides again: the key is free
    release.join(5)

    assert desk.effects("a") == [1, 2]
    assert desk.states() == {DEAD: 0, BEHIND: 0, AWAITING: 0}
    assert desk.database["held_keys"].count_documents({}) == 0


def test_followers_and_releases_from_many_sides_keep_the_order(desk: Desk) -> None:
    """Every third event is poison until it is released from elsewhere; the worker never stops adding."""
    desk.act = lambda event, work: poisoned(event, work)
    over = threading.Event()

    def release() -> None:
        mended = desk.another(append)
        while not over.is_set() or list_dead(desk.database):
            for letter in list_dead(desk.database):
                with suppress(Transient):  # busy: the other door is at it
                    mended.release(letter.aggregate)

    doors = [threading.Thread(target=release) for _ in range(2)]
    for door in doors:
        door.start()
    for n in range(1, 61):
        desk.inbox.take([desk.record(key, n, poison=n % 3 == 0) for key in "ab"])
    over.set()
    for door in doors:
        door.join(30)

    assert desk.effects("a") == desk.effects("b") == list(range(1, 61))
    assert desk.database["held_keys"].count_documents({}) == 0


# -- what came too early
