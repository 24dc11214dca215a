"""What comes too late, or too early: offers, waiting, attendance, and certificates that have expired."""

from datetime import timedelta
from typing import Any

import pytest

from shared.clock import new_id, utc_now
from shared.http import endpoint
from shared.schemas.catalog import CoursePublished, SessionCancelled
from shared.schemas.certificate import CertificateReinstated, CertificateSuspended
from tests.enrolment_service.conftest import HOST, Service
from tests.enrolment_service.test_eligibility import codes, content
from tests.enrolment_service.test_strangers import certificate

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be on its way is waited for a shorter time than usual."""
    monkeypatch.setattr(endpoint, "AWAIT_SECONDS", 0.2)


def shown(service: Service, enrolment_id: str) -> dict[str, Any]:
    found: dict[str, Any] = service.client.get(f"/v1/enrolments/{enrolment_id}", headers=service.headers()).json
    return found


def full(service: Service, **terms: Any) -> tuple[str, str, str]:
    """A session of one seat, the enrolment that has it, and one that waits for it."""
    session_id = service.session(capacity=1, **terms)
    first, second = (service.apply(session_id, person).json["id"] for person in service.people(2))
    return session_id, first, second


def give_up(service: Service, enrolment_id: str) -> None:
    service.client.post(f"/v1/enrolments/{enrolment_id}/cancel", json={}, headers=service.headers())
    service.tick()


def set_terms(service: Service, session_id: str, **terms: Any) -> None:
    """As if so much time had passed."""
    service.runtime.database["sessions"].update_one({"_id": session_id}, {"$set": terms})


def attend(service: Service, session_id: str, enrolment_id: str) -> Any:
    service.report_progress(utc_now())
    items = [{"enrolment_id": enrolment_id, "attendance": 90}]
    path = f"/v1/rosters/{session_id}/attendance"
    return service.client.put(path, json={"items": items}, headers=service.trainer())


def about(session_id: str) -> dict[str, Any]:
    return {"session_id": session_id, "course_id": "course-1", "course_version": 1, "cluster_id": HOST}


@pytest.mark.parametrize(
    ("deadline", "start", "expected"),
    [(100, 200, 48), (5, 200, 5), (None, 7, 7), (9, 7, 7), (None, None, 48)],
)
def test_an_offer_ends_after_two_days_at_the_deadline_or_at_the_start(
    service: Service, deadline: int | None, start: int | None, expected: int
) -> None:
    moments = [None if hours is None else utc_now() + hours * HOUR for hours in (deadline, start)]
    begins, ends = moments[1], moments[1] and moments[1] + HOUR
    _, first, second = full(service, application_deadline=moments[0], starts_at=begins, ends_at=ends)
    give_up(service, first)

    offered = shown(service, second)

    left = service.runtime.database["enrolments"].find_one({"_id": second})["offer_expires_at"] - utc_now()  # type: ignore[index]
    assert offered["status"] == "offered"
    assert timedelta() < expected * HOUR - left < timedelta(minutes=5)


@pytest.mark.parametrize("passed", ["application_deadline", "starts_at"])
def test_no_offer_is_made_after_the_deadline_or_the_start(service: Service, passed: str) -> None:
    session_id, first, second = full(service)
    set_terms(service, session_id, **{passed: utc_now() - HOUR})
    give_up(service, first)
    service.tick()

    assert "offered" not in service.events(second)
    assert service.runtime.database["seats"].count_documents({"_id": session_id, "needs_care": True}) == 0


@pytest.mark.parametrize("passed", [None, "starts_at", "application_deadline"])
def test_an_offer_is_not_accepted_after_the_start_by_word_or_by_the_clock_or_after_the_deadline(
    service: Service, passed: str | None
) -> None:
    session_id, first, second = full(service)
    give_up(service, first)
    if passed is None:
        service.begin(session_id)
    else:
        set_terms(service, session_id, **{passed: utc_now() - HOUR})

    answer = service.client.post(f"/v1/enrolments/{second}/accept-offer", headers=service.headers())

    assert (answer.status_code, answer.json["code"]) == (409, "OFFER_EXPIRED")


@pytest.mark.parametrize("by_the_clock", [True, False])
def test_the_waiting_list_lapses_when_the_session_starts(service: Service, by_the_clock: bool) -> None:
    session_id, _, second = full(service)
    third = service.apply(session_id, service.person()).json["id"]
    still, _, waits = full(service)
    if by_the_clock:
        set_terms(service, session_id, starts_at=utc_now() - HOUR)
    else:
        service.begin(session_id)

    service.tick()

    assert [shown(service, i)["status"] for i in (second, third, waits)] == ["lapsed", "lapsed", "waitlisted"]
    assert service.events(second) == ["applied", "waitlisted", "lapsed"]
    seats = [service.client.get(f"/v1/seats/{i}").json for i in (session_id, still)]
    assert [(count["confirmed"] + count["held"], count["waiting"]) for count in seats] == [(1, 0), (1, 1)]


@pytest.mark.parametrize("state", ["open", "cancelled", "completed"])
def test_attendance_is_refused_while_the_session_does_not_run(service: Service, state: str) -> None:
    session_id = service.session()
    enrolment = service.apply(session_id, service.person()).json["id"]
    if state == "cancelled":
        service.feed(SessionCancelled(**about(session_id)))
    set_terms(service, session_id, status=state)

    answers = [
        attend(service, session_id, enrolment),
        service.client.post(f"/v1/rosters/{session_id}/complete", json={}, headers=service.trainer()),
    ]

    assert [(a.status_code, a.json["code"]) for a in answers] == [(409, "SESSION_NOT_RUNNING")] * 2
    assert "attended" not in service.events(enrolment)


def test_attendance_is_taken_once_the_session_runs_by_word_or_by_the_clock_or_has_no_dates(service: Service) -> None:
    by_word, by_clock, self_paced = service.session(), service.session(), service.session(starts_at=None, ends_at=None)
    enrolments = [service.apply(i, service.person()).json["id"] for i in (by_word, by_clock, self_paced)]
    service.begin(by_word)
    set_terms(service, by_clock, status="closed", starts_at=utc_now() - HOUR)

    answers = [attend(service, i, e) for i, e in zip((by_word, by_clock, self_paced), enrolments, strict=True)]

    assert [answer.json["saved"] for answer in answers] == [1, 1, 1]


def test_an_expired_certificate_satisfies_no_prerequisite(service: Service) -> None:
    course, now = new_id(), utc_now()
    service.feed(CoursePublished(**content(course, 1, prerequisites=["basics"])))
    holders = {until: service.person() for until in (None, now + HOUR, now - HOUR)}
    for until, person in holders.items():
        service.feed(certificate(person, course_id="basics", valid_until=until))

    found = [codes(service.apply(service.session(course_id=course), person)) for person in holders.values()]

    assert found == [[], [], ["PREREQUISITE_MISSING"]]


def test_a_certificate_that_was_reinstated_still_expires(service: Service) -> None:
    course, person = new_id(), service.person()
    service.feed(CoursePublished(**content(course, 1, prerequisites=["basics"])))
    issued = certificate(person, course_id="basics", valid_until=utc_now() - HOUR)
    names = ("certificate_id", "enrolment_id", "person_id", "course_id", "course_version", "cluster_id", "employer_id")
    facts = {name: getattr(issued, name) for name in (*names, "awarding_body_id")}
    service.feed(issued, CertificateSuspended(**facts), CertificateReinstated(**facts))

    assert codes(service.apply(service.session(course_id=course), person)) == ["PREREQUISITE_MISSING"]
