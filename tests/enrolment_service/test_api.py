"""Enrolling by HTTP: what a partner portal, HR and a trainer do and see."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from services.enrolment_service.store.seats import CLAIM_AGE
from shared.clock import new_id, utc_now
from shared.schemas.catalog import SessionCancelled, SessionEnrolmentClosed
from tests.enrolment_service.conftest import EMPLOYER, HOME, HOST, Service


def seats(service: Service, session_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = service.client.get(f"/v1/seats/{session_id}").json
    return answer


def test_a_worker_gets_a_seat_at_once_where_no_approval_is_needed(service: Service) -> None:
    session_id, person = service.session(), service.person()

    answer = service.apply(session_id, person, employer_id=EMPLOYER)

    assert answer.status_code == 201, answer.json
    assert answer.json["status"] == "confirmed"
    assert answer.headers["Location"] == answer.json["links"]["self"]
    assert service.events(answer.json["id"]) == ["applied", "confirmed"]
    assert seats(service, session_id)["confirmed"] + seats(service, session_id)["held"] == 1


def test_all_reasons_against_an_enrolment_come_at_once(service: Service) -> None:
    session_id = service.session(eligible_clusters=["another"], application_deadline=utc_now())
    stranger = service.person()

    answer = service.apply(session_id, stranger, employer_id="not-their-employer")

    assert answer.status_code == 201
    assert answer.json["status"] == "ineligible"
    codes = [reason["code"] for reason in answer.json["reasons"]]
    assert codes == ["DEADLINE_PASSED", "NOT_ELIGIBLE_CLUSTER", "NOT_EMPLOYEE", "CONSENT_MISSING"]
    assert service.events(answer.json["id"]) == ["applied", "ineligible"]


def test_a_second_active_enrolment_in_the_same_session_is_refused(service: Service) -> None:
    session_id, person = service.session(), service.person()
    first = service.apply(session_id, person)

    second = service.apply(session_id, person)

    assert first.status_code == 201
    assert second.status_code == 409
    assert second.json["code"] == "DUPLICATE_ENROLMENT"


def test_after_cancelling_one_may_apply_again(service: Service) -> None:
    session_id, person = service.session(), service.person()
    first = service.apply(session_id, person).json

    cancelled = service.client.post(f"/v1/enrolments/{first['id']}/cancel", json={}, headers=service.headers())
    again = service.apply(session_id, person)

    assert cancelled.json["status"] == "cancelled"
    assert again.json["status"] == "confirmed"
    assert again.json["id"] != first["id"]


def test_the_queue_moves_when_a_seat_comes_free_and_nobody_overtakes(service: Service) -> None:
    session_id = service.session(capacity=1)
    people = service.people(4)
    winner, second, third = (service.apply(session_id, person).json for person in people[:3])
    assert [winner["status"], second["status"], third["status"]] == ["confirmed", "waitlisted", "waitlisted"]
    assert [second["place_in_queue"], third["place_in_queue"]] == [1, 2]

    service.client.post(f"/v1/enrolments/{winner['id']}/cancel", json={}, headers=service.headers())
    newcomer = service.apply(session_id, people[3]).json
    service.tick()

    offered = service.client.get(f"/v1/enrolments/{second['id']}", headers=service.headers()).json
    assert newcomer["status"] == "waitlisted"
    assert offered["status"] == "offered"
    assert seats(service, session_id)["offered"] == 1
    accepted = service.client.post(f"/v1/enrolments/{second['id']}/accept-offer", headers=service.headers())
    assert accepted.json["status"] == "confirmed"
    assert service.events(second["id"]) == ["applied", "waitlisted", "offered", "confirmed"]


def test_a_declined_offer_goes_to_the_next_in_line(service: Service) -> None:
    session_id = service.session(capacity=1)
    winner, second, third = (service.apply(session_id, person).json for person in service.people(3))
    service.client.post(f"/v1/enrolments/{winner['id']}/cancel", json={}, headers=service.headers())
    service.tick()

    service.client.post(f"/v1/enrolments/{second['id']}/decline-offer", headers=service.headers())
    service.tick()

    last = service.client.get(f"/v1/enrolments/{third['id']}", headers=service.headers()).json
    assert last["status"] == "offered"


def test_hr_approves_and_the_last_one_waits(service: Service) -> None:
    session_id = service.session(capacity=2, approval_needed=True)
    applied = [service.apply(session_id, person, employer_id=EMPLOYER).json for person in service.people(3)]
    assert {enrolment["status"] for enrolment in applied} == {"applied"}

    approved = [
        service.client.post(f"/v1/enrolments/{enrolment['id']}/approve", headers=service.hr()).json
        for enrolment in applied
    ]

    assert [enrolment["status"] for enrolment in approved] == ["confirmed", "confirmed", "waitlisted"]
    assert service.events(applied[0]["id"]) == ["applied", "approved", "confirmed"]


def test_a_partner_portal_of_another_cluster_finds_nothing(service: Service) -> None:
    session_id, person = service.session(), service.person()
    enrolment = service.apply(session_id, person).json
    stranger = service.headers(cluster_id="cluster-other")

    read = service.client.get(f"/v1/enrolments/{enrolment['id']}", headers=stranger)
    listed = service.client.get("/v1/enrolments", headers=stranger)
    cancelled = service.client.post(f"/v1/enrolments/{enrolment['id']}/cancel", json={}, headers=stranger)
    body = {"session_id": session_id, "worker": {"person_id": person}}
    applied = service.client.post("/v1/enrolments", json=body, headers=stranger)

    assert [read.status_code, cancelled.status_code] == [404, 404]
    assert (applied.status_code, applied.json["code"]) == (503, "NOT_YET_KNOWN"), "as of anybody whose event may come"
    assert listed.json["items"] == []


def test_hr_without_consent_sees_nothing(service: Service) -> None:
    session_id, person = service.session(), service.person()
    without_employer = service.apply(session_id, person).json

    answer = service.client.get(f"/v1/enrolments/{without_employer['id']}", headers=service.hr())

    assert answer.status_code == 404


def test_hr_sees_nothing_while_the_directorys_events_lag(service: Service) -> None:
    session_id = service.session(approval_needed=True)
    enrolment = service.apply(session_id, service.person(), employer_id=EMPLOYER).json
    path = f"/v1/enrolments/{enrolment['id']}"
    fresh = service.client.get(path, headers=service.hr())

    service.report_progress(utc_now() - timedelta(seconds=31))
    late = service.client.get(path, headers=service.hr())
    listed = service.client.get("/v1/enrolments", headers=service.hr())
    portal = service.client.get(path, headers=service.headers())
    service.report_progress(utc_now())

    assert [fresh.status_code, late.status_code, listed.status_code, portal.status_code] == [200, 503, 503, 200]
    assert late.json["code"] == "DIRECTORY_BEHIND"


def test_five_hundred_at_once_for_a_hundred_seats_fill_exactly_those(service: Service) -> None:
    session_id = service.session(capacity=100, waitlist_limit=250)
    people = service.people(500)

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda person: service.apply(session_id, person), people))

    outcomes = Counter(
        answer.json.get("status") if answer.status_code == 201 else answer.json["code"] for answer in answers
    )
    assert outcomes == {"confirmed": 100, "waitlisted": 250, "WAITLIST_FULL": 150}
    tickets = [
        row["ticket"]
        for row in service.runtime.database["enrolments"].find({"session_id": session_id})
        if row["ticket"]
    ]
    assert sorted(tickets) == list(range(1, 251))


def test_two_clicks_at_once_make_one_enrolment(service: Service) -> None:
    session_id, person = service.session(), service.person()
    gate = threading.Barrier(8)

    def click(_: int) -> Any:
        gate.wait()
        return service.apply(session_id, person)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(click, range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert seats(service, session_id)["confirmed"] + seats(service, session_id)["held"] == 1


def test_a_claim_that_never_became_an_enrolment_is_swept_and_its_late_commit_fails(service: Service) -> None:
    session_id, person = service.session(capacity=1), service.person()
    frozen = service.runtime.work()
    late = service.actions(frozen)
    from services.enrolment_service.store.desk import SeatClaims, SeatQuestion

    question = SeatQuestion(session_id, person, "enrolment-of-a-frozen-process")
    frozen.answers.update(SeatClaims().resolve_seats(frozen, [question]))
    seat = late.store.seats.claim(session_id, person, "enrolment-of-a-frozen-process")
    service.runtime.database["seats"].update_one(
        {"_id": session_id}, {"$set": {"claims.0.at": utc_now() - 2 * CLAIM_AGE}}
    )

    service.tick()
    next_one = service.apply(session_id, service.person()).json

    assert seat.ticket is None
    assert next_one["status"] == "confirmed"
    from services.enrolment_service import domain
    from services.enrolment_service.domain import Application
    from shared.storage.transaction import commit
    from shared.storage.work import Duplicate

    application = Application(
        enrolment_id=seat.enrolment_id,
        session=late.store.copies.session(session_id),
        person=late.store.copies.person(person),
        employer_id=None,
        prerequisites=[],
    )
    late.store.save(*domain.admit(application, seat, "late", utc_now()))
    with pytest.raises(Duplicate):
        commit(service.runtime.client, frozen)
    count = seats(service, session_id)
    assert count["confirmed"] + count["held"] == 1


def test_the_trainer_records_attendance_and_results_row_by_row(service: Service) -> None:
    session_id = service.session(capacity=3)
    first, second, third = (service.apply(session_id, person).json["id"] for person in service.people(3))
    service.begin(session_id)

    attendance = service.client.put(
        f"/v1/rosters/{session_id}/attendance",
        json={
            "items": [
                {"enrolment_id": first, "attendance": 100},
                {"enrolment_id": second, "attendance": 50},
                {"enrolment_id": "no-such", "attendance": 50},
            ]
        },
        headers=service.trainer(),
    )
    results = service.client.post(
        f"/v1/rosters/{session_id}/results",
        json={
            "items": [
                {"enrolment_id": first, "passed": True, "score": 91.5},
                {"enrolment_id": second, "passed": True, "score": 60},
                {"enrolment_id": third, "passed": True},
            ]
        },
        headers=service.trainer(),
    )
    early = service.client.post(f"/v1/rosters/{session_id}/complete", json={}, headers=service.trainer())

    assert [row["ok"] for row in attendance.json["items"]] == [True, True, False]
    assert [row["code"] for row in results.json["items"]] == [None, "INVALID", "ILLEGAL_TRANSITION"]
    assert results.json["saved"] == 1
    assert early.status_code == 409
    assert early.json["code"] == "ROSTER_INCOMPLETE"
    assert service.events(first) == ["applied", "confirmed", "attended", "completed"]


def test_good_rows_are_saved_also_when_another_is_malformed(service: Service) -> None:
    session_id = service.session(capacity=2)
    first, second = (service.apply(session_id, person).json["id"] for person in service.people(2))
    service.begin(session_id)
    rows: list[Any] = [
        {"enrolment_id": first, "attendance": 100},
        {"enrolment_id": second, "attendance": 101},
        {"enrolment_id": second, "attendance": "80"},
        {"enrolment_id": second},
        {"enrolment_id": second, "attendance": 80, "mood": "good"},
        "a row",
    ]
    answer = service.client.put(
        f"/v1/rosters/{session_id}/attendance", json={"items": rows}, headers=service.trainer()
    ).json

    assert [(row["row"], row["ok"]) for row in answer["items"]] == [(1, True), *((n, False) for n in range(2, 7))]
    assert [row["violations"][0]["row"] for row in answer["items"][1:]] == [2, 3, 4, 5, 6]
    assert answer["items"][1]["violations"][0]["field"] == "attendance"
    assert answer["items"][1]["violations"][0]["code"] == "OUT_OF_RANGE"
    assert (answer["items"][4]["enrolment_id"], answer["items"][5]["enrolment_id"]) == (second, "")
    assert (answer["saved"], answer["failed"]) == (1, 5)


def test_a_completed_roster_is_published_once(service: Service) -> None:
    session_id = service.session(capacity=2)
    attended, absent = (service.apply(session_id, person).json["id"] for person in service.people(2))
    service.begin(session_id)
    trainer = service.trainer()
    service.client.put(
        f"/v1/rosters/{session_id}/attendance",
        json={"items": [{"enrolment_id": attended, "attendance": 90}]},
        headers=trainer,
    )
    service.client.post(
        f"/v1/rosters/{session_id}/results",
        json={"items": [{"enrolment_id": attended, "passed": True}]},
        headers=trainer,
    )

    done = service.client.post(f"/v1/rosters/{session_id}/complete", json={"absent_are_no_show": True}, headers=trainer)
    twice = service.client.post(
        f"/v1/rosters/{session_id}/complete", json={"absent_are_no_show": True}, headers=trainer
    )

    assert done.json == {"completed": 1, "failed": 0, "no_show": 1}
    assert twice.status_code == 409
    assert service.events(absent)[-1] == "no_show"


def test_a_capacity_below_what_is_taken_is_refused_and_more_seats_move_the_queue(service: Service) -> None:
    session_id = service.session(capacity=2)
    people = [service.apply(session_id, person).json for person in service.people(3)]
    version = seats(service, session_id)["version"]
    trainer = service.trainer()

    unseen = service.client.put(f"/v1/seats/{session_id}", json={"capacity": 3}, headers=trainer)
    cut = service.client.put(
        f"/v1/seats/{session_id}", json={"capacity": 1}, headers=trainer | {"If-Match": f'"{version}"'}
    )
    more = service.client.put(
        f"/v1/seats/{session_id}", json={"capacity": 3}, headers=trainer | {"If-Match": f'"{version}"'}
    )
    service.tick()

    assert unseen.status_code == 428
    assert cut.json["code"] == "CAPACITY_BELOW_CONFIRMED"
    assert more.status_code == 200
    last = service.client.get(f"/v1/enrolments/{people[2]['id']}", headers=service.headers()).json
    assert last["status"] == "offered"


def test_a_cancelled_session_cancels_its_enrolments_and_frees_all_seats(service: Service) -> None:
    session_id = service.session(capacity=2)
    people = [service.apply(session_id, person).json for person in service.people(4)]

    service.feed(SessionCancelled(session_id=session_id, course_id="course-1", course_version=1, cluster_id=HOST))
    service.tick()

    statuses = {
        service.client.get(f"/v1/enrolments/{e['id']}", headers=service.headers()).json["status"] for e in people
    }
    count = seats(service, session_id)
    assert statuses == {"cancelled"}
    assert (count["confirmed"], count["held"], count["waiting"], count["availability"]) == (0, 0, 0, "closed")


def test_a_closed_session_lapses_what_nobody_approved(service: Service) -> None:
    session_id = service.session(approval_needed=True)
    applied = service.apply(session_id, service.person(), employer_id=EMPLOYER).json

    service.feed(SessionEnrolmentClosed(session_id=session_id, course_id="course-1", course_version=1, cluster_id=HOST))
    service.tick()

    assert service.events(applied["id"]) == ["applied", "lapsed"]
    assert service.apply(session_id, service.person()).json["reasons"][0]["code"] == "SESSION_NOT_OPEN"


def _ask_for(service: Service, session_id: str, *, caught_up: timedelta = timedelta()) -> list[tuple[int, str]]:
    """An application and the seats, `caught_up` after all events were known here."""
    person = service.person()
    service.report_progress(utc_now() - caught_up)
    answers = [service.apply(session_id, person), service.client.get(f"/v1/seats/{session_id}")]
    return [(answer.status_code, answer.json["code"]) for answer in answers]


def test_what_may_still_come_is_awaited_and_then_refused_with_retry_after(service: Service) -> None:
    young = new_id()
    assert _ask_for(service, young) == [(503, "NOT_YET_KNOWN")] * 2
    assert service.client.get(f"/v1/seats/{young}").headers["Retry-After"]

    # While events lag nobody knows what came meanwhile.
    late = _ask_for(service, str(uuid.uuid4()), caught_up=timedelta(minutes=1))
    assert late == [(503, "NOT_YET_KNOWN")] * 2


def test_what_cannot_come_any_more_is_not_found(service: Service) -> None:
    last_year = "019b0000-0000-7000-8000-000000000000"
    for unknown in (last_year, str(uuid.uuid4()), "session-that-nobody-opened"):
        assert _ask_for(service, unknown) == [(404, "NOT_FOUND")] * 2


def test_the_same_key_gives_the_same_answer_and_another_body_is_refused(service: Service) -> None:
    session_id, person = service.session(), service.person()
    keyed = service.headers() | {"Idempotency-Key": f"key-{person}"}
    body = {"session_id": session_id, "worker": {"person_id": person}}

    first = service.client.post("/v1/enrolments", json=body, headers=keyed)
    again = service.client.post("/v1/enrolments", json=body, headers=keyed)
    other = service.client.post("/v1/enrolments", json=body | {"employer_id": EMPLOYER}, headers=keyed)

    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422
    assert other.json["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_a_worker_found_by_the_portals_own_number_is_the_same_person(service: Service) -> None:
    from shared.auth.references import external_ref
    from shared.clock import new_id
    from shared.schemas.directory import PersonRegistered

    person, session_id = new_id(), service.session()
    ref = external_ref("reference-secret-of-a-test", HOME, "emp-0042")
    service.feed(PersonRegistered(person_id=person, cluster_id=HOME, external_ref=ref))

    body = {"session_id": session_id, "worker": {"external_id": "emp-0042"}}
    answer = service.client.post("/v1/enrolments", json=body, headers=service.headers())

    assert answer.json["person_id"] == person
