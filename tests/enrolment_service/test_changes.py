"""The feed of enrolments: a cursor kept from the last pull misses nothing, and tells what came out of sight."""

from datetime import date
from typing import Any

from services.enrolment_service.store.changes import enter_all
from shared.clock import new_id, utc_now
from shared.schemas.directory import (
    ConsentGiven,
    ConsentWithdrawn,
    EmploymentEnded,
    EmploymentStarted,
    PersonErased,
    PersonRegistered,
)
from tests.answers import Puller
from tests.enrolment_service.conftest import EMPLOYER, HOME, Service


def client_of(service: Service, headers: dict[str, str], **query: Any) -> Puller:
    """A client of the feed of enrolments, for which the relay has always been there and copies are fresh."""

    def ask(asked: dict[str, Any]) -> Any:
        service.stamp()
        service.report_progress(utc_now())
        answer = service.client.get("/v1/enrolment-changes", headers=headers, query_string=asked)
        assert answer.status_code == 200, answer.json
        return answer.json

    return Puller(ask, **query)


def applied(service: Service, person: str, session: str | None = None, **more: Any) -> str:
    answer = service.apply(session or service.session(), person, **more)
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def consent(person: str, employer: str) -> ConsentGiven:
    return ConsentGiven(
        consent_id=f"{person}-consent", person_id=person, organisation_id=employer, purpose="share_results"
    )


def withdrawal(person: str, employer: str) -> ConsentWithdrawn:
    return ConsentWithdrawn(
        consent_id=f"{person}-consent", person_id=person, organisation_id=employer, purpose="share_results"
    )


def worker(service: Service, employer: str) -> str:
    """Somebody who works there and has not consented."""
    person = new_id()
    service.feed(
        PersonRegistered(person_id=person, cluster_id=HOME),
        EmploymentStarted(
            employment_id=f"{person}-job", person_id=person, organisation_id=employer, valid_from=date(2020, 1, 1)
        ),
    )
    return person


def shown(changes: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    return [(change["id"], change["visible"]) for change in changes]


def hr(service: Service, employer: str) -> dict[str, str]:
    return service.headers(person_id="hr-person", roles=["hr"], organisation_ids=[employer])


def test_a_pull_goes_on_where_the_last_one_ended(service: Service) -> None:
    puller = client_of(service, service.headers())
    puller.pull(limit=500)
    session = service.session()
    first = [applied(service, person, session) for person in service.people(3)]

    changes = puller.pull(limit=2)
    assert shown(changes) == [(one, True) for one in first]
    assert [change["enrolment"]["status"] for change in changes] == ["confirmed"] * 3
    assert puller.pull() == []

    service.client.post(f"/v1/enrolments/{first[1]}/cancel", json={}, headers=service.headers())
    (change,) = puller.pull()
    assert (change["id"], change["enrolment"]["status"]) == (first[1], "cancelled")
    assert puller.pull() == []


def test_what_has_no_position_yet_is_not_read_ahead(service: Service) -> None:
    puller = client_of(service, service.headers())
    puller.pull(limit=500)
    applied(service, service.person())

    answer = service.client.get("/v1/enrolment-changes", headers=service.headers(), query_string={"limit": 500})
    assert all(item["changed_at"] for item in answer.json["items"])
    assert len(puller.pull()) == 1


def test_changed_since_is_inclusive_and_nothing_older_comes(service: Service) -> None:
    old = applied(service, service.person())
    service.stamp()
    new = applied(service, service.person())
    service.stamp()
    everything = client_of(service, service.headers()).pull(limit=500)
    at = next(change["changed_at"] for change in everything if change["id"] == new)

    assert shown(client_of(service, service.headers(), changed_since=at).pull()) == [(new, True)]
    assert old in [change["id"] for change in everything]
    assert client_of(service, service.headers(), changed_since="2999-01-01T00:00:00Z").pull() == []


def test_consent_brings_enrolments_to_hr_and_its_withdrawal_takes_them(service: Service) -> None:
    employer = new_id()
    person = worker(service, employer)
    service.feed(consent(person, employer))
    enrolment = applied(service, person, employer_id=employer)
    puller, newcomer = client_of(service, hr(service, employer)), client_of(service, hr(service, employer))
    assert shown(puller.pull()) == [(enrolment, True)]

    service.feed(withdrawal(person, employer))
    (gone,) = puller.pull()
    assert (gone["id"], gone["visible"], gone["person_id"], gone["enrolment"]) == (enrolment, False, None, None)
    assert newcomer.pull() == []

    service.feed(consent(person, employer))
    assert shown(puller.pull()) == [(enrolment, True)]


def test_the_end_of_an_employment_takes_them_too(service: Service) -> None:
    employer = new_id()
    person = worker(service, employer)
    service.feed(consent(person, employer))
    enrolment = applied(service, person, employer_id=employer)
    puller = client_of(service, hr(service, employer))
    assert shown(puller.pull()) == [(enrolment, True)]

    service.feed(
        EmploymentEnded(
            employment_id=f"{person}-job", person_id=person, organisation_id=employer, valid_until=date(2021, 1, 1)
        )
    )
    assert shown(puller.pull()) == [(enrolment, False)]


def test_hr_hears_nothing_of_who_never_shared_with_them(service: Service) -> None:
    employer = new_id()
    sharing, silent = worker(service, employer), worker(service, employer)
    service.feed(consent(sharing, employer))
    first = applied(service, sharing, employer_id=employer)
    puller = client_of(service, hr(service, employer))
    assert shown(puller.pull()) == [(first, True)]

    applied(service, silent, employer_id=employer)
    assert puller.pull() == []


def test_an_erasure_takes_them_from_hr(service: Service) -> None:
    employer = new_id()
    person = worker(service, employer)
    service.feed(consent(person, employer))
    enrolment = applied(service, person, employer_id=employer)
    puller = client_of(service, hr(service, employer))
    assert shown(puller.pull()) == [(enrolment, True)]

    service.feed(PersonErased(person_id=person))
    service.tick()
    assert {(enrolment, False)} == set(shown(puller.pull()))


def test_a_worker_and_another_cluster_get_nothing(service: Service) -> None:
    applied(service, service.person())
    service.stamp()
    alone = service.headers(person_id=new_id(), roles=["worker"])
    answer = service.client.get("/v1/enrolment-changes", headers=alone)
    assert (answer.status_code, answer.json["code"]) == (403, "FORBIDDEN")
    assert client_of(service, service.headers(cluster_id=new_id())).pull() == []


def test_what_was_stored_before_there_was_a_feed_is_brought_into_it(service: Service) -> None:
    enrolment = applied(service, service.person())
    rows = service.runtime.database["enrolments"]
    rows.update_one({"_id": enrolment}, {"$unset": {"position": "", "changed_at": "", "unstamped": ""}})
    puller = client_of(service, service.headers())
    assert enrolment not in [change["id"] for change in puller.pull(limit=500)]

    enter_all(service.runtime.database)
    assert shown(puller.pull()) == [(enrolment, True)]


def test_employer_of_another_purpose_moves_nothing(service: Service) -> None:
    person = service.person()
    applied(service, person, employer_id=EMPLOYER)
    puller = client_of(service, service.headers())
    puller.pull(limit=500)
    service.feed(ConsentGiven(consent_id=new_id(), person_id=person, organisation_id=EMPLOYER, purpose="other"))
    assert puller.pull() == []
