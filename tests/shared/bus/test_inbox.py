"""The inbox: effects exactly once, what comes too early, and what only the database refuses."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from shared.bus.held import AWAITING, BEHIND, DEAD, list_dead
from shared.clock import utc_now
from shared.errors import Transient, Unavailable
from shared.schemas.event import Envelope
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.work import Duplicate, UnitOfWork
from tests.chaos.probe import Probe
from tests.shared.bus.inboxes import NOW, Desk, append, waiting


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
