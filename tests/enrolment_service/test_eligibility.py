"""What speaks against an enrolment: the rules that need more than the session and the worker."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from shared.clock import new_id, utc_now
from shared.schemas.catalog import CoursePublished, CourseRevised, SessionCancelled
from shared.schemas.directory import PersonMerged
from tests.enrolment_service.conftest import HOST, Service

_NOW = utc_now().replace(microsecond=0)


def content(course_id: str, version: int, **facts: Any) -> dict[str, Any]:
    """Of a version of a course."""
    defaults: dict[str, Any] = {
        "course_id": course_id,
        "course_version": version,
        "cluster_id": HOST,
        "provider_id": "provider-1",
        "awarding_body_id": "provider-1",
        "type": "course",
        "default_language": "de",
        "titles": {"de": "Robotik"},
        "descriptions": {"de": "Robotik"},
        "outcomes": [],
        "isced_f": "0714",
        "skill_category": "digital",
        "pillar": None,
        "workload_hours": 8.0,
        "eqf_level": None,
        "ects": None,
        "mode": "Presential",
        "assessment_type": "written examination",
        "quality_assurance_type": "ISO 21001",
        "audience": ["worker"],
        "published_at": utc_now(),
    }
    return defaults | facts


def reads(service: Service, act: Callable[[], Any]) -> list[str]:
    """The queries that MongoDB answered in the service's database meanwhile."""
    database = service.runtime.database
    database.command("profile", 2)
    act()
    database.command("profile", 0)
    rows = list(database["system.profile"].find().sort("ts", 1))
    database["system.profile"].drop()
    asked = [f"{next(iter(row['command']))} {row['ns'].split('.', 1)[1]}" for row in rows]
    queries = [command for command in asked if command.startswith(("aggregate ", "find "))]
    return [query for query in queries if query != "find generations"]  # asked now and then, whoever applies


def at(days: float, hours: float = 8.0) -> dict[str, datetime]:
    """Start and end of a session that begins in so many days."""
    begins = _NOW + timedelta(days=days)
    return {"starts_at": begins, "ends_at": begins + timedelta(hours=hours)}


def codes(answer: Any) -> list[str]:
    assert answer.status_code == 201, answer.json
    return [reason["code"] for reason in answer.json["reasons"]]


def test_a_revised_course_changes_what_it_asks_for(service: Service) -> None:
    course, person = new_id(), service.person()
    service.feed(CoursePublished(**content(course, 1)))
    service.feed(CourseRevised(**content(course, 2, prerequisites=["basics"])))

    answer = service.apply(service.session(course_id=course), person)

    assert service.runtime.database["held_events"].count_documents({"aggregate": f"course/{course}"}) == 0
    assert [reason["code"] for reason in answer.json["reasons"]] == ["PREREQUISITE_MISSING"]


def test_a_seat_in_another_session_at_the_same_time_speaks_against_it(service: Service) -> None:
    person = service.person()
    taken = service.session(**at(10))
    service.apply(taken, person)

    answer = service.apply(service.session(**at(10.2), timezone="Europe/Madrid"), person)

    (reason,) = answer.json["reasons"]
    assert (answer.json["status"], reason["code"]) == ("ineligible", "SCHEDULE_CLASH")
    assert reason["actual"][0].count("+0") == 2, "in the session's own time"
    assert taken not in str(reason), "where they are is not told"


def test_sessions_one_after_the_other_do_not_clash(service: Service) -> None:
    person = service.person()
    service.apply(service.session(**at(10, hours=24)), person)

    assert codes(service.apply(service.session(**at(11)), person)) == []
    assert codes(service.apply(service.session(**at(9.5, hours=12)), person)) == []
    assert codes(service.apply(service.session(starts_at=None, ends_at=None), person)) == []


def test_a_session_without_dates_takes_nobodys_time(service: Service) -> None:
    person = service.person()
    service.apply(service.session(starts_at=None, ends_at=None), person)

    assert codes(service.apply(service.session(**at(10)), person)) == []


def test_waiting_for_a_seat_takes_nobodys_time_and_an_offer_does(service: Service) -> None:
    first, person = service.people(2)
    wanted = service.session(**at(10), capacity=1)
    winner = service.apply(wanted, first).json["id"]
    service.apply(wanted, person)
    assert codes(service.apply(service.session(**at(10)), person)) == []
    other = service.person()
    service.apply(wanted, other)
    service.client.post(f"/v1/enrolments/{winner}/cancel", json={}, headers=service.headers())
    service.tick()
    assert service.client.get(f"/v1/seats/{wanted}").json["offered"] == 1

    assert codes(service.apply(service.session(**at(10)), person)) == ["SCHEDULE_CLASH"]
    assert codes(service.apply(service.session(**at(10)), other)) == []


def test_after_the_other_enrolment_or_session_is_cancelled_there_is_no_clash(service: Service) -> None:
    person, first, second = service.person(), service.session(**at(10)), service.session(**at(20))
    enrolment = service.apply(first, person).json["id"]
    service.apply(second, person)
    service.client.post(f"/v1/enrolments/{enrolment}/cancel", json={}, headers=service.headers())
    service.feed(SessionCancelled(session_id=second, course_id="course-1", course_version=1, cluster_id=HOST))

    assert codes(service.apply(service.session(**at(10)), person)) == []
    assert codes(service.apply(service.session(**at(20)), person)) == []


def test_applying_twice_for_one_session_is_a_duplicate_and_no_clash(service: Service) -> None:
    person, session_id = service.person(), service.session()
    service.apply(session_id, person)

    assert service.apply(session_id, person).json["code"] == "DUPLICATE_ENROLMENT"


def test_a_seat_under_a_record_that_was_merged_clashes_too(service: Service) -> None:
    loser, winner = service.people(2)
    service.apply(service.session(**at(10)), loser)
    service.feed(PersonMerged(person_id=loser, into_person_id=winner))

    assert codes(service.apply(service.session(**at(10)), winner)) == ["SCHEDULE_CLASH"]


def test_a_worker_without_another_seat_costs_no_query_more_and_a_busy_one_two(
    service: Service,
) -> None:
    session_id, later = service.session(**at(10)), service.session(**at(20))
    warm, newcomer, busy = service.people(3)
    for known in (session_id, later):
        service.apply(known, warm)
    service.apply(later, busy)

    usual = reads(service, lambda: service.apply(session_id, newcomer))
    twice = reads(service, lambda: service.apply(session_id, busy))

    assert usual == ["aggregate sessions", "find seats"]
    assert twice == ["aggregate sessions", "find enrolments", "find sessions", "find seats"]
