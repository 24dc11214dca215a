"""The unit of work: read once, decided in memory, written in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import ASCENDING, InsertOne, UpdateOne
from pymongo.client_session import ClientSession

from deploy.local.engines import Engines
from shared.clock import utc_now
from shared.errors import Invalid, Transient
from shared.storage.mongo import TRANSACTION, Mongo, MongoDatabase, connect, within
from shared.storage.transaction import commit, decide, in_transaction
from shared.storage.work import Absent, Asked, Duplicate, Raced, UnitOfWork
from tests.chaos.probe import probe_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _work(database: MongoDatabase) -> UnitOfWork:
    return UnitOfWork(database, lambda: NOW, "/probe")


def test_a_saved_document_gets_version_sequence_and_times(client: Mongo, database: MongoDatabase, topic: str) -> None:
    work, event = _work(database), probe_of(topic)
    work.save("things", {"_id": "a"}, [event(probe_id="a", n=1), event(probe_id="a", n=2)])
    after = work.save("things", {"_id": "a", "colour": "red"}, [event(probe_id="a", n=3)])
    commit(client, work)

    stored = database["things"].find_one({"_id": "a"})
    rows = list(database["outbox"].find().sort("sequence", ASCENDING))
    assert stored == after
    assert (after["version"], after["sequence"], after["created_at"], after["updated_at"]) == (2, 3, NOW, NOW)
    assert [row["_id"] for row in rows] == [f"{topic}/a/{n}" for n in (1, 2, 3)]
    assert {row["sent"] for row in rows} == {False}
    assert work.events == 3


def test_what_is_not_there_is_absent_and_asked_for_once(database: MongoDatabase) -> None:
    work = _work(database)
    work.preload("things", ["a", "b", "a"])
    database["things"].insert_one({"_id": "a", "version": 1})

    with pytest.raises(Absent):
        work.get("things", "a")  # remembered as absent: this unit of work saw the database before
    assert work.peek("things", "c") is None
    work.preload("things", ["a", "b"])
    assert work.empty


def test_a_change_in_between_is_noticed(client: Mongo, database: MongoDatabase) -> None:
    database["things"].insert_one({"_id": "a", "version": 1, "created_at": NOW, "updated_at": NOW})
    work = _work(database)
    work.save("things", {**work.get("things", "a"), "mine": True})
    database["things"].update_one({"_id": "a"}, {"$set": {"version": 2, "theirs": True}})

    with pytest.raises(Raced):
        commit(client, work)
    assert "mine" not in (database["things"].find_one() or {})


def test_a_deletion_of_a_changed_document_is_refused(client: Mongo, database: MongoDatabase) -> None:
    database["things"].insert_one({"_id": "a", "version": 1})
    work = _work(database)
    work.delete("things", "a")
    work.delete("things", "not there")
    database["things"].update_one({"_id": "a"}, {"$set": {"version": 2}})

    with pytest.raises(Raced):
        commit(client, work)


def test_deletes_replacements_and_inserts_go_together(client: Mongo, database: MongoDatabase) -> None:
    database["things"].create_index("place", unique=True, name="one_place")
    for name in "abc":
        first = _work(database)
        first.save("things", {"_id": name, "place": name})
        commit(client, first)
    work = _work(database)
    work.save("things", {"_id": "new", "place": "a"})  # takes what the deleted one frees
    work.delete("things", "a")
    work.save("things", {**work.get("things", "b"), "place": "moved"})
    work.save("things", {"_id": "newer", "place": "b"})
    work.save("things", {"_id": "short-lived", "place": "z"})
    work.delete("things", "short-lived")
    commit(client, work)

    found = {row["_id"]: row["place"] for row in database["things"].find()}
    assert found == {"b": "moved", "c": "c", "new": "a", "newer": "b"}


def test_a_unique_index_refuses_by_name(client: Mongo, database: MongoDatabase) -> None:
    database["things"].create_index("place", unique=True, name="one_place")
    database["things"].insert_one({"_id": "there", "place": 1})
    work = _work(database)
    work.save("things", {"_id": "new", "place": 1})

    with pytest.raises(Duplicate) as refused:
        commit(client, work)
    assert refused.value.index == "one_place"


def test_find_shows_documents_as_this_unit_of_work_sees_them(client: Mongo, database: MongoDatabase) -> None:
    database["things"].insert_many([{"_id": i, "version": 1, "kind": "x"} for i in range(3)])
    work = _work(database)
    work.save("things", {**work.get("things", 0), "changed": True, "created_at": NOW, "updated_at": NOW})
    work.delete("things", 1)

    found = work.find("things", {"kind": "x"}, sort=[("_id", ASCENDING)])
    assert [row["_id"] for row in found] == [0, 2]
    assert found[0]["changed"]


def test_aliases_name_the_collection_behind_a_read_model(client: Mongo, database: MongoDatabase) -> None:
    work = UnitOfWork(database, utc_now, "/probe", {"people": "people.g2"})
    work.save("people", {"_id": 1})
    commit(client, work)

    assert database["people.g2"].count_documents({}) == 1


def test_an_extra_update_that_matches_nothing_is_a_lost_race(client: Mongo, database: MongoDatabase) -> None:
    work = _work(database)
    work.also("rows", InsertOne({"_id": 1}))
    work.also("rows", UpdateOne({"_id": 2}, {"$set": {"x": 1}}))

    with pytest.raises(Raced):
        commit(client, work)
    assert database["rows"].count_documents({}) == 0


def test_an_event_that_kafka_would_refuse_is_refused_before_the_commit(database: MongoDatabase, topic: str) -> None:
    work = _work(database)
    with pytest.raises(Invalid, match="can be published"):
        work.save("things", {"_id": "a"}, [probe_of(topic)(probe_id="a", n=1, names="x" * 1_000_000)])


def test_a_question_is_put_once_and_then_answered(database: MongoDatabase) -> None:
    work = _work(database)
    with pytest.raises(Asked) as asked:
        work.ask("seat?")
    assert asked.value.question == "seat?"
    work.answers["seat?"] = 7
    assert work.ask("seat?") == 7


def test_what_waits_for_the_commit_is_told_after_it_and_only_then(client: Mongo, database: MongoDatabase) -> None:
    told: list[int] = []
    work = _work(database)
    _fail(work, lambda: work.after_commit(lambda: told.append(1)))
    work.after_commit(lambda: told.append(database["things"].count_documents({})))
    work.save("things", {"_id": 1})
    commit(client, work)

    assert told == [1]


def test_more_steps_join_the_transaction(client: Mongo, database: MongoDatabase) -> None:
    work = _work(database)
    work.save("things", {"_id": 1})

    def refuse(session: Any) -> None:
        raise Raced("no")

    with pytest.raises(Raced):
        commit(client, work, refuse)
    assert database["things"].count_documents({}) == 0


def test_an_action_alone_is_decided_again_when_somebody_was_faster(client: Mongo, database: MongoDatabase) -> None:
    database["things"].insert_one({"_id": 1, "version": 1, "n": 0})
    rounds: list[int] = []

    def act(work: UnitOfWork) -> int:
        document = work.get("things", 1)
        if not rounds:
            database["things"].update_one({"_id": 1}, {"$inc": {"version": 1, "n": 10}})
        rounds.append(1)
        saved = work.save("things", {**document, "created_at": NOW, "updated_at": NOW, "n": document["n"] + 1})
        return int(saved["n"])

    assert decide(client, lambda: _work(database), act) == 11
    assert len(rounds) == 2


def test_an_action_that_loses_every_race_gives_up_for_now(client: Mongo, database: MongoDatabase) -> None:
    def act(work: UnitOfWork) -> None:
        work.also("rows", UpdateOne({"_id": "never there"}, {"$set": {"x": 1}}))

    with pytest.raises(Transient):
        decide(client, lambda: _work(database), act)


def test_one_query_loads_from_several_collections_and_by_any_unique_field(database: MongoDatabase) -> None:
    database["things"].insert_many([{"_id": "a", "version": 1, "place": "here"}, {"_id": "b", "version": 1}])
    database["seats"].insert_one({"_id": "a", "version": 1, "free": 3})
    work = _work(database)

    wanted = [("things", "_id", "b"), ("seats", "_id", "a"), ("seats", "_id", "x"), ("things", "place", "here")]
    assert work.load([*wanted, ("things", "place", "nowhere")])
    assert not work.load(wanted)
    database["things"].delete_many({})  # from here on only what was loaded is known

    assert work.find_by("things", "place", ["here", "nowhere"]) == {"here": {"_id": "a", "version": 1, "place": "here"}}
    assert (work.known("things", "b"), work.known("seats", "a")) == (
        {"_id": "b", "version": 1},
        {"_id": "a", "version": 1, "free": 3},
    )
    assert work.known("seats", "x") is None
    assert work.peek("things", "a") == {"_id": "a", "version": 1, "place": "here"}


def test_what_a_unit_of_work_changed_is_what_it_finds(database: MongoDatabase) -> None:
    database["things"].insert_one({"_id": "a", "version": 1, "place": "here"})
    work = _work(database)
    work.save("things", {**work.get("things", "a"), "colour": "red"})

    assert work.find_by("things", "place", ["here"])["here"]["colour"] == "red"


# -- what a savepoint undoes

_CHANGE = st.tuples(st.sampled_from(["save", "delete", "also", "after"]), st.integers(0, 4))
_PART = st.tuples(st.lists(_CHANGE, max_size=6), st.booleans())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(_PART, max_size=6))
def test_a_failed_part_leaves_no_trace(
    database: MongoDatabase, topic: str, parts: list[tuple[list[tuple[str, int]], bool]]
) -> None:
    """Any parts, some of which fail: the same as if only the others had been tried."""
    tried, straight = _work(database), _work(database)
    for changes, fails in parts:
        if fails:
            _fail(tried, lambda: _change(tried, topic, changes))  # noqa: B023 (run at once)
        else:
            with tried.savepoint():
                _change(tried, topic, changes)
            _change(straight, topic, changes)

    assert _state(tried) == _state(straight)


def _fail(work: UnitOfWork, part: Callable[[], None]) -> None:
    with suppress(ZeroDivisionError), work.savepoint():
        part()
        raise ZeroDivisionError


def _change(work: UnitOfWork, topic: str, changes: list[tuple[str, int]]) -> None:
    for kind, i in changes:
        if kind == "save":
            n = (work.peek("things", i) or {}).get("n", 0) + 1
            work.save("things", {"_id": i, "n": n}, [probe_of(topic)(probe_id=str(i), n=n)])
        elif kind == "delete":
            work.delete("things", i)
        elif kind == "also":
            work.also("rows", InsertOne({"_id": i}))
        else:
            work.after_commit(lambda: None)


def _state(work: UnitOfWork) -> Any:
    seen = {i: work.peek("things", i) for i in range(5)}
    operations = {name: sorted(map(repr, writes)) for name, (writes, _checked) in work._operations().items()}
    return seen, work._outbox, work._extra, len(work._after), operations


def test_what_a_dead_process_left_uncommitted_holds_up_nobody_for_long(
    breakable: Engines, client: Mongo, database: MongoDatabase
) -> None:
    things = database["things"]
    things.insert_one({"_id": "a", "by": "nobody"})
    with connect(breakable.mongo_url) as dead, dead.start_session() as left, within(30):
        left.start_transaction(**TRANSACTION)
        dead[database.name]["things"].update_one({"_id": "a"}, {"$set": {"by": "the dead"}}, session=left)

        def overwrite(ours: ClientSession) -> None:
            things.update_one({"_id": "a"}, {"$set": {"by": "us"}}, session=ours)

        in_transaction(client, overwrite)  # MongoDB's own limit of 60 s would take longer than we have

    assert things.find_one({"_id": "a"}) == {"_id": "a", "by": "us"}
