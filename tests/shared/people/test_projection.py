"""What a service knows of people: the same in whatever order the topics come, and nothing of the erased."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any

import msgspec
import pytest

from shared.people.person import Person
from shared.people.projection import PEOPLE, People
from shared.schemas.directory import (
    ConsentGiven,
    ConsentWithdrawn,
    EmploymentEnded,
    EmploymentStarted,
    PersonErased,
    PersonMerged,
    PersonRegistered,
)
from shared.schemas.event import Event
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.transaction import commit
from shared.storage.work import UnitOfWork

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STARTED, LAST = date(2026, 1, 1), date(2026, 6, 30)
JOB: dict[str, Any] = {"employment_id": "j", "person_id": "p", "organisation_id": "o"}
CONSENT: dict[str, Any] = {"consent_id": "c", "person_id": "p", "organisation_id": "o", "purpose": "share_results"}
REGISTERED = [PersonRegistered(person_id="p", cluster_id="home")]
WORKS: list[Event] = [EmploymentStarted(**JOB, valid_from=STARTED), EmploymentEnded(**JOB, valid_until=LAST)]
CONSENTS: list[Event] = [ConsentGiven(**CONSENT)]
ERASED: list[Event] = [PersonErased(person_id="p")]


def take(people: People, events: Iterable[Event]) -> None:
    """As a service's handlers do."""
    takes: dict[type[Event], Any] = {
        PersonRegistered: people.register,
        PersonMerged: people.merge,
        PersonErased: people.erase,
        EmploymentStarted: people.start_employment,
        EmploymentEnded: people.end_employment,
        ConsentGiven: people.give_consent,
        ConsentWithdrawn: people.withdraw_consent,
    }
    for event in events:
        takes[type(event)](event)


def known(client: Mongo, database: MongoDatabase, *topics: Sequence[Event]) -> dict[str, Any]:
    """The projection of one person after these events."""
    work = UnitOfWork(database, lambda: NOW, "/probe")
    for events in topics:
        take(People(work, {"certified": {}}), events)
    commit(client, work)
    return database[PEOPLE].find_one_and_delete({"_id": "p"}) or {}


def person_of(document: dict[str, Any]) -> Person:
    return msgspec.convert({**document, "id": document["_id"]}, Person)


@pytest.mark.parametrize("last", [[], ERASED], ids=["kept", "erased"])
def test_the_projection_is_the_same_in_whatever_order_the_topics_come(
    client: Mongo, database: MongoDatabase, last: list[Event]
) -> None:
    found = [known(client, database, *order) for order in permutations([[*REGISTERED, *last], WORKS, CONSENTS])]

    assert all(document == found[0] and list(document) == list(found[0]) for document in found)


def test_an_employer_sees_results_while_somebody_works_there_and_consents(
    client: Mongo, database: MongoDatabase
) -> None:
    person = person_of(known(client, database, REGISTERED, WORKS, CONSENTS))
    withdrawn = person_of(known(client, database, REGISTERED, WORKS, CONSENTS, [ConsentWithdrawn(**CONSENT)]))
    other = person_of(known(client, database, WORKS, [ConsentGiven(**{**CONSENT, "purpose": "newsletter"})]))

    assert person.shows_results_to("o", LAST)
    assert not person.shows_results_to("o", date(2026, 7, 1))
    assert not person.shows_results_to(None, LAST)
    assert not withdrawn.shows_results_to("o", LAST)
    assert not other.shows_results_to("o", LAST)


def test_nothing_is_kept_of_the_erased_also_not_what_comes_later(client: Mongo, database: MongoDatabase) -> None:
    document = known(client, database, REGISTERED, WORKS, ERASED, CONSENTS)

    assert (document["employments"], document["consents"], document["certified"]) == ({}, {}, {})
    assert document["erased"]


def test_merged_records_lead_to_the_one_that_remains(database: MongoDatabase) -> None:
    people = People(UnitOfWork(database, lambda: NOW, "/probe"))
    take(people, [PersonMerged(person_id="a", into_person_id="b"), PersonMerged(person_id="b", into_person_id="c")])

    assert people.known_as("a") == "c"
    assert people.records_of("c") == ["c", "b", "a"]
