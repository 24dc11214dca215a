"""Two records turn out to be one person: both histories are theirs, and nobody has two seats in one session."""

from typing import Any

import pytest

from services.enrolment_service import domain
from services.enrolment_service.domain import Enrolment
from shared.schemas.directory import PersonMerged
from tests.enrolment_service.conftest import EMPLOYER, Service


def as_worker(service: Service, person_id: str) -> dict[str, str]:
    """Headers of a worker who signed in."""
    return service.headers(person_id=person_id, roles=["worker"])


def listed(service: Service, headers: dict[str, str], **query: Any) -> set[str]:
    answer = service.client.get("/v1/enrolments", headers=headers, query_string=query)
    assert answer.status_code == 200, answer.json
    return {item["id"] for item in answer.json["items"]}


def status(service: Service, enrolment_id: str) -> str:
    found: str = service.client.get(f"/v1/enrolments/{enrolment_id}", headers=service.headers()).json["status"]
    return found


@pytest.fixture
def chain(service: Service) -> list[str]:
    """Three records with an enrolment each, the first merged into the second and that into the third."""
    people = service.people(3)
    service.feed(
        PersonMerged(person_id=people[1], into_person_id=people[2]),
        PersonMerged(person_id=people[0], into_person_id=people[1]),
    )
    return people


def _enrolled_each(service: Service, people: list[str]) -> list[str]:
    return [service.apply(service.session(), person).json["id"] for person in people]


def test_the_person_who_remains_sees_the_histories_of_all_records(service: Service) -> None:
    people = service.people(3)
    enrolments = _enrolled_each(service, people)
    service.feed(PersonMerged(person_id=people[0], into_person_id=people[1]))
    service.feed(PersonMerged(person_id=people[1], into_person_id=people[2]))

    for record in people:
        worker = as_worker(service, record)
        assert listed(service, worker) == set(enrolments)
        read = [service.client.get(f"/v1/enrolments/{e}", headers=worker).status_code for e in enrolments]
        assert read == [200, 200, 200]
        assert listed(service, service.headers(), person_id=record) == set(enrolments)
    stranger = as_worker(service, service.person())
    assert listed(service, stranger) == set()
    assert service.client.get(f"/v1/enrolments/{enrolments[0]}", headers=stranger).status_code == 404


def test_the_person_who_remains_cancels_what_they_applied_for_under_another_record(service: Service) -> None:
    loser, winner = service.people(2)
    (enrolment,) = _enrolled_each(service, [loser])
    service.feed(PersonMerged(person_id=loser, into_person_id=winner))

    answer = service.client.post(f"/v1/enrolments/{enrolment}/cancel", json={}, headers=as_worker(service, winner))

    assert answer.json["status"] == "cancelled"


def test_the_employer_of_the_person_who_remains_sees_what_was_applied_for_with_it(service: Service) -> None:
    loser, winner = service.people(2)
    enrolment = service.apply(service.session(), loser, employer_id=EMPLOYER).json["id"]
    service.feed(PersonMerged(person_id=loser, into_person_id=winner))

    assert enrolment in listed(service, service.hr(), person_id=winner)


def test_somebody_signed_in_under_a_merged_record_applies_as_the_person_who_remains(
    service: Service, chain: list[str]
) -> None:
    body = {"session_id": service.session(), "worker": {"person_id": chain[0]}}

    answer = service.client.post("/v1/enrolments", json=body, headers=as_worker(service, chain[0]))

    assert answer.status_code == 201, answer.json
    assert answer.json["person_id"] == chain[2]


@pytest.mark.parametrize("approval_needed", [True, False])
def test_who_is_in_a_session_under_a_merged_record_cannot_apply_again(service: Service, approval_needed: bool) -> None:
    loser, winner = service.people(2)
    session_id = service.session(approval_needed=approval_needed)
    service.apply(session_id, loser)
    service.feed(PersonMerged(person_id=loser, into_person_id=winner))

    answer = service.apply(session_id, winner)

    assert answer.status_code == 409
    assert answer.json["code"] == "DUPLICATE_ENROLMENT"


def test_of_two_seats_in_one_session_one_goes_to_the_next_in_line(service: Service) -> None:
    session_id = service.session(capacity=2)
    loser, winner, third = service.people(3)
    theirs, kept, waiting = (service.apply(session_id, one).json["id"] for one in (loser, winner, third))

    service.feed(PersonMerged(person_id=loser, into_person_id=winner))
    service.tick()

    assert [status(service, one) for one in (theirs, kept, waiting)] == ["cancelled", "confirmed", "offered"]
    assert service.events(theirs)[-1] == "cancelled"


def test_of_three_seats_in_one_session_one_stays_when_two_merges_come_at_once(service: Service) -> None:
    session_id = service.session()
    people = service.people(3)
    enrolments = [service.apply(session_id, person).json["id"] for person in people]

    service.feed(
        PersonMerged(person_id=people[0], into_person_id=people[1]),
        PersonMerged(person_id=people[1], into_person_id=people[2]),
    )

    assert [status(service, one) for one in enrolments] == ["cancelled", "cancelled", "confirmed"]
    assert service.runtime.database["seats"].find_one({"_id": session_id})["taken"] == 1  # type: ignore[index]
    assert service.runtime.database["held_events"].count_documents({"aggregate": f"person/{people[1]}"}) == 0


def test_a_seat_stays_and_the_place_in_the_queue_goes(service: Service) -> None:
    session_id = service.session(capacity=1)
    loser, winner = service.people(2)
    seated, waiting = (service.apply(session_id, one).json["id"] for one in (loser, winner))

    service.feed(PersonMerged(person_id=loser, into_person_id=winner))

    assert [status(service, one) for one in (seated, waiting)] == ["confirmed", "cancelled"]
    assert service.client.get(f"/v1/seats/{session_id}").json["waiting"] == 0


def _enrolment(name: str, status: str, **more: Any) -> Enrolment:
    facts: dict[str, Any] = {
        "session_id": "session-1",
        "course_id": "course-1",
        "course_version": 1,
        "person_id": "loser",
        "cluster_id": "home",
        "host_cluster_id": "host",
        "employer_id": None,
    }
    return Enrolment(id=name, status=status, **(facts | more))


def test_a_result_makes_everything_open_in_its_session_too_many() -> None:
    result = _enrolment("result", domain.FAILED)
    begun = _enrolment("begun", domain.ATTENDING, person_id="winner")
    elsewhere = _enrolment("elsewhere", domain.APPLIED, session_id="session-2")

    assert domain.surplus([elsewhere, begun, result], "winner") == [begun]


def test_two_results_in_one_session_both_stay() -> None:
    both = [_enrolment("one", domain.COMPLETED), _enrolment("other", domain.FAILED, person_id="winner")]

    assert domain.surplus(both, "winner") == []


def test_of_two_that_wait_the_later_ticket_goes() -> None:
    early = _enrolment("early", domain.WAITLISTED, ticket=3)
    late = _enrolment("late", domain.WAITLISTED, ticket=8, person_id="winner")

    assert domain.surplus([late, early], "winner") == [late]
