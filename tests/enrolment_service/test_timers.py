"""What is due gets done, whatever stands before it and however much there is of it."""

import time
from dataclasses import fields
from datetime import timedelta
from typing import Any

from shared.clock import new_id, utc_now
from shared.schemas.catalog import SessionCancelled, SessionChanged, SessionEnrolmentClosed
from tests.enrolment_service.conftest import EMPLOYER, HOST, Service, opened

EARLY = "019b0000-0000-7000-8000-"


def status(service: Service, enrolment_id: str) -> str:
    found: str = service.runtime.database["enrolments"].find_one({"_id": enrolment_id})["status"]  # type: ignore[index]
    return found


def terms(session_id: str, **changed: Any) -> dict[str, Any]:
    event = opened(session_id, approval_needed=True, **changed)
    return {item.name: getattr(event, item.name) for item in fields(event)}


def about(session_id: str) -> dict[str, Any]:
    return {"session_id": session_id, "course_id": "course-1", "course_version": 1, "cluster_id": HOST}


def test_a_session_that_cannot_be_cared_for_does_not_hold_up_those_behind_it(service: Service) -> None:
    broken = f"{EARLY}000000000001"
    service.runtime.database["seats"].insert_one({"_id": broken, "version": 1, "needs_care": True})
    session_id = service.session()
    enrolment = service.apply(session_id, service.person()).json["id"]
    service.feed(SessionCancelled(**about(session_id)))

    try:
        service.tick()
    finally:
        service.runtime.database["seats"].delete_one({"_id": broken})

    assert status(service, enrolment) == "cancelled"


def test_an_offer_that_cannot_expire_does_not_hold_up_those_behind_it(service: Service) -> None:
    session_id, people = service.session(capacity=1), service.people(2)
    first, second = (service.apply(session_id, person).json["id"] for person in people)
    service.client.post(f"/v1/enrolments/{first}/cancel", json={}, headers=service.headers())
    service.tick()
    enrolments = service.runtime.database["enrolments"]
    offer = enrolments.find_one({"_id": second})
    assert offer is not None
    assert offer["status"] == "offered"
    late = {"offer_expires_at": offer["created_at"]}
    broken = {**offer, **late, "_id": f"{EARLY}000000000002", "slot": "none", "history": "no list"}
    enrolments.insert_one(broken)
    enrolments.update_one({"_id": second}, {"$set": late})

    try:
        service.tick()
    finally:
        enrolments.delete_one({"_id": broken["_id"]})

    assert status(service, second) == "expired"


def test_an_application_lapses_when_its_time_to_be_approved_is_over_though_the_session_takes_more(
    service: Service,
) -> None:
    due = utc_now() + timedelta(days=1)
    session_id = service.session(approval_needed=True, approve_by=due)
    applied = service.apply(session_id, service.person(), employer_id=EMPLOYER).json
    assert (applied["waiting_for"], applied["until"][:19]) == ("employer", due.isoformat()[:19])

    service.tick()
    assert status(service, applied["id"]) == "applied", "it is in time"
    service.feed(SessionChanged(**terms(session_id, approve_by=utc_now())))
    late = service.client.post(f"/v1/enrolments/{applied['id']}/approve", json={}, headers=service.hr())
    service.tick()

    assert (late.status_code, late.json["code"]) == (409, "DEADLINE_PASSED")
    assert status(service, applied["id"]) == "lapsed"


def test_applications_lapse_also_behind_thousands_of_sessions_that_are_open(service: Service) -> None:
    session_id = service.session(approval_needed=True)
    applied = service.apply(session_id, service.person(), employer_id=EMPLOYER).json["id"]
    database = service.runtime.database
    seats, row = database["seats"].find_one({"_id": session_id}), database["enrolments"].find_one({"_id": applied})
    assert seats is not None
    assert row is not None
    others = [f"{EARLY}{number:012d}" for number in range(10, 2_110)]
    database["seats"].insert_many([{**seats, "_id": other} for other in others])
    database["enrolments"].insert_many([{**row, "_id": new_id(), "session_id": o, "slot": o} for o in others])
    service.feed(SessionEnrolmentClosed(**about(session_id)))

    until = time.monotonic() + 100
    while status(service, applied) == "applied" and time.monotonic() < until:
        service.tick()

    assert status(service, applied) == "lapsed"
