"""A course names organisations that are known and active, and those of others only with their grant."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import new_id
from shared.schemas.directory import OrganisationChanged, OrganisationSuspended
from tests.catalog_service.office import Answer, Office, course_body, session_body

NOT_GRANTED = [("awarding_body_id", "NOT_GRANTED")]


@pytest.fixture
def home(office: Office) -> str:
    """A cluster to write courses in."""
    return office.cluster()


@pytest.fixture
def academy(office: Office, home: str) -> str:
    """Its own academy."""
    return office.registered(str(uuid.uuid4()), home)


@pytest.fixture
def other(office: Office) -> str:
    """Another cluster."""
    return office.registered(str(uuid.uuid4()), "", type="cluster")


@pytest.fixture
def foreign(office: Office, other: str) -> str:
    """The other cluster's academy."""
    return office.registered(str(uuid.uuid4()), other)


def write(office: Office, cluster_id: str, provider: str, body: str | None, **more: Any) -> Answer:
    content = course_body(provider_id=provider, awarding_body_id=body, **more)
    return office.call("POST", "/v1/courses", office.trainer(cluster_id), content)


def test_a_cluster_uses_the_seal_of_its_own_provider(office: Office, home: str, academy: str) -> None:
    assert write(office, home, academy, academy).status == 201


def test_no_seal_without_its_owners_grant(office: Office, home: str, academy: str, other: str, foreign: str) -> None:
    neighbour = office.registered(str(uuid.uuid4()), home)

    for body in (foreign, other, neighbour, home):
        refused = write(office, home, academy, body)
        assert (refused.status, refused.codes) == (422, NOT_GRANTED)


@pytest.mark.parametrize("to", ["provider", "cluster"])
def test_a_grant_opens_the_seal_to_a_provider_or_a_cluster(
    office: Office, home: str, academy: str, foreign: str, to: str
) -> None:
    office.granted(foreign, grantee_id={"provider": academy, "cluster": home}[to])

    assert write(office, home, academy, foreign).status == 201
    thief = office.cluster()
    assert write(office, thief, office.registered(str(uuid.uuid4()), thief), foreign).codes == NOT_GRANTED


def test_a_grant_for_a_course_opens_the_seal_to_that_course_alone(
    office: Office, home: str, academy: str, foreign: str
) -> None:
    one, two = (write(office, home, academy, None).body["id"] for _ in range(2))
    office.granted(foreign, course_id=one)

    def choose(course_id: str) -> Answer:
        body = {"awarding_body_id": foreign}
        return office.call("PATCH", f"/v1/courses/{course_id}", office.trainer(home), body, If_Match='"1"')

    assert choose(one).status == 200
    assert choose(two).codes == NOT_GRANTED


def test_a_grant_to_a_provider_does_not_reach_who_borrows_that_provider(
    office: Office, home: str, other: str, foreign: str
) -> None:
    body = office.registered(str(uuid.uuid4()), other)
    office.granted(body, grantee_id=foreign)
    office.granted(foreign, "provide", grantee_id=home)

    assert write(office, home, foreign, body).codes == NOT_GRANTED
    assert write(office, home, foreign, foreign).codes == NOT_GRANTED
    assert write(office, other, foreign, body).status == 201


def test_a_provider_of_another_cluster_must_have_granted_its_name(
    office: Office, home: str, academy: str, foreign: str
) -> None:
    assert write(office, home, foreign, None).codes == [("provider_id", "NOT_GRANTED")]
    office.granted(foreign, "award", grantee_id=home)
    assert write(office, home, foreign, None).codes == [("provider_id", "NOT_GRANTED")]
    office.granted(foreign, "provide", grantee_id=home)
    assert write(office, home, foreign, None).status == 201


def test_a_mistyped_id_is_a_violation_of_its_field_beside_all_others(office: Office, home: str, academy: str) -> None:
    typo = str(uuid.uuid4())

    assert write(office, home, academy, typo).codes == [("awarding_body_id", "UNKNOWN_ORGANISATION")]
    assert write(office, home, typo, academy, eqf_level=9).codes == [
        ("eqf_level", "OUT_OF_RANGE"),
        ("provider_id", "UNKNOWN_ORGANISATION"),
        ("awarding_body_id", "NOT_GRANTED"),
    ]


def test_an_organisation_that_was_just_registered_may_still_be_on_its_way(office: Office, home: str) -> None:
    young = new_id()
    early = write(office, home, young, young)
    office.registered(young, home)

    assert (early.status, early.body["code"], early.headers["Retry-After"]) == (503, "NOT_YET_KNOWN", "1")
    assert write(office, home, young, young).status == 201


def test_while_the_directorys_events_lag_nobody_is_told_that_a_grant_is_missing(
    office: Office, home: str, academy: str, foreign: str
) -> None:
    office.caught_up(ago=timedelta(seconds=30))
    try:
        assert write(office, home, academy, foreign).body["code"] == "NOT_YET_KNOWN"
    finally:
        office.caught_up(ago=-timedelta(hours=1))


def test_a_suspended_organisation_is_named_by_no_course(office: Office, home: str, academy: str) -> None:
    office.take(OrganisationSuspended(organisation_id=academy))
    assert write(office, home, academy, academy).codes == [
        ("provider_id", "ORGANISATION_SUSPENDED"),
        ("awarding_body_id", "ORGANISATION_SUSPENDED"),
    ]
    facts: dict[str, Any] = {"type": "training_provider", "legal_name": "Neu", "country": "DE", "cluster_id": home}
    office.take(OrganisationChanged(organisation_id=academy, status="suspended", **facts))
    assert len(write(office, home, academy, academy).codes) == 2
    office.take(OrganisationChanged(organisation_id=academy, status="active", **facts))
    assert write(office, home, academy, academy).status == 201


def test_a_grant_withdrawn_before_the_submission_or_the_review_stops_the_course(
    office: Office, home: str, academy: str, foreign: str
) -> None:
    grant = office.granted(foreign, grantee_id=academy)
    path = f"/v1/courses/{write(office, home, academy, foreign).body['id']}"
    trainer, reviewer = office.trainer(home), office.reviewer(home)

    office.withdrawn(grant)
    assert office.call("POST", f"{path}/submit", trainer).codes == NOT_GRANTED
    again = office.granted(foreign, grantee_id=academy)
    office.done(f"{path}/submit", trainer)
    office.withdrawn(again)
    assert office.call("POST", f"{path}/publish", reviewer).codes == NOT_GRANTED
    office.granted(foreign, grantee_id=academy)
    assert office.done(f"{path}/publish", reviewer)["status"] == "published"


def test_a_revision_needs_the_grant_anew_or_another_body(office: Office, home: str, academy: str, foreign: str) -> None:
    grant = office.granted(foreign, grantee_id=academy)
    course_id = write(office, home, academy, foreign).body["id"]
    office.publish(home, course_id)
    office.withdrawn(grant)
    path, trainer = f"/v1/courses/{course_id}", office.trainer(home)

    revised = office.done(f"{path}/revise", trainer)
    etag = f'"{revised["version"]}"'
    assert office.call("PATCH", path, trainer, {"eqf_level": 6}, If_Match=etag).codes == NOT_GRANTED
    assert office.call("POST", f"{path}/submit", trainer).codes == NOT_GRANTED
    own = office.call("PATCH", path, trainer, {"awarding_body_id": academy}, If_Match=etag)
    assert own.status == 200
    assert office.publish(home, course_id)["awarding_body_id"] == academy


def test_a_providers_system_is_refused_alike(office: Office, home: str, academy: str, foreign: str) -> None:
    content = course_body(provider_id=academy, awarding_body_id=foreign)
    path, trainer = "/v1/courses/by-external-id/sealed", office.trainer(home)

    assert office.call("PUT", path, trainer, content).codes == NOT_GRANTED
    office.granted(foreign, grantee_id=academy)
    assert office.call("PUT", path, trainer, content).status == 201


def test_no_session_opens_under_a_seal_that_is_lent_no_longer(
    office: Office, home: str, academy: str, foreign: str
) -> None:
    grant = office.granted(foreign, grantee_id=academy)
    course = office.course(home, provider_id=academy, awarding_body_id=foreign)
    path = f"/v1/sessions/{planned(office, home, course)}/open"

    office.withdrawn(grant)
    refused = office.call("POST", path, office.trainer(home))
    office.granted(foreign, course_id=course)
    opened = office.call("POST", path, office.trainer(home))

    assert (refused.status, refused.codes) == (422, NOT_GRANTED)
    assert "The course of this session" in refused.body["detail"]
    assert (opened.status, opened.body["status"]) == (200, "open")


def test_an_open_session_goes_on_when_the_seal_is_taken_back(
    office: Office, home: str, academy: str, foreign: str
) -> None:
    grant = office.granted(foreign, grantee_id=academy)
    session = planned(office, home, office.course(home, provider_id=academy, awarding_body_id=foreign))
    office.done(f"/v1/sessions/{session}/open", office.trainer(home))
    office.withdrawn(grant)

    closed = office.call("POST", f"/v1/sessions/{session}/close", office.trainer(home))

    assert (closed.status, closed.body["status"]) == (200, "closed")


def planned(office: Office, cluster_id: str, course_id: str) -> str:
    """A session of the course that is not open yet."""
    path = f"/v1/courses/{course_id}/sessions"
    return str(office.done(path, office.trainer(cluster_id), session_body())["id"])
