"""Migrations of a database: once, one after the other, resumed after a kill, and a clear end where they cannot be done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from pymongo import ASCENDING, DESCENDING, IndexModel

from deploy.local.engines import Engines
from shared.storage.lease import Lease
from shared.storage.migrations import COLLECTION, Indexes, Migration, MigrationFailed, drop_index, migrate
from shared.storage.mongo import MongoDatabase, connect
from tests.chaos.arena import wait_for

ROOT = Path(__file__).resolve().parents[3]
OLD = IndexModel([("name", ASCENDING)], name="by_name")
NEW = IndexModel([("name", DESCENDING)], name="by_name")


def run(database: MongoDatabase, steps: Sequence[Migration] = (), indexes: Indexes | None = None) -> None:
    migrate(database, steps, indexes or {}, {}, threading.Event(), lease_seconds=2)


def note(number: int) -> Migration:
    """Adds a line that tells that it was done."""
    return Migration(number, f"note {number}", lambda database: note_in(database, number))


def note_in(database: MongoDatabase, number: int) -> None:
    database["notes"].insert_one({"number": number})


def notes(database: MongoDatabase) -> list[int]:
    return [row["number"] for row in database["notes"].find().sort("$natural", 1)]


def test_a_fresh_database_gets_every_migration_once_and_then_the_indexes(database: MongoDatabase) -> None:
    for _ in range(2):
        run(database, [note(1), note(2)], {"things": [OLD], "plain": []})

    assert notes(database) == [1, 2]
    assert "by_name" in database["things"].index_information()
    assert {"things", "plain"} <= set(database.list_collection_names())
    assert [row["name"] for row in database[COLLECTION].find().sort("done_at", 1)][:2] == ["note 1", "note 2"]


def test_an_old_database_gets_only_what_is_new_and_indexes_that_were_added(database: MongoDatabase) -> None:
    run(database, [note(1)], {"things": [OLD]})
    run(database, [note(1), note(2)], {"things": [OLD, IndexModel("age", name="by_age")]})

    assert notes(database) == [1, 2]
    assert "by_age" in database["things"].index_information()


def test_a_second_process_waits_for_the_one_that_migrates_and_repeats_nothing(database: MongoDatabase) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(there: MongoDatabase) -> None:
        begun.set()
        go_on.wait(60)
        note_in(there, 1)

    both = [threading.Thread(target=run, args=(database, [Migration(1, "slow", slow)])) for _ in range(2)]
    both[0].start()
    assert begun.wait(60)
    begun.clear()
    both[1].start()
    time.sleep(3)  # longer than the lease, which is kept while the step runs
    assert both[1].is_alive()
    assert not begun.is_set()
    go_on.set()
    for thread in both:
        thread.join(60)
    assert notes(database) == [1]


def test_a_kill_in_a_migration_leaves_it_to_the_next_process(database: MongoDatabase, breakable: Engines) -> None:
    module = f"from tests.shared.storage import test_migrations as t; t.die({breakable.mongo_url!r}, {database.name!r})"
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {module}"
    died = subprocess.run([sys.executable, "-c", code], check=False, timeout=120, cwd=ROOT)
    assert died.returncode == -signal.SIGKILL
    assert notes(database) == [1]

    run(database, [note(1), note(2)], {"things": [OLD]})

    assert notes(database) == [1, 2]
    assert "by_name" in database["things"].index_information()


def die(mongo_url: str, name: str) -> None:
    """Do the first migration and be killed in the second."""
    steps = [note(1), Migration(2, "deadly", lambda _database: os.kill(os.getpid(), signal.SIGKILL))]
    run(connect(mongo_url)[name], steps)


def test_an_index_that_differs_is_told_and_a_migration_that_drops_the_old_one_mends_it(database: MongoDatabase) -> None:
    run(database, [], {"things": [OLD]})
    with pytest.raises(MigrationFailed, match=r"by_name.*drop_index"):
        run(database, [], {"things": [NEW]})

    run(database, [Migration(1, "turn by_name", drop_index("things", OLD))], {"things": [NEW]})

    assert database["things"].index_information()["by_name"]["key"] == [("name", DESCENDING)]


def test_a_late_repeat_does_not_drop_what_has_replaced_the_old_index(database: MongoDatabase) -> None:
    database["things"].create_indexes([NEW])
    drop_index("things", OLD)(database)
    assert "by_name" in database["things"].index_information()


def test_documents_that_break_a_unique_index_are_told_without_their_values(database: MongoDatabase) -> None:
    database["things"].insert_many([{"mail": "somebody@example.org"}, {"mail": "somebody@example.org"}])
    with pytest.raises(MigrationFailed, match="same mail") as failed:
        run(database, [], {"things": [IndexModel("mail", unique=True)]})
    assert "somebody" not in str(failed.value)


def test_a_migration_with_a_fault_is_told_by_number_and_name_and_not_recorded(database: MongoDatabase) -> None:
    nothing: dict[str, None] = {}
    with pytest.raises(MigrationFailed, match=r"Migration 1 \(broken\).*KeyError"):
        run(database, [Migration(1, "broken", lambda _database: nothing.pop("x"))])
    assert database[COLLECTION].count_documents({}) == 0
    assert Lease(database, COLLECTION, "next").acquire(), "the lease is given up"


def test_migrations_out_of_order_are_refused(database: MongoDatabase) -> None:
    with pytest.raises(MigrationFailed, match="without a gap"):
        run(database, [note(2)])


def test_who_waits_for_another_process_ends_when_asked_to(database: MongoDatabase) -> None:
    Lease(database, COLLECTION, "other", 60).acquire()
    stop = threading.Event()
    waiting = threading.Thread(target=migrate, args=(database, [note(1)], {}, {}, stop))
    waiting.start()
    stop.set()
    assert wait_for(lambda: not waiting.is_alive())
    assert notes(database) == []
