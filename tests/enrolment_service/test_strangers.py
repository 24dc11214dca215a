"""What somebody learns who has no business with a person or a session: nothing, not even whether there is one."""

import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from typing import Any

import pytest

from shared.auth.references import external_ref
from shared.clock import new_id, utc_now
from shared.http import endpoint
from shared.schemas.catalog import CoursePublished, SessionCancelled, SessionPlanned
from shared.schemas.certificate import CertificateIssued
from shared.schemas.directory import (
    ConsentWithdrawn,
    EmploymentEnded,
    EmploymentStarted,
    PersonErased,
    PersonMerged,
    PersonRegistered,
)
from tests.enrolment_service.conftest import EMPLOYER, HOME, HOST, Service, opened
from tests.enrolment_service.test_eligibility import at, content

LONG_AGO = "019b0000-0000-7000-8000-"


def old_id() -> str:
    """An id that was made so long ago that its event cannot be on its way."""
    return LONG_AGO + uuid.uuid4().hex[:12]


def told(answer: Any, asked: str) -> tuple[Any, ...]:
    """All that an answer tells, but for the id that was asked for and the id of the request."""
    body = {k: str(v).replace(asked, "ID") for k, v in answer.json.items() if k not in ("trace_id", "instance")}
    of_the_request = ("ratelimit", "trace", "request", "content-length", "date")
    headers = {k: v for k, v in answer.headers.items() if not any(word in k.lower() for word in of_the_request)}
    return answer.status_code, body, headers


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be on its way is waited for a shorter time than usual."""
    monkeypatch.setattr(endpoint, "AWAIT_SECONDS", 0.4)


def same(service: Service, ask: Callable[[str], Any], foreign: str, missing: str) -> Any:
    """Ask for both; they get the same answer, after the same waiting. Returns it."""
    answers, seconds = [], []
    for asked in (foreign, missing):
        service.report_progress(utc_now())
        begun = time.monotonic()
        answers.append(ask(asked))
        seconds.append(time.monotonic() - begun > endpoint.AWAIT_SECONDS / 2)
    assert told(answers[0], foreign) == told(answers[1], missing)
    assert seconds[0] == seconds[1], "one waits and the other does not"
    return answers[0]


def hr_applies(service: Service, session_id: str, person_id: str) -> Any:
    body = {"session_id": session_id, "worker": {"person_id": person_id}, "employer_id": EMPLOYER}
    return service.client.post("/v1/enrolments", json=body, headers=service.hr())


@pytest.mark.parametrize(("new", "status"), [(new_id, 503), (old_id, 404)])
def test_hr_is_told_the_same_of_somebody_elses_worker_as_of_nobody(
    service: Service, new: Callable[[], str], status: int
) -> None:
    session_id, foreign = service.session(), new()
    service.feed(PersonRegistered(person_id=foreign, cluster_id=HOME))

    answer = same(service, lambda person: hr_applies(service, session_id, person), foreign, new())

    assert answer.status_code == status
    assert service.runtime.database["enrolments"].count_documents({"person_id": foreign}) == 0


@pytest.mark.parametrize(("new", "status"), [(new_id, 503), (old_id, 404)])
def test_a_portal_is_told_the_same_of_another_clusters_worker_as_of_nobody(
    service: Service, new: Callable[[], str], status: int
) -> None:
    session_id, foreign, erased, merged = service.session(), new(), new(), new()
    service.feed(PersonRegistered(person_id=foreign, cluster_id="cluster-other"))
    service.feed(PersonRegistered(person_id=erased, cluster_id="cluster-other"), PersonErased(person_id=erased))
    service.feed(PersonRegistered(person_id=merged, cluster_id=HOME))
    service.feed(PersonMerged(person_id=merged, into_person_id=foreign))

    for person in (foreign, erased, merged):
        answer = same(service, lambda asked: service.apply(session_id, asked), person, new())
        assert answer.status_code == status


def test_hr_may_apply_for_whom_an_employment_names_though_it_has_ended_or_consent_is_missing(service: Service) -> None:
    session_id, former, silent = service.session(), new_id(), new_id()
    job: dict[str, Any] = {"organisation_id": EMPLOYER, "valid_from": date(2020, 1, 1)}
    for person in (former, silent):
        service.feed(PersonRegistered(person_id=person, cluster_id=HOME))
        service.feed(EmploymentStarted(employment_id=f"job-{person}", person_id=person, **job))
    ended = EmploymentEnded(
        employment_id=f"job-{former}", person_id=former, organisation_id=EMPLOYER, valid_until=date(2020, 2, 1)
    )
    service.feed(ended)

    answers = [hr_applies(service, session_id, person) for person in (former, silent)]

    reasons = [[reason["code"] for reason in answer.json["reasons"]] for answer in answers]
    assert reasons == [["NOT_EMPLOYEE", "CONSENT_MISSING"], []]
    assert [answer.json["waiting_for"] for answer in answers] == ["nobody", "worker"]


def test_the_reasons_tell_hr_nothing_else_of_a_worker_who_has_not_consented(service: Service) -> None:
    person, course = service.person(), new_id()
    service.apply(service.session(**at(10)), person)
    service.feed(CoursePublished(**content(course, 1, prerequisites=["basics"])))
    service.feed(certificate(person, course_id="private-course"))
    consent = service.runtime.database["people"].find_one({"_id": person})["consents"]  # type: ignore[index]
    withdrawn = ConsentWithdrawn(
        consent_id=next(iter(consent)), person_id=person, organisation_id=EMPLOYER, purpose="share_results"
    )
    service.feed(withdrawn)
    session_id = service.session(course_id=course, eligible_clusters=["another"], **at(10))

    by_hr, by_portal = hr_applies(service, session_id, person), service.apply(session_id, person, employer_id=EMPLOYER)

    assert (by_hr.json["waiting_for"], by_hr.json["reasons"]) == ("worker", [])
    assert [reason["code"] for reason in by_portal.json["reasons"]] == [
        "SCHEDULE_CLASH",
        "NOT_ELIGIBLE_CLUSTER",
        "CONSENT_MISSING",
        "PREREQUISITE_MISSING",
    ]
    assert "private-course" not in str(by_portal.json), "only what is asked for is anybody's business"


@pytest.mark.parametrize(("new", "status"), [(new_id, 503), (old_id, 404)])
def test_a_planned_session_and_none_get_the_same_answer(service: Service, new: Callable[[], str], status: int) -> None:
    person, planned = service.person(), new()
    service.feed(planned_of(planned))

    applied = same(service, lambda session_id: service.apply(session_id, person), planned, new())
    seats = same(service, lambda session_id: service.client.get(f"/v1/seats/{session_id}"), planned, new())

    assert (applied.status_code, seats.status_code) == (status, status)


@pytest.mark.parametrize(("new", "status"), [(new_id, 503), (old_id, 404)])
def test_another_clusters_seats_and_none_get_the_same_answer(
    service: Service, new: Callable[[], str], status: int
) -> None:
    foreign = new()
    service.feed(opened(foreign, cluster_id="cluster-other"))

    def put(session_id: str) -> Any:
        headers = service.trainer() | {"If-Match": '"1"'}
        return service.client.put(f"/v1/seats/{session_id}", json={"capacity": 3}, headers=headers)

    assert same(service, put, foreign, new()).status_code == status


def test_a_number_that_nobody_has_is_a_violation_of_its_field_as_is_that_of_somebody_elses_worker(
    service: Service,
) -> None:
    session_id = service.session()
    service.feed(numbered(new_id(), HOME, "emp-theirs"))

    def applies(number: str, headers: dict[str, str]) -> Any:
        body = {"session_id": session_id, "worker": {"external_id": number}, "employer_id": EMPLOYER}
        return service.client.post("/v1/enrolments", json=body, headers=headers)

    by_hr = same(service, lambda number: applies(number, service.hr()), "emp-theirs", "emp-mistyped")
    service.report_progress(utc_now())
    by_portal = applies("emp-mistyped", service.headers())

    for answer in (by_hr, by_portal):
        assert answer.status_code == 422
        assert [(v["field"], v["code"]) for v in answer.json["violations"]] == [
            ("worker.external_id", "UNKNOWN_EXTERNAL_ID")
        ]


def test_a_number_is_waited_for_and_while_events_lag_nobody_is_told_that_it_is_unknown(service: Service) -> None:
    session_id, person = service.session(), new_id()
    body = {"session_id": session_id, "worker": {"external_id": "emp-new"}}

    service.report_progress(utc_now() - timedelta(minutes=1))
    early = service.client.post("/v1/enrolments", json=body, headers=service.headers())
    service.feed(numbered(person, HOME, "emp-new"))
    later = service.client.post("/v1/enrolments", json=body, headers=service.headers())

    assert (early.status_code, early.json["code"]) == (503, "NOT_YET_KNOWN")
    assert (later.status_code, later.json["person_id"]) == (201, person)


def test_an_id_is_not_waited_for_any_more_ten_minutes_after_it_was_made(service: Service) -> None:
    person = service.person()
    service.report_progress(utc_now())

    answers = [service.apply(made_ago(minutes), person) for minutes in (9, 11)]

    assert [answer.status_code for answer in answers] == [503, 404]


def test_an_application_waits_for_the_opening_of_its_session(service: Service) -> None:
    session_id, person = new_id(), service.person()
    service.feed(planned_of(session_id))
    early = service.apply(session_id, person)

    service.feed(opened(session_id))

    assert (early.status_code, early.json["code"]) == (503, "NOT_YET_KNOWN")
    assert service.apply(session_id, person).json["status"] == "confirmed"


def test_seats_of_a_session_that_was_cancelled_before_it_opened_are_not_found_at_once(service: Service) -> None:
    session_id = new_id()
    service.feed(planned_of(session_id))
    service.feed(SessionCancelled(session_id=session_id, course_id="course-1", course_version=1, cluster_id=HOST))

    begun = time.monotonic()
    answers = [
        service.client.get(f"/v1/seats/{session_id}"),
        service.client.put(
            f"/v1/seats/{session_id}", json={"capacity": 3}, headers=service.trainer() | {"If-Match": '"1"'}
        ),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert time.monotonic() - begun < endpoint.AWAIT_SECONDS


def test_a_dead_letter_of_something_else_does_not_answer_try_again_for_ever(service: Service) -> None:
    held, about = service.runtime.database["held_events"], old_id()
    letters = [
        {"_id": i, "aggregate": i, "order": 1, "consumer": "copies.g1", "state": "dead"}
        for i in ("session/other", f"session/{about}")
    ]
    service.report_progress(utc_now())
    try:
        held.insert_one(letters[0])
        other = service.client.get(f"/v1/seats/{about}")
        held.insert_one(letters[1])
        itself = service.client.get(f"/v1/seats/{about}")
    finally:
        held.delete_many({"_id": {"$in": [letter["_id"] for letter in letters]}})

    assert (other.status_code, itself.status_code) == (404, 503)


def made_ago(minutes: int) -> str:
    """The id of something that was made then."""
    moment = int((utc_now() - timedelta(minutes=minutes)).timestamp() * 1000)
    return str(uuid.UUID(int=(moment << 80) | (0x7 << 76) | (0x8 << 60) | secrets.randbits(60)))


def numbered(person_id: str, cluster_id: str, number: str) -> PersonRegistered:
    """Somebody whom a cluster knows by a number of its own."""
    reference = external_ref("reference-secret-of-a-test", cluster_id, number)
    return PersonRegistered(person_id=person_id, cluster_id=cluster_id, external_ref=reference)


def planned_of(session_id: str) -> SessionPlanned:
    """The plan of a session."""
    event = opened(session_id)
    return SessionPlanned(**{field.name: getattr(event, field.name) for field in fields(event)})


def certificate(person_id: str, **facts: Any) -> CertificateIssued:
    """A certificate of theirs that never expires."""
    defaults: dict[str, Any] = {
        "certificate_id": new_id(),
        "enrolment_id": new_id(),
        "person_id": person_id,
        "course_id": "course-1",
        "course_version": 1,
        "cluster_id": HOME,
        "employer_id": None,
        "awarding_body_id": "body",
        "issued_at": utc_now(),
        "completed_at": utc_now() - timedelta(days=1),
        "valid_until": None,
    }
    return CertificateIssued(**(defaults | facts))
