"""What speaks against an enrolment: the rules that need more than the session and the worker."""

from typing import Any

from shared.clock import new_id, utc_now
from shared.schemas.catalog import CoursePublished, CourseRevised
from tests.enrolment_service.conftest import HOST, Service


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


def test_a_revised_course_changes_what_it_asks_for(service: Service) -> None:
    course, person = new_id(), service.person()
    service.feed(CoursePublished(**content(course, 1)))
    service.feed(CourseRevised(**content(course, 2, prerequisites=["basics"])))

    answer = service.apply(service.session(course_id=course), person)

    assert service.house.database["held_events"].count_documents({"aggregate": f"course/{course}"}) == 0
    assert [reason["code"] for reason in answer.json["reasons"]] == ["PREREQUISITE_MISSING"]
