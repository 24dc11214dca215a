"""The journey on the whole stack: every part is the real one, every step is promised to the user."""

import subprocess
import sys

import pytest

from clusterskills.demo.cast import Cast
from clusterskills.demo.seeding import seed_courses, seed_organisations, seed_people
from clusterskills.demo.walking import walk
from deploy.local.processes import wait_until
from services.enrolment_service.store.copies import COPIES
from shared.bus.generations import Generations
from shared.bus.worker import is_behind
from shared.clock import utc_now
from shared.storage.mongo import MongoCollection, MongoDatabase, connect
from shared.storage.outbox import Outbox
from tests.stack import Stack


@pytest.mark.timeout(300)
def test_a_course_goes_from_draft_to_a_certificate_that_an_outsider_verifies(stack: Stack) -> None:
    cast = Cast(stack.facts)
    lines: list[str] = []

    seed_organisations(cast)
    seed_people(cast)
    good = walk(cast, lines.append)
    cast.close()

    assert good, "\n".join(lines)


@pytest.mark.timeout(300)
def test_seeding_twice_changes_nothing(stack: Stack) -> None:
    cast = Cast(stack.facts)
    seed_organisations(cast)
    first = seed_courses(cast)
    versions = {one: cast.outsider.get(f"/v1/courses/{one}").body["version"] for one in first.values()}

    seed_organisations(cast)
    second = seed_courses(cast)

    assert first == second
    assert {one: cast.outsider.get(f"/v1/courses/{one}").body["version"] for one in first.values()} == versions
    cast.close()


@pytest.mark.timeout(300)
def test_an_operator_builds_local_copies_anew_and_finds_the_same(stack: Stack) -> None:
    cast = Cast(stack.facts)
    seed_organisations(cast)
    seed_people(cast)
    cast.close()
    command = [sys.executable, "-m", "clusterskills.main", "stack", "rebuild", "--data", str(stack.data)]
    with connect(stack.mongo) as client:
        database = client["clusterskills_enrolment"]
        known = [row["_id"] for row in client["clusterskills_directory"]["people"].find({}, {"_id": 1})]
        assert wait_until(lambda: len(_copies(database, known)) == len(known), 30)
        # Employments and consents come after their people: until all that was sent has arrived.
        outbox = Outbox(client, client["clusterskills_directory"])
        assert wait_until(lambda: outbox.backlog()[0] == 0, 30)
        sent = utc_now()
        assert wait_until(lambda: not is_behind(database, sent, 0.0), 30)
        before, generation = _copies(database, known), _people(database).name

        done = subprocess.run([*command, "enrolment", "copies"], capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stdout + done.stderr
        assert _people(database).name != generation
        assert _copies(database, known) == before

    refused = subprocess.run([*command, "portal", "copies"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "No worker of portal runs" in refused.stderr


def _people(database: MongoDatabase) -> MongoCollection:
    """The present generation of the enrolment service's copy of the people."""
    return database[Generations(database, [COPIES]).aliases()["people"]]


def _copies(database: MongoDatabase, known: list[str]) -> dict[str, tuple[object, ...]]:
    """What the directory says of these people, as the enrolment service knows it."""
    rows = _people(database).find({"_id": {"$in": known}})
    return {row["_id"]: (row["cluster_id"], row["employments"], row["consents"]) for row in rows}
