"""The feed: a cursor kept from the last pull misses nothing and repeats nothing, whoever writes at the same time."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from shared.bus.held import Incoming
from shared.clock import new_id, utc_now
from shared.storage.lease import Lease
from tests.answers import Puller
from tests.certificate_service.service import (
    EMPLOYER,
    HOST,
    SCHOOL,
    Service,
    completed,
    consented,
    employed,
    erased,
    left,
    merged,
    people_of,
    published,
    withdrew,
)


def client_of(service: Service, headers: dict[str, str], **query: Any) -> Puller:
    """A client of the feed of certificates."""

    def ask(asked: dict[str, Any]) -> Any:
        answer = service.get("/v1/certificates", headers, **asked)
        assert answer.status_code == 200, answer.json
        return answer.json

    return Puller(ask, **query)


def _employer(service: Service) -> tuple[str, str]:
    """An employer of one worker, who shares results."""
    employer, person = new_id(), new_id()
    service.directory.names[person] = ("Fee", "D")
    service.feed(employed(person, employer), consented(person, employer))
    return employer, person


def test_a_pull_goes_on_where_the_last_one_ended(service: Service) -> None:
    employer, person = _employer(service)
    puller = client_of(service, service.hr(employer))
    assert puller.pull() == []
    first = [service.issue(person, employer_id=employer).id for _ in range(3)]
    service.stamp()

    assert [item["id"] for item in puller.pull(limit=2)] == first
    assert puller.pull() == []
    service.act(first[1], "revoke", reason="because")
    service.stamp()
    changed = puller.pull()
    assert [(item["id"], item["status"]) for item in changed] == [(first[1], "revoked")]
    assert puller.pull() == []


def test_what_has_no_position_yet_is_not_read_ahead(service: Service) -> None:
    employer, person = _employer(service)
    service.issue(person, employer_id=employer)
    puller = client_of(service, service.hr(employer))

    assert puller.pull() == []
    assert service.stamp() == 1
    assert len(puller.pull()) == 1
    assert service.stamp() == 0


def test_consent_brings_certificates_and_its_withdrawal_takes_them(service: Service) -> None:
    employer, person = new_id(), new_id()
    service.directory.names[person] = ("Fee", "D")
    service.feed(employed(person, employer))
    certificate = service.issue(person, employer_id=employer)
    service.stamp()
    puller, newcomer = client_of(service, service.hr(employer)), client_of(service, service.hr(employer))
    assert puller.pull() == []

    service.feed(consented(person, employer))
    service.stamp()
    assert [(item["id"], item["visible"]) for item in puller.pull()] == [(certificate.id, True)]

    service.feed(withdrew(person, employer))
    service.stamp()
    gone = puller.pull()
    assert [(item["id"], item["visible"]) for item in gone] == [(certificate.id, False)]
    assert "person_id" not in gone[0]
    assert newcomer.pull() == []


def test_erasure_takes_it_from_hr_and_leaves_it_to_the_cluster_without_the_person(service: Service) -> None:
    employer, person = _employer(service)
    certificate = service.issue(person, employer_id=employer)
    service.stamp()
    puller = client_of(service, service.hr(employer))
    assert len(puller.pull()) == 1
    service.feed(erased(person))
    service.stamp()

    assert [(item["id"], item["visible"]) for item in puller.pull()] == [(certificate.id, False)]
    shown = service.get("/v1/certificates", service.headers(), course="course-1", limit=500).json["items"]
    mine = next(item for item in shown if item["id"] == certificate.id)
    assert (mine["person_id"], mine["holder_erased"]) == (None, True)


def test_an_employment_that_begins_or_ends_by_its_date_moves_the_feed(service: Service, monkeypatch: Any) -> None:
    employer, person = new_id(), new_id()
    service.directory.names[person] = ("Fee", "D")
    today = utc_now().date()
    service.feed(employed(person, employer, today + timedelta(days=1)), consented(person, employer))
    certificate = service.issue(person, employer_id=employer)
    service.stamp()
    service.tick()
    puller = client_of(service, service.hr(employer))
    assert puller.pull() == []

    _set_start(service, person, today)
    service.runtime.database["feed_state"].delete_many({})
    assert service.tick() == 1
    service.stamp()
    assert [item["id"] for item in puller.pull()] == [certificate.id]

    assert service.tick() == 0
    service.feed(left(person, today - timedelta(days=1), employer))
    service.stamp()
    assert [item["visible"] for item in puller.pull()] == [False]


def test_a_merge_shows_certificates_to_the_winners_employer_only(service: Service) -> None:
    employer, loser = _employer(service)
    certificate = service.issue(loser, employer_id=employer)
    winner = service.person()
    service.stamp()
    puller = client_of(service, service.hr(employer))
    assert len(puller.pull()) == 1
    service.feed(merged(loser, winner))
    service.stamp()
    assert [item["visible"] for item in puller.pull()] == [False]

    service.feed(employed(winner, employer), consented(winner, employer))
    service.stamp()
    assert [(item["id"], item["person_id"]) for item in puller.pull()] == [(certificate.id, winner)]


def test_who_awarded_certificates_pulls_them_beside_those_of_the_own_people(service: Service) -> None:
    course = new_id()
    service.feed(published(course))
    puller = client_of(service, service.manager(), course=course)
    assert puller.pull() == []
    foreign = service.issue(course_id=course)
    own = service.issue(course_id=course, cluster_id=HOST)
    last = service.issue(course_id=course)
    service.stamp()

    told = puller.pull(limit=2)
    assert [item["id"] for item in told] == [foreign.id, own.id, last.id]
    assert [(item["cluster_id"], item["employer_id"]) for item in told] == [
        (None, None),
        (HOST, EMPLOYER),
        (None, None),
    ]
    assert told[0]["person_id"] == foreign.person_id
    assert puller.pull() == []

    answer = service.act(foreign.id, "revoke", reason="because")
    read = service.get(f"/v1/certificates/{foreign.id}", service.manager()).json
    assert [(one["cluster_id"], one["employer_id"]) for one in (answer.json, read)] == [(None, None)] * 2
    service.stamp()
    assert [(item["id"], item["status"]) for item in puller.pull()] == [(foreign.id, "revoked")]


def test_somebody_of_the_awarding_body_pulls_what_it_awarded(service: Service) -> None:
    course = new_id()
    service.feed(published(course))
    certificate = service.issue(course_id=course)
    service.stamp()
    scopes = ["certificate:read", "certificate:manage"]
    who = {"person_id": "registrar", "roles": ["trainer"], "cluster_id": "elsewhere"}
    office = service.headers(**who, scopes=scopes, organisation_ids=[SCHOOL])
    reader = service.headers(**who, organisation_ids=[SCHOOL])
    another = service.headers(**who, scopes=scopes, organisation_ids=["another-school"])

    told = [item["id"] for item in client_of(service, office, course=course).pull()]

    assert told == [certificate.id]
    assert client_of(service, reader, course=course).pull() == []
    assert client_of(service, another, course=course).pull() == []


def test_without_the_right_to_manage_a_cluster_pulls_certificates_of_its_people_only(service: Service) -> None:
    course = new_id()
    service.feed(published(course))
    service.issue(course_id=course)
    own = service.issue(course_id=course, cluster_id=HOST)
    service.stamp()

    told = client_of(service, service.headers(cluster_id=HOST), course=course).pull()

    assert [item["id"] for item in told] == [own.id]


def test_who_awarded_a_certificate_learns_no_employer_by_asking_for_one(service: Service) -> None:
    course = new_id()
    service.feed(published(course))
    service.issue(course_id=course)
    own = service.issue(course_id=course, cluster_id=HOST)
    service.stamp()

    told = client_of(service, service.manager(), course=course, employer=EMPLOYER).pull()

    assert [item["id"] for item in told] == [own.id]


def test_a_school_that_trains_its_own_people_keeps_what_it_awarded_when_consent_is_withdrawn(service: Service) -> None:
    course, person = new_id(), new_id()
    service.directory.names[person] = ("Fee", "D")
    service.feed(published(course), employed(person, SCHOOL), consented(person, SCHOOL))
    certificate = service.issue(person, course_id=course, employer_id=SCHOOL)
    service.stamp()
    office = service.hr(SCHOOL, scopes=["certificate:read", "certificate:manage"])
    awarded, as_employer = client_of(service, office), client_of(service, office, employer=SCHOOL)
    assert awarded.pull()[-1]["employer_id"] == SCHOOL
    assert [item["id"] for item in as_employer.pull()] == [certificate.id]

    service.feed(withdrew(person, SCHOOL))
    service.stamp()

    assert [(item["id"], item["employer_id"]) for item in awarded.pull()] == [(certificate.id, None)]
    assert [(item["id"], item["visible"]) for item in as_employer.pull()] == [(certificate.id, False)]


def test_changed_since_is_inclusive(service: Service) -> None:
    employer, person = _employer(service)
    service.issue(person, employer_id=employer)
    service.stamp()
    item = service.get("/v1/certificates", service.hr(employer)).json["items"][0]

    again = service.get("/v1/certificates", service.hr(employer), changed_since=item["changed_at"]).json["items"]
    assert [other["id"] for other in again] == [item["id"]]


def test_a_cursor_is_of_no_use_with_other_filters(service: Service) -> None:
    puller = client_of(service, service.headers())
    puller.pull()

    answer = service.get("/v1/certificates", service.headers(), cursor=puller.cursor, course="another")
    assert answer.status_code == 422


def test_a_relay_that_lost_its_lease_gives_no_positions(service: Service) -> None:
    employer, person = _employer(service)
    service.stamp()
    stale = Lease(service.runtime.database, "relay", uuid.uuid4().hex)
    stale.epoch = -1
    certificate = service.issue(person, employer_id=employer)

    assert service.plan.stamp is not None
    assert service.plan.stamp(stale) == 0
    row = service.runtime.database["certificates"].find_one({"_id": certificate.id})
    assert row is not None
    assert row["position"] is None
    assert service.stamp() == 1


class Crowd:
    """Threads that work until told to stop; the first failure stops all."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.failures: list[BaseException] = []

    def start(self, *works: Callable[[], None]) -> list[threading.Thread]:
        """One thread each."""
        threads = [threading.Thread(target=self._run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        return threads

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (told to the test)
            self.failures.append(error)
            self.stop.set()


@dataclass
class Reader:
    """Pulls all the time, and remembers what it was told."""

    puller: Puller
    crowd: Crowd
    told: list[tuple[str, int]] = field(default_factory=list)

    def read(self) -> None:
        """Until the end."""
        while not self.crowd.stop.is_set():
            self.once()

    def once(self) -> None:
        """One pull, in small pages."""
        self.told += [(item["id"], item["version"]) for item in self.puller.pull(limit=7)]


def _issue_and_revoke(service: Service, records: Sequence[Incoming], *, revoke: bool) -> None:
    inbox = service.inbox("issuing")
    for record in records:
        inbox.take([record])
        found = service.of_enrolment(record.key)
        assert found is not None
        if revoke:
            _revoke(service, found.id)


def _revoke(service: Service, certificate_id: str) -> None:
    """As a client does on a busy machine: the same key again until there is an answer."""
    headers = {**service.manager(), "Idempotency-Key": new_id()}
    for _ in range(10):
        answer = service.act(certificate_id, "revoke", headers, reason="because of the race")
        if answer.status_code not in {409, 503}:
            break
        time.sleep(0.5)
    assert answer.status_code == 200, answer.json


@pytest.mark.timeout(120)
def test_nothing_is_missed_and_nothing_repeated_while_many_issue_and_revoke(service: Service) -> None:
    """Four issue and revoke, one stamps, three pull, all at the same time: HR, the home cluster, who awarded them."""
    service.feed(published(_RACE))
    people = people_of(service, 40)
    records = [service.record(completed(person, course_id=_RACE)) for person in people]
    crowd = Crowd()
    pulling = (service.hr(), service.headers(), service.manager())
    readers = [Reader(client_of(service, headers, course=_RACE), crowd) for headers in pulling]

    def stamp_on() -> None:
        while not crowd.stop.is_set():
            service.stamp()
            time.sleep(0.002)

    watching = crowd.start(stamp_on, *(reader.read for reader in readers))
    for thread in crowd.start(
        *(partial(_issue_and_revoke, service, records[n::4], revoke=n % 2 == 1) for n in range(4))
    ):
        thread.join()
    crowd.stop.set()
    for thread in watching:
        thread.join()
    assert not crowd.failures, crowd.failures
    service.stamp()

    rows = service.runtime.database["certificates"].find({"course_id": _RACE})
    final = {row["_id"]: row["version"] for row in rows}
    assert len(final) == len(people)
    for reader in readers:
        reader.once()
        assert max(Counter(reader.told).values()) == 1, "something was told twice"
        assert dict(reader.told) == final, "something was missed"


_RACE = "course-of-the-race"


def _set_start(service: Service, person: str, day: date) -> None:
    """The day comes without an event: here the copy is moved instead of the clock."""
    path = f"employments.job-{person}-" + next(
        key.removeprefix(f"job-{person}-")
        for key in service.runtime.database["people"].find_one({"_id": person})["employments"]  # type: ignore[index]
    )
    service.runtime.database["people"].update_one({"_id": person}, {"$set": {f"{path}.valid_from": day.isoformat()}})
