"""A course names organisations that are known and active, and those of others only with their grant."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import new_id
from shared.schemas.directory import OrganisationChanged, OrganisationSuspended
from tests.answers import Answer
from tests.catalog_service.calling import Catalog, course_body, session_body

NOT_GRANTED = [("awarding_body_id", "NOT_GRANTED")]


@pytest.fixture
def home(catalog: Catalog) -> str:
    """A cluster to write courses in."""
    return catalog.cluster()


@pytest.fixture
def academy(catalog: Catalog, home: str) -> str:
    """Its own academy."""
    return catalog.registered(str(uuid.uuid4()), home)


@pytest.fixture
def other(catalog: Catalog) -> str:
    """Another cluster."""
    return catalog.registered(str(uuid.uuid4()), "", type="cluster")


@pytest.fixture
def foreign(catalog: Catalog, other: str) -> str:
    """The other cluster's academy."""
    return catalog.registered(str(uuid.uuid4()), other)


def write(catalog: Catalog, cluster_id: str, provider: str, body: str | None, **more: Any) -> Answer:
    content = course_body(provider_id=provider, awarding_body_id=body, **more)
    return catalog.call("POST", "/v1/courses", catalog.trainer(cluster_id), content)


def test_a_cluster_uses_the_seal_of_its_own_provider(catalog: Catalog, home: str, academy: str) -> None:
    assert write(catalog, home, academy, academy).status == 201


def test_no_seal_without_its_owners_grant(catalog: Catalog, home: str, academy: str, other: str, foreign: str) -> None:
    neighbour = catalog.registered(str(uuid.uuid4()), home)

    for body in (foreign, other, neighbour, home):
        refused = write(catalog, home, academy, body)
        assert (refused.status, refused.codes) == (422, NOT_GRANTED)


@pytest.mark.parametrize("to", ["provider", "cluster"])
def test_a_grant_opens_the_seal_to_a_provider_or_a_cluster(
    catalog: Catalog, home: str, academy: str, foreign: str, to: str
) -> None:
    catalog.granted(foreign, grantee_id={"provider": academy, "cluster": home}[to])

    assert write(catalog, home, academy, foreign).status == 201
    thief = catalog.cluster()
    assert write(catalog, thief, catalog.registered(str(uuid.uuid4()), thief), foreign).codes == NOT_GRANTED


def test_a_grant_for_a_course_opens_the_seal_to_that_course_alone(
    catalog: Catalog, home: str, academy: str, foreign: str
) -> None:
    one, two = (write(catalog, home, academy, None).body["id"] for _ in range(2))
    catalog.granted(foreign, course_id=one)

    def choose(course_id: str) -> Answer:
        body = {"awarding_body_id": foreign}
        return catalog.call("PATCH", f"/v1/courses/{course_id}", catalog.trainer(home), body, If_Match='"1"')

    assert choose(one).status == 200
    assert choose(two).codes == NOT_GRANTED


def test_a_grant_to_a_provider_does_not_reach_who_borrows_that_provider(
    catalog: Catalog, home: str, other: str, foreign: str
) -> None:
    body = catalog.registered(str(uuid.uuid4()), other)
    catalog.granted(body, grantee_id=foreign)
    catalog.granted(foreign, "provide", grantee_id=home)

    assert write(catalog, home, foreign, body).codes == NOT_GRANTED
    assert write(catalog, home, foreign, foreign).codes == NOT_GRANTED
    assert write(catalog, other, foreign, body).status == 201


def test_a_provider_of_another_cluster_must_have_granted_its_name(
    catalog: Catalog, home: str, academy: str, foreign: str
) -> None:
    assert write(catalog, home, foreign, None).codes == [("provider_id", "NOT_GRANTED")]
    catalog.granted(foreign, "award", grantee_id=home)
    assert write(catalog, home, foreign, None).codes == [("provider_id", "NOT_GRANTED")]
    catalog.granted(foreign, "provide", grantee_id=home)
    assert write(catalog, home, foreign, None).status == 201


def test_a_mistyped_id_is_a_violation_of_its_field_beside_all_others(catalog: Catalog, home: str, academy: str) -> None:
    typo = str(uuid.uuid4())

    assert write(catalog, home, academy, typo).codes == [("awarding_body_id", "UNKNOWN_ORGANISATION")]
    assert write(catalog, home, typo, academy, eqf_level=9).codes == [
        ("eqf_level", "OUT_OF_RANGE"),
        ("provider_id", "UNKNOWN_ORGANISATION"),
        ("awarding_body_id", "NOT_GRANTED"),
    ]


def test_an_organisation_that_was_just_registered_may_still_be_on_its_way(catalog: Catalog, home: str) -> None:
    young = new_id()
    early = write(catalog, home, young, young)
    catalog.registered(young, home)

    assert (early.status, early.body["code"], early.headers["Retry-After"]) == (503, "NOT_YET_KNOWN", "1")
    assert write(catalog, home, young, young).status == 201


def test_while_the_directorys_events_lag_nobody_is_told_that_a_grant_is_missing(
    catalog: Catalog, home: str, academy: str, foreign: str
) -> None:
    catalog.caught_up(ago=timedelta(seconds=30))
    try:
        assert write(catalog, home, academy, foreign).body["code"] == "NOT_YET_KNOWN"
    finally:
        catalog.caught_up(ago=-timedelta(hours=1))


def test_a_suspended_organisation_is_named_by_no_course(catalog: Catalog, home: str, academy: str) -> None:
    catalog.take(OrganisationSuspended(organisation_id=academy))
    assert write(catalog, home, academy, academy).codes == [
        ("provider_id", "ORGANISATION_SUSPENDED"),
        ("awarding_body_id", "ORGANISATION_SUSPENDED"),
    ]
    facts: dict[str, Any] = {"type": "training_provider", "legal_name": "Neu", "country": "DE", "cluster_id": home}
    catalog.take(OrganisationChanged(organisation_id=academy, status="suspended", **facts))
    assert len(write(catalog, home, academy, academy).codes) == 2
    catalog.take(OrganisationChanged(organisation_id=academy, status="active", **facts))
    assert write(catalog, home, academy, academy).status == 201


def test_a_grant_withdrawn_before_the_submission_or_the_review_stops_the_course(
    catalog: Catalog, home: str, academy: str, foreign: str
) -> None:
    grant = catalog.granted(foreign, grantee_id=academy)
    path = f"/v1/courses/{write(catalog, home, academy, foreign).body['id']}"
    trainer, reviewer = catalog.trainer(home), catalog.reviewer(home)

    catalog.withdrawn(grant)
    assert catalog.call("POST", f"{path}/submit", trainer).codes == NOT_GRANTED
    again = catalog.granted(foreign, grantee_id=academy)
    catalog.done(f"{path}/submit", trainer)
    catalog.withdrawn(again)
    assert catalog.call("POST", f"{path}/publish", reviewer).codes == NOT_GRANTED
    catalog.granted(foreign, grantee_id=academy)
    assert catalog.done(f"{path}/publish", reviewer)["status"] == "published"


def test_a_revision_needs_the_grant_anew_or_another_body(
    catalog: Catalog, home: str, academy: str, foreign: str
) -> None:
    grant = catalog.granted(foreign, grantee_id=academy)
    course_id = write(catalog, home, academy, foreign).body["id"]
    catalog.publish(home, course_id)
    catalog.withdrawn(grant)
    path, trainer = f"/v1/courses/{course_id}", catalog.trainer(home)

    revised = catalog.done(f"{path}/revise", trainer)
    etag = f'"{revised["version"]}"'
    assert catalog.call("PATCH", path, trainer, {"eqf_level": 6}, If_Match=etag).codes == NOT_GRANTED
    assert catalog.call("POST", f"{path}/submit", trainer).codes == NOT_GRANTED
    own = catalog.call("PATCH", path, trainer, {"awarding_body_id": academy}, If_Match=etag)
    assert own.status == 200
    assert catalog.publish(home, course_id)["awarding_body_id"] == academy


def test_a_providers_system_is_refused_alike(catalog: Catalog, home: str, academy: str, foreign: str) -> None:
    content = course_body(provider_id=academy, awarding_body_id=foreign)
    path, trainer = "/v1/courses/by-external-id/sealed", catalog.trainer(home)

    assert catalog.call("PUT", path, trainer, content).codes == NOT_GRANTED
    catalog.granted(foreign, grantee_id=academy)
    assert catalog.call("PUT", path, trainer, content).status == 201


def test_no_session_opens_under_a_seal_that_is_lent_no_longer(
    catalog: Catalog, home: str, academy: str, foreign: str
) -> None:
    grant = catalog.granted(foreign, grantee_id=academy)
    course = catalog.course(home, provider_id=academy, awarding_body_id=foreign)
    path = f"/v1/sessions/{planned(catalog, home, course)}/open"

    catalog.withdrawn(grant)
    refused = catalog.call("POST", path, catalog.trainer(home))
    catalog.granted(foreign, course_id=course)
    opened = catalog.call("POST", path, catalog.trainer(home))

    assert (refused.status, refused.codes) == (422, NOT_GRANTED)
    assert "The course of this session" in refused.body["detail"]
    assert (opened.status, opened.body["status"]) == (200, "open")


def test_an_open_session_goes_on_when_the_seal_is_taken_back(
    catalog: Catalog, home: str, academy: str, foreign: str
) -> None:
    grant = catalog.granted(foreign, grantee_id=academy)
    session = planned(catalog, home, catalog.course(home, provider_id=academy, awarding_body_id=foreign))
    catalog.done(f"/v1/sessions/{session}/open", catalog.trainer(home))
    catalog.withdrawn(grant)

    closed = catalog.call("POST", f"/v1/sessions/{session}/close", catalog.trainer(home))

    assert (closed.status, closed.body["status"]) == (200, "closed")


def planned(catalog: Catalog, cluster_id: str, course_id: str) -> str:
    """A session of the course that is not open yet."""
    path = f"/v1/courses/{course_id}/sessions"
    return str(catalog.done(path, catalog.trainer(cluster_id), session_body())["id"])
