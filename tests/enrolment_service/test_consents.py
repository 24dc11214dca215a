"""HR applies for workers who have yet to consent: they act next, and it goes on by itself."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.enrolment_service import domain
from services.enrolment_service.domain import Ledger
from shared.clock import new_id, utc_now
from shared.errors import Conflict
from shared.schemas.catalog import CoursePublished
from shared.schemas.directory import ConsentGiven, EmploymentStarted, PersonRegistered
from tests.enrolment_service.conftest import EMPLOYER, HOME, Service
from tests.enrolment_service.test_domain import APPLICATION, NOW, verbs
from tests.enrolment_service.test_eligibility import content

LEDGER = Ledger(id="s1", cluster_id="host", open=True, capacity=1, waitlist_limit=1)


def silent(service: Service) -> str:
    """A worker of EMPLOYER who has consented to nothing."""
    person = new_id()
    job = EmploymentStarted(
        employment_id=new_id(), person_id=person, organisation_id=EMPLOYER, valid_from=date(2020, 1, 1)
    )
    service.feed(PersonRegistered(person_id=person, cluster_id=HOME), job)
    return person


def consent(service: Service, person: str) -> None:
    given = ConsentGiven(consent_id=new_id(), person_id=person, organisation_id=EMPLOYER, purpose="share_results")
    service.feed(given)
    service.tick()


def hr_applies(service: Service, session_id: str, person: str) -> Any:
    body = {"session_id": session_id, "worker": {"person_id": person}, "employer_id": EMPLOYER}
    return service.client.post("/v1/enrolments", json=body, headers=service.hr())


def read(service: Service, enrolment_id: str) -> Any:
    return service.client.get(f"/v1/enrolments/{enrolment_id}", headers=service.hr()).json


def seats(service: Service, session_id: str) -> tuple[int, int]:
    found = service.client.get(f"/v1/seats/{session_id}").json
    return found["confirmed"], found["waiting"]


# -- rules


def test_an_application_without_consent_says_so_and_holds_nothing() -> None:
    asked, (applied,) = domain.await_consent(APPLICATION, "hr", NOW)

    assert (asked.status, asked.awaits_consent, applied.consent_needed) == ("applied", True, True)  # type: ignore[attr-defined]
    assert domain.held_by(asked) == domain.Counts()


def test_nobody_approves_in_place_of_the_worker() -> None:
    asked, _ = domain.await_consent(APPLICATION, "hr", NOW)

    with pytest.raises(Conflict) as refused:
        domain.must_have_consent(asked)
    assert refused.value.error_code == "CONSENT_MISSING"
    domain.must_have_consent(domain.consented(asked))


def test_what_speaks_against_it_once_consent_came_ends_it_with_all_reasons() -> None:
    asked, _ = domain.await_consent(APPLICATION, "hr", NOW)
    reasons = domain.reasons_against(replace(APPLICATION, prerequisites=["basics"]), NOW)

    refused, happened = domain.turn_down(asked, reasons, NOW)

    assert (refused.status, refused.awaits_consent, refused.reasons) == ("ineligible", False, reasons)
    assert verbs(happened) == ["ineligible"]


def test_seats_are_handed_out_before_tickets_and_never_more_than_there_are() -> None:
    first = domain.hand_out(LEDGER, "n1")
    second = domain.hand_out(first[0], "n2")

    assert (first[1].ticket, second[1].ticket, second[1].place) == (None, 1, 1)
    assert (second[0].taken, second[0].waiting, second[0].next_ticket) == (1, 1, 2)
    with pytest.raises(Conflict) as refused:
        domain.hand_out(second[0], "n3")
    assert refused.value.error_code == "WAITLIST_FULL"


def test_nobody_overtakes_the_queue_when_consent_comes() -> None:
    handed = domain.hand_out(replace(LEDGER, waiting=1, waitlist_limit=5, next_ticket=2), "n1")

    assert (handed[1].ticket, handed[1].place) == (2, 2)


# -- what comes of it


def test_hr_applies_the_worker_consents_and_the_seat_is_theirs(service: Service) -> None:
    session_id, person = service.session(capacity=1), silent(service)

    asked = hr_applies(service, session_id, person)
    service.tick()

    assert (asked.status_code, asked.json["status"], asked.json["waiting_for"]) == (201, "applied", "worker")
    assert asked.json["until"] is not None
    assert read(service, asked.json["id"])["status"] == "applied"
    assert seats(service, session_id) == (0, 0), "no seat before consent"
    consent(service, person)
    assert read(service, asked.json["id"])["status"] == "confirmed"
    assert seats(service, session_id) == (1, 0)
    assert service.events(asked.json["id"]) == ["applied", "confirmed"]


def test_with_no_seat_left_consent_leads_to_the_queue_and_a_seat_that_comes_free_is_offered(service: Service) -> None:
    session_id, person = service.session(capacity=1), silent(service)
    asked = hr_applies(service, session_id, person).json["id"]
    first = service.apply(session_id, service.person()).json["id"]

    consent(service, person)
    waiting = read(service, asked)
    service.client.post(f"/v1/enrolments/{first}/cancel", json={}, headers=service.headers())
    service.tick()

    assert (waiting["status"], waiting["place_in_queue"]) == ("waitlisted", 1)
    assert read(service, asked)["status"] == "offered"
    assert seats(service, session_id) == (0, 0)


def test_where_approval_is_needed_consent_makes_it_an_application_as_any_other(service: Service) -> None:
    session_id, person = service.session(approval_needed=True), silent(service)
    asked = hr_applies(service, session_id, person).json["id"]
    approve = f"/v1/enrolments/{asked}/approve"

    early = service.client.post(approve, json={}, headers=service.hr())
    consent(service, person)

    assert (early.status_code, early.json["code"]) == (409, "CONSENT_MISSING")
    assert read(service, asked)["waiting_for"] == "employer"
    assert service.client.post(approve, json={}, headers=service.hr()).json["status"] == "confirmed"


def test_what_speaks_against_it_is_told_once_the_worker_has_consented(service: Service) -> None:
    course, person = new_id(), silent(service)
    service.feed(CoursePublished(**content(course, 1, prerequisites=["basics"])))
    asked = hr_applies(service, service.session(course_id=course), person).json["id"]

    consent(service, person)

    refused = read(service, asked)
    assert (refused["status"], [r["code"] for r in refused["reasons"]]) == ("ineligible", ["PREREQUISITE_MISSING"])


def test_hr_does_not_learn_that_the_worker_is_in_the_session_before_they_consent(service: Service) -> None:
    session_id, person = service.session(), silent(service)
    own = service.apply(session_id, person).json["id"]

    asked = hr_applies(service, session_id, person)
    again = hr_applies(service, session_id, person)
    assert (asked.status_code, again.status_code) == (201, 409), "only the own application stands in the way"
    consent(service, person)

    refused = read(service, asked.json["id"])
    assert (refused["status"], [r["code"] for r in refused["reasons"]]) == ("ineligible", ["DUPLICATE_ENROLMENT"])
    assert service.events(own) == ["applied", "confirmed"]


def test_a_worker_who_does_not_want_it_cancels_and_hr_sees_that_it_is_over(service: Service) -> None:
    session_id, person = service.session(), silent(service)
    asked = hr_applies(service, session_id, person).json["id"]
    worker = service.headers(person_id=person, roles=["worker"])

    cancelled = service.client.post(f"/v1/enrolments/{asked}/cancel", json={}, headers=worker)
    consent(service, person)

    assert cancelled.json["status"] == "cancelled"
    assert (read(service, asked)["status"], read(service, asked)["waiting_for"]) == ("cancelled", "nobody")


def test_without_consent_it_lapses(service: Service) -> None:
    due = utc_now() + timedelta(milliseconds=1500)
    session_id, person = service.session(approve_by=due), silent(service)
    asked = hr_applies(service, session_id, person).json
    assert asked["until"][:19] == due.isoformat()[:19]

    while utc_now() <= due:
        service.tick()
    service.tick()

    assert read(service, asked["id"])["status"] == "lapsed"
