"""Group commit: everybody keeps their own outcome."""

from __future__ import annotations

import multiprocessing
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deploy.local.engines import Engines
from shared.errors import Conflict, Invalid, Unavailable
from shared.storage.gathering import Gathering, gather
from shared.storage.group import GroupCommit, _Waiting
from shared.storage.mongo import MongoDatabase, connect, translate
from shared.storage.work import Hint, UnitOfWork
from shared.storage.writes import Answer, Write
from tests.chaos.probe import happen
from tests.shared.storage.writing import OK, Name, Seat, new_key, put, together


def test_a_write_alone_is_committed(group: GroupCommit, database: MongoDatabase) -> None:
    assert group.run(Write(put(colour="red"))) == OK
    assert database["things"].count_documents({"colour": "red"}) == 1


def test_many_writers_on_one_aggregate_lose_nothing(group: GroupCommit, database: MongoDatabase, topic: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: group.run(Write(happen(topic, ["hot"]))), range(200)))

    assert [row["sequence"] for row in database["outbox"].find().sort("sequence")] == list(range(1, 201))


def test_a_row_that_fails_fails_alone(group: GroupCommit, database: MongoDatabase) -> None:
    database["things"].insert_one({"_id": "there", "place": "taken"})

    def broken(_work: UnitOfWork) -> Answer:
        raise Invalid("rule")

    def unstorable(work: UnitOfWork) -> Answer:
        work.save("things", {"_id": "x", "what": object()})
        return OK

    writes = [Write(act) for act in (put(place=1), put(place="taken"), broken, unstorable, put(place=2))]
    first, taken, refused, wrong, last = together(group, writes)

    assert (first, last) == (OK, OK)
    assert isinstance(taken, Conflict)
    assert taken.error_code == "TAKEN"
    assert isinstance(refused, Invalid)
    assert type(wrong).__name__ == "InvalidDocument"
    assert {row.get("place") for row in database["things"].find()} == {"taken", 1, 2}


def test_nobody_is_refused_because_of_a_row_that_was_not_written(group: GroupCommit, database: MongoDatabase) -> None:
    database["things"].insert_one({"_id": "there", "place": "taken"})

    def last_one(place: str) -> Callable[[UnitOfWork], Answer]:
        def act(work: UnitOfWork) -> Answer:
            if work.peek("seats", "last") is not None:
                raise Conflict("Full.", code="FULL")
            work.save("seats", {"_id": "last"})
            work.save("things", {"_id": place, "place": place})
            return OK

        return act

    loser, winner = together(group, [Write(last_one("taken")), Write(last_one("free"))])

    assert isinstance(loser, Conflict)
    assert loser.error_code == "TAKEN"
    assert winner == OK


def test_hints_are_loaded_together(group: GroupCommit, database: MongoDatabase, topic: str) -> None:
    def hints(number: int) -> Callable[[UnitOfWork], list[Hint]]:
        return lambda _work: [("probes", "_id", f"{topic}/k{number}")]

    writes = [Write(happen(topic, [f"k{i}"]), hints=hints(i)) for i in range(10)]
    assert together(group, writes) == [Answer(200, b"{}")] * 10


def test_hints_may_follow_from_what_they_led_to(group: GroupCommit, database: MongoDatabase) -> None:
    database["things"].insert_many([{"_id": "one", "next": "two"}, {"_id": "two"}])
    seen: list[bool] = []

    def hints(work: UnitOfWork) -> list[Hint]:
        first = work.known("things", "one")
        return [("things", "_id", "one"), *([("things", "_id", first["next"])] if first else [])]

    def act(work: UnitOfWork) -> Answer:
        seen.append(work.known("things", "two") is not None)
        return OK

    assert group.run(Write(act, hints=hints)) == OK
    assert seen == [True]


def test_questions_of_one_kind_are_answered_together(group: GroupCommit) -> None:
    seen: list[tuple[int, str]] = []

    def act(person: str) -> Callable[[UnitOfWork], Answer]:
        def ask(work: UnitOfWork) -> Answer:
            seen.append(work.ask(Seat(person)))
            return OK

        return ask

    assert together(group, [Write(act("a")), Write(act("b"))]) == [OK, OK]
    assert sorted(seen) == [(2, "a"), (2, "b")]


def test_a_write_that_never_stops_asking_is_told_so(group: GroupCommit) -> None:
    def act(work: UnitOfWork) -> Answer:
        work.ask(Seat(uuid.uuid4().hex))
        return OK

    with pytest.raises(Conflict, match="not decided"):
        group.run(Write(act))


def test_a_write_that_loses_every_race_is_told_to_try_again(group: GroupCommit, database: MongoDatabase) -> None:
    def act(work: UnitOfWork) -> Answer:
        work.save("seats", {"_id": "not loaded before, there already"})
        return OK

    group.run(Write(act))
    with pytest.raises(Conflict) as refused:
        group.run(Write(act))
    assert refused.value.error_code == "BUSY"


# -- idempotency keys


def test_other_errors_are_no_outage() -> None:
    assert translate(ValueError("ours")) is None


# -- forks


def test_an_instance_made_before_a_fork_works_in_every_child(breakable: Engines, database: MongoDatabase) -> None:
    """What gunicorn does without preload is safe; and the group itself has no thread before its first write."""
    before = threading.active_count()
    results: multiprocessing.Queue[int] = multiprocessing.get_context("fork").Queue()
    children = [
        multiprocessing.get_context("fork").Process(
            target=_write_in_child, args=(breakable.mongo_url, database.name, results)
        )
        for _ in range(2)
    ]
    for child in children:
        child.start()
    statuses = [results.get(timeout=20) for _ in children]
    for child in children:
        child.join(10)

    assert statuses == [200, 200]
    assert threading.active_count() <= before + 1  # the queue's feeder
    assert database["things"].count_documents({}) == 2


def _write_in_child(url: str, name: str, results: Any) -> None:
    with connect(url) as client:
        results.put(GroupCommit(client, client[name], "/probe").run(Write(put())).status)


def test_nobody_waits_for_what_is_asked_apart(group: GroupCommit, database: MongoDatabase) -> None:
    question = Name("p", threading.Event(), threading.Event())
    thing = uuid.uuid4().hex

    def act(work: UnitOfWork) -> Answer:
        work.save("things", {"_id": thing, "name": work.ask(question)})
        return OK

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(group.run, Write(act, new_key()))
        assert question.asked.wait(10)
        assert group.run(Write(put(n=1))) == OK  # while the other one is still being answered
        assert not slow.done()
        question.answered.set()
        assert slow.result(10) == OK
    assert database["things"].find_one({"_id": thing}, {"_id": 0, "name": 1}) == {"name": "the name of p"}


def test_an_answer_that_cannot_be_had_is_told_to_who_asked(
    group: GroupCommit, database: MongoDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Name("p", threading.Event(), threading.Event())
    monkeypatch.setattr(question.answered, "wait", lambda _seconds: False)
    with pytest.raises(Unavailable):
        group.run(Write(lambda work: Answer(200, work.ask(question).encode()), new_key()))
    assert group.run(Write(put(n=2))) == OK


def test_whatever_an_act_raises_the_next_one_is_served(group: GroupCommit) -> None:
    class Panic(BaseException):
        pass

    def act(_work: UnitOfWork) -> Answer:
        raise Panic

    with pytest.raises(RuntimeError, match="Panic"):
        group.run(Write(act))
    assert group.run(Write(put(n=3))) == OK


def test_a_thread_that_could_not_be_started_is_started_by_the_next_write(
    group: GroupCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_more_threads)
        with pytest.raises(RuntimeError, match="no more threads"):
            group.run(Write(put(n=4)))
    assert group.run(Write(put(n=5))) == OK


def _no_more_threads(_thread: threading.Thread) -> None:
    raise RuntimeError("no more threads")


def test_what_was_asked_before_a_refusal_is_not_asked_of_the_second_decision(
    group: GroupCommit, database: MongoDatabase
) -> None:
    question = Name("p", threading.Event(), threading.Event())
    question.answered.set()
    runs: list[int] = []

    def asks_once(work: UnitOfWork) -> Answer:
        runs.append(1)
        if len(runs) == 1:
            work.ask(question)
        work.save("things", {"_id": uuid.uuid4().hex, "asks": "once"})
        return OK

    place = uuid.uuid4().hex
    database["things"].insert_one({"_id": uuid.uuid4().hex, "place": place})
    answers = together(group, [Write(asks_once), Write(put(place=place))])

    assert answers[0] == OK
    assert isinstance(answers[1], Conflict)
    assert database["things"].count_documents({"asks": "once"}) == 1


def test_who_comes_again_and_again_shares_a_group(group: GroupCommit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four who go on as soon as they have their answer: not one group of those who were first and one of the rest."""
    sizes: list[int] = []
    run_group = GroupCommit._run_group

    def count(self: GroupCommit, waiting: list[Any]) -> None:
        sizes.append(len(waiting))
        run_group(self, waiting)

    monkeypatch.setattr(GroupCommit, "_run_group", count)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: [group.run(Write(put())) for _ in range(20)], range(4)))

    assert sum(sizes) == 80
    assert len(sizes) <= 32  # 20 and some at the start and the end; by twos and twos it would be 40


def test_a_group_waits_for_those_who_are_expected_and_not_for_long(group: GroupCommit) -> None:
    first, second = _waiting(), _waiting()
    late = threading.Timer(0.05, lambda: group._queue.put(second))

    group._queue.put(alone := _waiting())
    assert gather(group._queue, 32, 1, 60.0) == [alone]
    group._queue.put(first)
    late.start()
    assert gather(group._queue, 32, 2, 60.0) == [first, second]
    group._queue.put(last := _waiting())
    assert gather(group._queue, 32, 2, 0.05) == [last]


def _waiting() -> _Waiting:
    return _Waiting(Write(put()), time.monotonic() + 60)


def test_after_waits_in_vain_more_and_more_groups_do_not_wait() -> None:
    patience = Gathering()
    waits: list[bool] = []
    for _ in range(50):
        patience.took(0.1, in_flight=4)
        waits.append(patience.seconds > 0)
        patience.came(2)
    assert [n for n, waited in enumerate(waits) if waited] == [0, 2, 6, 14, 30, 46]

    while not patience.seconds:
        patience.came(2)
    patience.came(4)
    assert patience.seconds > 0
