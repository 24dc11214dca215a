"""The inbox: effects exactly once, what is set aside, and how it is let go again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from shared.bus.held import AWAITING, BEHIND, DEAD, Held, Incoming, list_dead
from shared.bus.inbox import Inbox, Subscription
from shared.clock import utc_now
from shared.errors import Conflict, NotYetKnown, Transient, Unavailable
from shared.schemas.event import Envelope
from shared.storage.mongo import Document, Mongo, MongoDatabase
from shared.storage.transaction import commit
from shared.storage.work import Duplicate, Raced, UnitOfWork
from tests.chaos.probe import Probe, probe_of
from tests.records import incoming

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
Act = Callable[[Probe, UnitOfWork], None]


@dataclass
class Desk:
    """An inbox with a handler that a test can change, and records to give it."""

    client: Mongo
    database: MongoDatabase
    topic: str
    act: Act
    prepare: Callable[[Sequence[Envelope], UnitOfWork], None] | None = None
    event_time: bool = False

    def __post_init__(self) -> None:
        self.offset = 0
        self.inbox = self.another()

    def another(self, act: Act | None = None) -> Inbox:
        """As another process would have it, perhaps with a mended handler."""
        handler = act or (lambda event, work: self.act(event, work))
        subscription = Subscription(
            name="desk", handlers={probe_of(self.topic): handler}, prepare=self.prepare, event_time=self.event_time
        )
        return Inbox(self.client, self.database, "/desk", subscription)

    def record(self, key: str, n: int, **facts: Any) -> Incoming:
        event = probe_of(self.topic)(probe_id=key, n=n, **facts)
        self.offset += 1
        return incoming(event, n, source="/probe", offset=self.offset, at=NOW + timedelta(seconds=n))

    def effects(self, key: str) -> list[int]:
        row = self.database["seen"].find_one({"_id": key})
        return row["ns"] if row else []

    def states(self) -> dict[str, int]:
        return self.inbox.held.counts()


def append(event: Probe, work: UnitOfWork) -> None:
    document = work.peek("seen", event.probe_id) or {"_id": event.probe_id, "ns": []}
    work.save("seen", {**document, "ns": [*document["ns"], event.n]})


def poisoned(event: Probe, work: UnitOfWork) -> None:
    if event.poison:
        raise Conflict("quotes data", code="BROKEN_RULE")
    append(event, work)


def waiting(event: Probe, work: UnitOfWork) -> None:
    if event.names is not None and work.peek("seen", event.names) is None:
        raise NotYetKnown(event.topic, event.names)
    append(event, work)


@pytest.fixture
def desk(client: Mongo, database: MongoDatabase, topic: str) -> Desk:
    return Desk(client, database, topic, append)


def test_what_comes_again_has_no_second_effect(desk: Desk) -> None:
    batch = [desk.record("a", 1), desk.record("b", 1), desk.record("a", 2)]
    desk.inbox.take([*batch, *batch])
    desk.inbox.take([*batch, desk.record("a", 3)])

    assert (desk.effects("a"), desk.effects("b")) == ([1, 2, 3], [1])
    assert desk.inbox.applied == 4


def test_two_processes_with_the_same_batch_have_one_effect(desk: Desk) -> None:
    """A consumer that was thought dead wakes up beside its successor."""
    batch = [desk.record(f"k{n % 7}", n // 7 + 1) for n in range(70)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda inbox: inbox.take(batch), [desk.another() for _ in range(4)]))

    assert all(desk.effects(f"k{i}") == list(range(1, 11)) for i in range(7))


def test_events_nobody_asked_for_are_passed_over(desk: Desk) -> None:
    other = desk.record("a", 1)
    future = replace(other, headers=tuple((k, b"x.y.v9" if k == "ce_type" else v) for k, v in other.headers))
    stranger = Desk(desk.client, desk.database, desk.topic + "other", append).record("a", 1)
    desk.inbox.take([future, stranger])

    assert desk.database["inbox"].count_documents({}) == 0


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


def test_what_names_the_unknown_waits_and_is_applied_in_order_with_it(desk: Desk) -> None:
    desk.act = waiting
    desk.inbox.take([desk.record("a", 1), desk.record("a", 2, names="late"), desk.record("a", 3)])
    assert (desk.effects("a"), desk.states()) == ([1], {DEAD: 0, BEHIND: 1, AWAITING: 1})

    desk.inbox.take([desk.record("late", 1)])
    assert desk.effects("a") == [1, 2, 3]
    assert desk.states()[AWAITING] == 0


def test_both_in_one_batch_in_the_wrong_order(desk: Desk) -> None:
    desk.act = waiting
    desk.inbox.take([desk.record("a", 1, names="late"), desk.record("late", 1), desk.record("a", 2)])
    assert desk.effects("a") == [1, 2]


def test_what_came_by_another_way_is_found_after_a_while(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.act = waiting
    desk.inbox.take([desk.record("a", 1, names="late")])
    assert desk.inbox.retry_awaiting() == 0  # tried just now
    desk.database["seen"].insert_one({"_id": "late", "ns": [], "version": 1})
    desk.inbox._clock = lambda: utc_now() + timedelta(seconds=5)

    assert desk.inbox.retry_awaiting() == 1
    assert desk.inbox.retry_awaiting() == 0
    assert desk.effects("a") == [1]


def test_one_wait_may_follow_another(desk: Desk) -> None:
    desk.act = waiting
    desk.inbox.take([desk.record("a", 1, names="x"), desk.record("a", 2, names="y")])
    desk.inbox.take([desk.record("x", 1)])
    assert desk.effects("a") == [1]
    desk.inbox.take([desk.record("y", 1)])
    assert desk.effects("a") == [1, 2]


def test_what_turns_out_to_be_poison_when_its_time_comes_is_a_dead_letter(desk: Desk) -> None:
    def act(event: Probe, work: UnitOfWork) -> None:
        waiting(event, work)
        if event.names:
            work.save("wrong", {"_id": 1, "what": object()})

    desk.act = act
    desk.inbox.take([desk.record("a", 1, names="late"), desk.record("b", 1, names="late")])
    desk.inbox.take([desk.record("late", 1)])

    assert desk.states() == {DEAD: 2, BEHIND: 0, AWAITING: 0}
    assert {letter.reason for letter in list_dead(desk.database)} == {"InvalidDocument"}


# -- what fails


@pytest.mark.parametrize(
    "error",
    [Transient("away"), Unavailable("away"), ServerSelectionTimeoutError("away")],
    ids=lambda error: type(error).__name__,
)
def test_a_passing_failure_writes_nothing_and_is_said(desk: Desk, error: Exception) -> None:
    def act(event: Probe, work: UnitOfWork) -> None:
        append(event, work)
        if event.n == 2:
            raise error

    desk.act = act
    with pytest.raises((Transient, ServerSelectionTimeoutError)):
        desk.inbox.take([desk.record("a", 1), desk.record("a", 2)])
    assert desk.database["inbox"].count_documents({}) == 0
    assert desk.effects("a") == []


def test_a_failed_look_up_before_the_batch_is_passing(client: Mongo, database: MongoDatabase, topic: str) -> None:
    def prepare(_envelopes: Sequence[Envelope], _work: UnitOfWork) -> None:
        raise Unavailable("the directory does not answer")

    desk = Desk(client, database, topic, append, prepare)
    with pytest.raises(Transient):
        desk.inbox.take([desk.record("a", 1)])


def test_a_culprit_that_only_the_database_finds_is_singled_out(desk: Desk) -> None:
    def act(event: Probe, work: UnitOfWork) -> None:
        append(event, work)
        if event.poison:
            work.save("wrong", {"_id": event.n, "what": object()})

    desk.act = act
    desk.inbox.take([desk.record("a", n, poison=n == 5) for n in range(1, 9)] + [desk.record("b", 1)])

    assert (desk.effects("a"), desk.effects("b")) == ([1, 2, 3, 4], [1])
    assert desk.states() == {DEAD: 1, BEHIND: 3, AWAITING: 0}


def test_a_unique_index_makes_a_dead_letter_by_name(desk: Desk) -> None:
    desk.database["seen"].create_index("mark", unique=True, name="one_mark", sparse=True)

    def act(event: Probe, work: UnitOfWork) -> None:
        work.save("seen", {"_id": event.probe_id, "ns": [event.n], "mark": "same"})

    desk.act = act
    desk.inbox.take([desk.record("a", 1), desk.record("b", 1)])

    assert desk.effects("a") == [1]
    assert [letter.reason for letter in list_dead(desk.database)] == ["Duplicate: one_mark"]
    with pytest.raises(Duplicate):
        desk.inbox.release(f"{desk.topic}/b")


def test_an_insert_that_somebody_else_did_first_is_decided_again(desk: Desk) -> None:
    """A request made the document between the handler's look and the commit: no poison."""
    rivals = iter([True])

    def act(event: Probe, work: UnitOfWork) -> None:
        seen = work.peek("seen", event.probe_id)
        if next(rivals, False):
            desk.database["seen"].insert_one({"_id": event.probe_id, "ns": [0], "version": 1})
        document = seen or {"_id": event.probe_id, "ns": []}
        work.save("seen", {**document, "ns": [*document["ns"], event.n]})

    desk.act = act
    desk.inbox.take([desk.record("a", 1)])

    assert desk.effects("a") == [0, 1]
    assert desk.states()[DEAD] == 0


def test_a_duplicate_that_cannot_be_read_for_a_moment_is_no_poison(desk: Desk) -> None:
    """Another worker's insert refuses ours at once; it can be read only when a majority has it."""
    desk.database["seen"].insert_one({"_id": "a", "ns": [0], "version": 1})
    desk.database["seen"].insert_one({"_id": "b", "ns": [0], "version": 1})
    readable_at = time.monotonic() + 0.5

    def act(event: Probe, work: UnitOfWork) -> None:
        seen = work.peek("seen", event.probe_id) if time.monotonic() > readable_at else None
        document = seen or {"_id": event.probe_id, "ns": []}
        work.save("seen", {**document, "ns": [*document["ns"], event.n]})

    desk.act = act
    desk.inbox.take([desk.record("a", 1), desk.record("b", 1)])

    assert (desk.effects("a"), desk.effects("b")) == ([0, 1], [0, 1])
    assert desk.states() == {DEAD: 0, BEHIND: 0, AWAITING: 0}


def test_what_is_let_go_is_no_poison_when_a_duplicate_cannot_be_read_for_a_moment(desk: Desk) -> None:
    desk.act = waiting
    desk.inbox.take([desk.record("a", 1, names="late")])
    for key in ("a", "late"):
        desk.database["seen"].insert_one({"_id": key, "ns": [0], "version": 1})
    readable_at = time.monotonic() + 1.5

    def act(event: Probe, work: UnitOfWork) -> None:
        seen = work.peek("seen", event.probe_id) if time.monotonic() > readable_at else None
        document = seen or {"_id": event.probe_id, "ns": []}
        work.save("seen", {**document, "ns": [*document["ns"], event.n]})

    desk.act = act
    (held,) = desk.inbox.held.of_aggregate(f"{desk.topic}/a")

    assert desk.inbox._try_again(held) == 1
    assert desk.effects("a") == [0, 1]


def test_races_are_decided_again_and_given_up_at_last(desk: Desk) -> None:
    rounds: list[int] = []

    def act(event: Probe, work: UnitOfWork) -> None:
        append(event, work)
        rounds.append(event.n)
        if len(rounds) < 3 or event.n == 2:
            desk.database["seen"].update_one(
                {"_id": "a"}, {"$inc": {"version": 1}, "$setOnInsert": {"ns": []}}, upsert=True
            )

    desk.act = act
    desk.inbox.take([desk.record("a", 1)])
    assert desk.effects("a") == [1]
    with pytest.raises(Transient, match="races"):
        desk.inbox.take([desk.record("a", 2)])


def test_a_handler_may_see_the_events_own_time(client: Mongo, database: MongoDatabase, topic: str) -> None:
    def act(event: Probe, work: UnitOfWork) -> None:
        if event.poison:
            raise ValueError
        work.save("seen", {"_id": event.probe_id, "ns": [event.n], "at": work.clock()})

    desk = Desk(client, database, topic, act, event_time=True)
    desk.inbox.take([desk.record("a", 5), desk.record("b", 1, poison=True)])

    row = database["seen"].find_one({"_id": "a"})
    assert row is not None
    assert row["at"] == row["created_at"] == NOW + timedelta(seconds=5)
    (letter,) = list_dead(database)
    assert letter.held_at > NOW + timedelta(days=1)  # how long it waits is no matter of the event's time
