"""Many applications are approved or rejected by one request: a row each, and a bad one holds up nobody."""

from typing import Any

from shared.clock import new_id
from shared.schemas.catalog import SessionEnrolmentClosed
from tests.enrolment_service.conftest import EMPLOYER, HOST, Service


def applications(service: Service, count: int, **terms: Any) -> tuple[str, list[str]]:
    """A session and applications that wait for approval in it."""
    session_id = service.session(approval_needed=True, **terms)
    people = service.people(count)
    return session_id, [service.apply(session_id, one, employer_id=EMPLOYER).json["id"] for one in people]


def decide(service: Service, rows: list[dict[str, Any]], **headers: str) -> Any:
    return service.client.post("/v1/enrolment-decisions", json={"items": rows}, headers=service.hr() | headers)


def approve(*enrolments: str) -> list[dict[str, Any]]:
    return [{"enrolment_id": one, "decision": "approve"} for one in enrolments]


def seats(service: Service, session_id: str) -> tuple[int, int]:
    found = service.client.get(f"/v1/seats/{session_id}").json
    return found["confirmed"], found["waiting"]


def test_seats_go_to_the_first_rows_then_places_in_the_queue_and_none_is_sold_twice(service: Service) -> None:
    session_id, applied = applications(service, 4, capacity=2, waitlist_limit=1)

    answer = decide(service, approve(*applied)).json

    assert [row["status"] for row in answer["items"]] == ["confirmed", "confirmed", "waitlisted", None]
    assert (answer["items"][3]["row"], answer["items"][3]["code"]) == (4, "WAITLIST_FULL")
    assert (answer["saved"], answer["failed"]) == (3, 1)
    assert seats(service, session_id) == (2, 1)
    assert service.events(applied[0]) == ["applied", "approved", "confirmed"]
    assert service.events(applied[3]) == ["applied"]


def test_a_seat_that_many_were_approved_for_at_once_comes_free_for_the_next_in_line(service: Service) -> None:
    session_id, applied = applications(service, 2, capacity=1)
    decide(service, approve(*applied))

    service.client.post(f"/v1/enrolments/{applied[0]}/cancel", json={}, headers=service.headers())
    service.tick()

    assert service.events(applied[1])[-2:] == ["waitlisted", "offered"]
    found = service.client.get(f"/v1/seats/{session_id}").json
    assert (found["offered"], found["waiting"]) == (1, 0)


def test_good_rows_are_saved_and_each_bad_one_says_why(service: Service) -> None:
    _, (first, second, third) = applications(service, 3)
    closed, (late,) = applications(service, 1)
    about = {"session_id": closed, "course_id": "course-1", "cluster_id": HOST}
    service.feed(SessionEnrolmentClosed(course_version=1, **about))
    rows = [
        *approve(first, first, new_id(), late),
        {"enrolment_id": second, "decision": "reject", "reason": "No budget"},
        {"enrolment_id": third, "decision": "approve", "version": 7},
    ]

    answer = decide(service, rows).json

    assert [row["row"] for row in answer["items"]] == [1, 2, 3, 4, 5, 6]
    assert [row["status"] for row in answer["items"]] == ["confirmed", None, None, None, "rejected", None]
    codes = [row["code"] for row in answer["items"]]
    assert codes == [None, "ILLEGAL_TRANSITION", "NOT_FOUND", "SESSION_NOT_OPEN", None, "STALE_VERSION"]


def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(service: Service) -> None:
    session_id, applied = applications(service, 2)

    first, again = (decide(service, approve(*applied), **{"Idempotency-Key": session_id}) for _ in range(2))

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json
    assert seats(service, session_id) == (2, 0)


def test_applications_of_another_employer_are_as_unknown_as_none(service: Service) -> None:
    session_id = service.session(approval_needed=True)
    foreign = service.apply(session_id, service.person()).json["id"]

    (row,) = decide(service, approve(foreign)).json["items"]

    assert (row["ok"], row["code"]) == (False, "NOT_FOUND")
    assert service.events(foreign) == ["applied"]


def test_hundreds_are_decided_by_one_request(service: Service) -> None:
    session_id, applied = applications(service, 120, capacity=100)

    answer = decide(service, approve(*applied)).json

    assert (answer["saved"], answer["failed"]) == (120, 0)
    assert seats(service, session_id) == (100, 20)
