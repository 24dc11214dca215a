"""A certificate carries a seal only while its owner's grant holds; what is held back is seen, kept, and issued later."""

from typing import Any

import pytest

from services.certificate_service.actions import issuing
from services.certificate_service.domain import Certificate
from shared.clock import new_id
from shared.schemas.directory import AwardingGranted, OrganisationChanged, OrganisationSuspended
from shared.schemas.enrolment import EnrolmentCompleted, EnrolmentResultCorrected
from tests.certificate_service.service import (
    HOST,
    SCHOOL,
    Service,
    completed,
    erased,
    granted,
    merged,
    published,
    registered,
    withdrawn,
)

ELSEWHERE = "cluster-elsewhere"


@pytest.fixture
def body(service: Service) -> str:
    """An academy of another cluster."""
    body_id = new_id()
    service.feed(registered(body_id, ELSEWHERE))
    return body_id


@pytest.fixture
def course(service: Service, body: str) -> str:
    """A course of HOST and its school that names the foreign academy as its awarding body."""
    course_id = new_id()
    service.feed(published(course_id, awarding_body_id=body))
    return course_id


def award(service: Service, course: str, **facts: Any) -> EnrolmentCompleted:
    """A completion of the course that came in."""
    event = completed(service.person(), course_id=course, **facts)
    service.feed(event)
    return event


def corrected(event: EnrolmentCompleted, *, passed: bool, score: float | None = None) -> EnrolmentResultCorrected:
    names = ("enrolment_id", "session_id", "course_id", "course_version", "person_id", "cluster_id", "employer_id")
    facts = {name: getattr(event, name) for name in (*names, "host_cluster_id")}
    completed_at = event.completed_at if passed else None
    return EnrolmentResultCorrected(**facts, passed=passed, score=score, completed_at=completed_at)


def withheld(service: Service, who: dict[str, str]) -> dict[str, str]:
    """What this caller sees held back: enrolment -> reason."""
    answer = service.get("/v1/certificates/withheld", who, limit=500)
    assert answer.status_code == 200, answer.json
    return {row["enrolment_id"]: row["reason"] for row in answer.json["items"]}


def of(service: Service, event: EnrolmentCompleted) -> Certificate:
    found = service.of_enrolment(event.enrolment_id)
    assert found is not None
    return found


def test_without_the_bodys_grant_nothing_is_issued_and_everybody_concerned_sees_why(
    service: Service, course: str, body: str
) -> None:
    event = award(service, course)

    assert service.of_enrolment(event.enrolment_id) is None
    for who in (service.manager(HOST), service.manager(ELSEWHERE), people(service, body)):
        assert withheld(service, who)[event.enrolment_id] == "NOT_GRANTED"
    for who in (service.manager("cluster-third"), people(service, SCHOOL)):
        assert event.enrolment_id not in withheld(service, who)
    assert service.held() == []


@pytest.mark.parametrize("to", ["school", "cluster", "course"])
def test_what_was_held_back_is_issued_as_soon_as_it_is_granted(
    service: Service, course: str, body: str, to: str
) -> None:
    event = award(service, course)
    assert service.tick() == 0

    service.feed(
        granted(
            body, **{"course": {"course_id": course}, "school": {"grantee_id": SCHOOL}}.get(to, {"grantee_id": HOST})
        )
    )
    service.tick()

    certificate = of(service, event)
    assert (certificate.awarding_body_id, certificate.awarded_at) == (body, event.completed_at)
    assert withheld(service, service.manager(HOST)).get(event.enrolment_id) is None
    service.tick()
    assert service.events(certificate.id) == ["issued"]


def test_a_grant_to_others_issues_nothing(service: Service, course: str, body: str) -> None:
    event = award(service, course)
    service.feed(granted(body, grantee_id="somebody"), granted(body, course_id="another"))
    service.feed(AwardingGranted(grant_id=new_id(), organisation_id=body, purpose="provide", grantee_id=HOST))
    service.feed(granted(SCHOOL, grantee_id=HOST))
    service.tick()

    assert service.of_enrolment(event.enrolment_id) is None


def test_an_ended_grant_lets_issued_certificates_stand_and_holds_back_new_ones(
    service: Service, course: str, body: str
) -> None:
    grant = granted(body, grantee_id=SCHOOL)
    service.feed(grant)
    before = award(service, course)
    certificate = of(service, before)

    service.feed(withdrawn(grant))
    after = award(service, course)
    service.feed(corrected(before, passed=True, score=99.0))

    assert service.of_enrolment(after.enrolment_id) is None
    assert (of(service, before).status, of(service, before).score) == ("issued", 99.0)
    assert service.verify(credential=service.credential(certificate.id, before.person_id))["verified"]


def test_a_suspended_body_awards_nothing_until_it_is_reinstated(service: Service, course: str, body: str) -> None:
    service.feed(granted(body, grantee_id=HOST), OrganisationSuspended(organisation_id=body))
    event = award(service, course)
    service.tick()

    assert withheld(service, service.manager(ELSEWHERE))[event.enrolment_id] == "ORGANISATION_SUSPENDED"
    facts: dict[str, Any] = {
        "type": "training_provider",
        "legal_name": "Akademie",
        "country": "DE",
        "cluster_id": ELSEWHERE,
    }
    service.feed(OrganisationChanged(organisation_id=body, **facts))
    service.tick()
    assert of(service, event).awarding_body == "Akademie"


def test_later_words_on_the_same_enrolment_are_not_held_up(service: Service, course: str, body: str) -> None:
    failed, better = award(service, course), award(service, course, score=60.0)
    service.feed(corrected(failed, passed=False), corrected(better, passed=True, score=95.0))
    service.feed(granted(body, grantee_id=HOST))
    service.tick()

    assert service.of_enrolment(failed.enrolment_id) is None
    assert of(service, better).score == 95.0
    assert service.held() == []


def test_the_erased_leave_nothing_held_back_and_the_merged_get_their_certificate(
    service: Service, course: str, body: str
) -> None:
    forgotten, double = award(service, course), award(service, course)
    winner = service.person()
    service.feed(merged(double.person_id, winner), erased(forgotten.person_id))

    assert forgotten.enrolment_id not in withheld(service, service.manager(HOST))
    service.feed(granted(body, grantee_id=HOST))
    service.tick()
    assert service.of_enrolment(forgotten.enrolment_id) is None
    assert of(service, double).person_id == winner


def test_who_is_erased_in_the_batch_that_holds_back_leaves_nothing(service: Service, course: str, body: str) -> None:
    person = service.person()
    event = completed(person, course_id=course)
    service.inbox("issuing").take([service.record(event), service.record(erased(person))])

    assert event.enrolment_id not in withheld(service, service.manager(HOST))
    assert service.runtime.database["withheld_awards"].count_documents({"_id": event.enrolment_id}) == 0


def test_one_award_that_fails_holds_up_no_other(service: Service, course: str, body: str) -> None:
    nameless, good = award(service, course), award(service, course)
    del service.directory.names[nameless.person_id]
    service.feed(granted(body, grantee_id=HOST))
    service.tick()

    assert of(service, good).status == "issued"
    assert withheld(service, service.manager(HOST))[nameless.enrolment_id] == "NOT_GRANTED"


def test_however_many_fail_and_whatever_may_not_be_given_the_others_of_a_course_get_theirs(
    service: Service, course: str, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "_AT_ONCE", 2)
    other = f"{course}-never-granted"
    service.feed(published(other, awarding_body_id=body))
    awards = [award(service, course) for _ in range(7)]
    kept = [award(service, other) for _ in range(5)]
    nameless = awards[:4]
    for event in nameless:
        del service.directory.names[event.person_id]
    service.feed(granted(body, course_id=course))
    service.tick()

    assert [of(service, event).status for event in awards[4:]] == ["issued"] * 3
    waiting = withheld(service, service.manager(HOST))
    assert {event.enrolment_id for event in [*nameless, *kept]} <= set(waiting)


def test_the_body_and_its_home_cluster_see_and_revoke_what_carries_the_seal(
    service: Service, course: str, body: str
) -> None:
    service.feed(granted(body, grantee_id=HOST))
    for who in (service.manager(ELSEWHERE), people(service, body)):
        certificate = of(service, award(service, course))
        service.stamp()
        pulled = service.get("/v1/certificates", who, limit=500).json["items"]
        seen = service.get(f"/v1/certificates/{certificate.id}", who)

        assert certificate.id in {row["id"] for row in pulled}
        assert (seen.status_code, seen.json["employer_id"], seen.json["cluster_id"]) == (200, None, None)
        assert service.act(certificate.id, "suspend", who, reason="asked").json["status"] == "suspended"
        assert service.act(certificate.id, "revoke", who, reason="not ours").json["status"] == "revoked"


def people(service: Service, organisation_id: str) -> dict[str, str]:
    """Somebody of an organisation who manages certificates."""
    scopes = ["certificate:read", "certificate:manage"]
    return service.headers(
        person_id="p", roles=["hr"], scopes=scopes, cluster_id="x", organisation_ids=[organisation_id]
    )
