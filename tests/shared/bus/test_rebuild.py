"""Rebuild of a read model: resumed after a kill in any step, fenced, and never a switch to what misses something."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.bus.consumer import _incoming
from shared.bus.generations import Building, Generations
from shared.bus.held import list_dead
from shared.bus.inbox import Inbox, Subscription
from shared.bus.kafka import KafkaSettings
from shared.bus.rebuild import rebuild
from shared.errors import Conflict
from shared.storage.lease import Lease
from shared.storage.mongo import Mongo, MongoDatabase
from tests.chaos.arena import Arena, read_topic, wait_for
from tests.chaos.member import MODEL
from tests.chaos.probe import CONSUMER, EFFECTS, counting
from tests.chaos.rebuilding import STEPS, image
from tests.shared.bus.flow import effects_of, happen, relay_all

Build = Callable[..., int]


@pytest.fixture
def build(client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str) -> Build:
    """Rebuild the counting read model of this test's database."""

    def build(subscription: Subscription | None = None, **options: Any) -> int:
        wanted = subscription or counting(topic, event_time=True)
        return rebuild(client, database, kafka, "/probe", wanted, MODEL, lambda _aliases: None, **options)

    return build


def consume(client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str) -> Inbox:
    """Build generation 1 from the log; its inbox, to discard by."""
    inbox = Inbox(client, database, "/probe", counting(topic, event_time=True), aliases=MODEL.aliases(1))
    inbox.take([_incoming(record) for record in read_topic(kafka.kafka_bootstrap, topic)])
    return inbox


def test_a_kill_in_every_step_leaves_a_rebuild_that_the_next_one_ends(arena: Arena) -> None:
    generations = Generations(arena.database, [MODEL])
    arena.write(arena.keys * 5)
    worker = arena.spawn("worker", event_time=True)
    assert wait_for(lambda: arena.effects_total() == arena.expected.total(), 120)
    worker.terminate()
    worker.join()
    expected = image(arena.database, 1)
    arena.database["generation_numbers"].insert_one({"_id": CONSUMER, "n": 5})
    arena.database["inbox"].insert_one({"_id": f"{CONSUMER}.g4/left/over"})

    for step in dict.fromkeys(STEPS):
        died = arena.spawn("rebuild", event_time=True, dies_before=step, lease_seconds=1.0)
        died.join(120)
        assert died.exitcode == -9, f"{step}: {arena.last_words()}"
        assert wait_for(lambda: Lease(arena.database, f"rebuild/{CONSUMER}", "looks", 0.001).acquire(), 30)
        if step == "end":
            break
        assert generations.present(CONSUMER) == 1, step

    assert generations.present(CONSUMER) == 6
    assert image(arena.database, 6) == expected
    last = arena.spawn("rebuild", event_time=True, lease_seconds=1.0)
    last.join(120)
    assert last.exitcode == 0
    assert generations.present(CONSUMER) == 7
    assert image(arena.database, 7) == expected
    assert arena.database["inbox"].count_documents({"_id": {"$regex": rf"^{CONSUMER}\.g[1-5]/"}}) == 0
    assert MODEL.aliases(1)[EFFECTS] not in arena.database.list_collection_names()
    arena.database[MODEL.aliases(7)[EFFECTS]].rename(EFFECTS)


def test_a_rebuild_removes_its_own_remains_and_nothing_of_others(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str, build: Build
) -> None:
    for name in (f"{EFFECTS}.g5", f"{EFFECTS}.groups", "others"):
        database[name].insert_one({"x": 1})
    database["generation_numbers"].insert_one({"_id": CONSUMER, "n": 11})
    strangers = [f"{CONSUMER}.gold.g1/a/1", f"{CONSUMER}X.g1/a/1", f"{CONSUMER}.g1/a/1"]
    database["inbox"].insert_many([{"_id": name} for name in [*strangers, f"{CONSUMER}.g5/a/1", f"{CONSUMER}.g11/a/1"]])
    happen(client, database, topic, "a", "a", "b")
    relay_all(client, database, kafka)

    number = build()

    names = set(database.list_collection_names())
    assert {f"{EFFECTS}.groups", "others", f"{EFFECTS}.g{number}"} <= names
    assert f"{EFFECTS}.g5" not in names
    left = {row["_id"] for row in database["inbox"].find({"_id": {"$not": {"$regex": f"/{topic}/"}}})}
    assert left == set(strangers)
    assert effects_of(database, f"{topic}/a", f"{EFFECTS}.g{number}") == [1, 2]


def test_only_one_rebuild_at_a_time(database: MongoDatabase, build: Build) -> None:
    other = Lease(database, f"rebuild/{CONSUMER}", "other", 30)
    other.acquire()
    with pytest.raises(Conflict, match="already"):
        build()


def test_who_slept_through_another_rebuild_switches_nothing(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str, build: Build
) -> None:
    """It wakes up right before its switch, when it no longer asks anybody for the lease."""
    happen(client, database, topic, "a")
    relay_all(client, database, kafka)

    def sleep_before(step: str) -> None:
        if step == "switch":
            lapsed = {"owner": None, "expires_at": datetime(1970, 1, 1, tzinfo=UTC)}
            database["leases"].update_one({"_id": f"rebuild/{CONSUMER}"}, {"$set": lapsed})
            assert build(anew=True) == 3

    with pytest.raises(Conflict, match="took over"):
        build(reached=sleep_before)
    assert Generations(database, [MODEL]).present(CONSUMER) == 3
    assert effects_of(database, f"{topic}/a", f"{EFFECTS}.g3") == [1]


def test_an_earlier_epoch_neither_begins_nor_notes_nor_switches(database: MongoDatabase) -> None:
    generations = Generations(database, [MODEL])
    late = generations.begin(CONSUMER, 7)
    early = Building(late.generation, 6)
    for act in (
        lambda: generations.begin(CONSUMER, 6),
        lambda: generations.note(CONSUMER, early, {"left": 1}),
        lambda: generations.switch(CONSUMER, early),
    ):
        with pytest.raises(Conflict, match="took over"):
            act()
    assert generations.begin(CONSUMER, 8).generation == late.generation
    assert generations.begin(CONSUMER, 9, anew=True).generation > late.generation


def test_dead_letters_of_the_new_generation_forbid_the_switch_until_they_are_discarded(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str, build: Build
) -> None:
    happen(client, database, topic, "a")
    happen(client, database, topic, "a", poison=True)
    happen(client, database, topic, "a")
    relay_all(client, database, kafka)

    with pytest.raises(Conflict, match=f"{topic}/a/2") as refused:
        build()
    assert refused.value.error_code == "DEAD_LETTERS"
    assert Generations(database, [MODEL]).present(CONSUMER) == 1

    (dead,) = list_dead(database)
    subscription = counting(topic, event_time=True)
    Inbox(client, database, "/probe", subscription, generation=2, aliases=MODEL.aliases(2)).release(
        dead.aggregate, discard=dead.id
    )
    assert build() == 2
    assert effects_of(database, f"{topic}/a", f"{EFFECTS}.g2") == [1, 3]


@pytest.mark.parametrize("mended", [False, True])
def test_what_was_discarded_stays_discarded_also_where_the_code_could_take_it_now(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str, build: Build, mended: bool
) -> None:
    happen(client, database, topic, "a")
    happen(client, database, topic, "a", poison=True)
    happen(client, database, topic, "a")
    relay_all(client, database, kafka)
    inbox = consume(client, database, kafka, topic)
    (dead,) = list_dead(database)
    inbox.release(dead.aggregate, discard=dead.id)
    before = image(database, 1)

    number = build(counting(topic, event_time=True, mended=mended))

    assert image(database, number) == before
    assert list_dead(database) == []


def test_what_is_discarded_while_the_rebuild_has_passed_it_already_is_discarded_there_too(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str, build: Build
) -> None:
    happen(client, database, topic, "a", poison=True)
    happen(client, database, topic, "a")
    relay_all(client, database, kafka)
    inbox = consume(client, database, kafka, topic)
    (dead,) = list_dead(database)

    def discard_at(step: str) -> None:
        if step == "discard":
            inbox.release(dead.aggregate, discard=dead.id)

    number = build(reached=discard_at)

    assert image(database, number) == image(database, 1)


def test_a_rebuild_that_does_not_move_says_what_it_waits_for_and_switches_nothing(
    client: Mongo, database: MongoDatabase, kafka: KafkaSettings, topic: str, build: Build
) -> None:
    happen(client, database, topic, "a")
    relay_all(client, database, kafka)
    with pytest.raises(TimeoutError, match=r"it waited for the broker|events were left"):
        build(patience=-1)
    assert Generations(database, [MODEL]).present(CONSUMER) == 1
    assert build() == 2, "the next one goes on"
