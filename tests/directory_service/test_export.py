"""A person's own export: one archive of what every service knows, with a receipt; nothing is left of it after erasure."""

import hashlib
import io
import json
import zipfile
from dataclasses import fields
from typing import Any

from services.directory_service.app import FRAME
from services.directory_service.handlers import about_people
from shared.bus.inbox import Inbox
from shared.clock import new_id, utc_now
from shared.schemas.event import Event
from shared.schemas.registry import all_events, publisher_of
from tests.contracts.freeze import example
from tests.directory_service.calling import Directory
from tests.records import incoming


def tell(directory: Directory, kind: type[Event], person: str) -> None:
    """Another service's event about a person comes in."""
    event: Any = example(kind)
    values = {field.name: getattr(event, field.name) for field in fields(event)} | {"person_id": person}
    record = incoming(kind(**{**values, kind.KEY: new_id()}), 1)
    runtime = directory.app.extensions["runtime"]
    for subscription in FRAME.wire(runtime).subscriptions:
        Inbox(runtime.client, directory.database, "/directory", subscription).take([record])


def export(directory: Directory, cluster_id: str, person: str) -> dict[str, bytes]:
    """The files of the archive."""
    answer = directory.app.test_client().get("/v1/me/export", headers=directory.worker(cluster_id, person))
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines(text: bytes) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_archive_holds_what_every_service_knows_and_who_read_it(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, person = directory.company(cluster_id), directory.person(cluster_id, given_name="Núria")
    directory.employment(cluster_id, person, company)
    directory.call("GET", f"/v1/people/{person}", directory.portal(cluster_id))
    events = all_events()
    tell(directory, events["enrolment.confirmed.v1"], person)
    tell(directory, events["certificate.issued.v1"], person)
    tell(directory, events["enrolment.confirmed.v1"], directory.person(cluster_id))
    files = export(directory, cluster_id, person)
    shown = json.loads(files["directory.json"])

    assert (shown["person"]["given_name"], len(shown["employments"])) == ("Núria", 1)
    assert [fact["type"] for fact in lines(files["enrolments.ndjson"])] == ["enrolment.confirmed.v1"]
    assert [fact["type"] for fact in lines(files["certificates.ndjson"])] == ["certificate.issued.v1"]
    assert [read["action"] for read in lines(files["reads.ndjson"])] == ["GET /v1/people/<person_id>"]


def test_the_receipt_says_what_is_in_the_archive(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person = directory.person(cluster_id)
    progress = {"$set": {"caught_up_at": utc_now(), "lag": 0}}
    directory.database["consumer_progress"].update_one({"_id": "facts"}, progress, upsert=True)
    files = export(directory, cluster_id, person)
    receipt = json.loads(files.pop("receipt.json"))

    assert {part["name"]: part["sha256"] for part in receipt["files"]} == {
        name: hashlib.sha256(text).hexdigest() for name, text in files.items()
    }
    assert receipt["person_ids"] == [person]
    assert receipt["up_to"] <= receipt["made_at"]


def test_a_merged_records_facts_are_in_the_export_of_the_one_who_answers_for_it(directory: Directory) -> None:
    cluster_id = directory.cluster()
    loser, winner = directory.person(cluster_id), directory.person(cluster_id)
    tell(directory, all_events()["enrolment.completed.v1"], loser)
    directory.made(f"/v1/people/{loser}/merge", directory.portal(cluster_id), {"into_person_id": winner})

    assert len(lines(export(directory, cluster_id, winner)["enrolments.ndjson"])) == 1


def test_nothing_is_left_of_who_was_erased_also_when_it_is_told_afterwards(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person = directory.person(cluster_id)
    tell(directory, all_events()["enrolment.confirmed.v1"], person)
    assert directory.database["person_facts"].count_documents({"person_id": person}) == 1
    directory.made("/v1/me/erase", directory.worker(cluster_id, person), None)
    tell(directory, all_events()["enrolment.cancelled.v1"], person)

    assert directory.database["person_facts"].count_documents({"person_id": person}) == 0


def test_every_event_of_another_service_about_a_person_is_heard() -> None:
    heard = {kind.TYPE for kind in about_people()}
    about = {
        name
        for name, kind in all_events().items()
        if publisher_of(name) != "directory" and "person_id" in {field.name for field in fields(kind)}
    }

    assert heard == about
    assert {"enrolment.confirmed.v1", "certificate.issued.v1"} <= heard
