"""A cluster walks through every route with the ids of another: nothing is seen, nothing changes."""

from typing import Any

import pytest

from tests.directory_service.calling import Directory
from tests.shared.http.route_walk import assert_every_route_has_a_scope


@pytest.fixture(scope="module")
def theirs(directory: Directory) -> dict[str, str]:
    """Ids of everything that another cluster has."""
    cluster_id = directory.cluster()
    company, person = directory.company(cluster_id), directory.person(cluster_id)
    portal = directory.portal(cluster_id)
    return {
        "cluster_id": cluster_id,
        "organisation_id": company,
        "person_id": person,
        "employment_id": directory.employment(cluster_id, person, company)["id"],
        "membership_id": directory.made(
            "/v1/memberships", portal, {"organisation_id": company, "group_id": cluster_id}
        )["id"],
        "grant_id": directory.made(
            "/v1/awarding-grants", portal, {"organisation_id": company, "course_id": "course-of-theirs"}
        )["id"],
        "invitation_id": directory.made(
            "/v1/invitations", portal, {"given_name": "A", "family_name": "B", "email": "a@b.example", "role": "worker"}
        )["id"],
        "consent_id": directory.made("/v1/consents", portal, {"person_id": person, "organisation_id": company})["id"],
    }


BODIES: dict[str, Any] = {
    "PATCH /v1/organisations/<organisation_id>": {"legal_name": "Gekapert"},
    "PATCH /v1/people/<person_id>": {"given_name": "Gekapert"},
    "PATCH /v1/employments/<employment_id>": {"valid_until": "2030-01-01"},
    "PATCH /v1/memberships/<membership_id>": {"valid_until": "2030-01-01"},
    "POST /v1/memberships/<membership_id>/end": {"valid_until": "2030-01-01"},
    "PATCH /v1/portals/<cluster_id>": {"approval": "always"},
    "POST /v1/invitations/<invitation_id>/offer": {"secret": "guessed"},
    "POST /v1/invitations/<invitation_id>/accept": {"secret": "guessed", "password": "long enough for it"},
    "POST /v1/people/<person_id>/merge": {"into_person_id": "somebody"},
}
PUBLIC_FACTS = {"GET /v1/organisations/<organisation_id>", "GET /v1/portals/<cluster_id>"}
# Everybody sees that there are settings: whose they are is no secret.
REFUSED = {"PATCH /v1/portals/<cluster_id>"}


def walk(directory: Directory, theirs: dict[str, str], who: dict[str, str]) -> dict[str, int]:
    statuses = {}
    for route in (route for door in directory.app.doors for route in door if "<" in route.path):
        path = route.path
        for name, value in theirs.items():
            path = path.replace(f"<{name}>", value)
        name = f"{route.method} {route.path}"
        # SCIM refuses in a form of its own; tests/directory_service/test_scim.py walks it.
        if "<" not in path and name not in PUBLIC_FACTS and not path.startswith("/scim/"):
            statuses[name] = directory.call(route.method, path, who, BODIES.get(name), If_Match='"1"').status
    return statuses


def test_another_clusters_portal_and_hr_find_nothing(directory: Directory, theirs: dict[str, str]) -> None:
    mine = directory.cluster()
    for who in (directory.portal(mine), directory.hr(mine, directory.company(mine))):
        statuses = walk(directory, theirs, who)
        assert len(statuses) >= 12
        assert {statuses.pop(name) for name in REFUSED} == {403}
        assert {name: status for name, status in statuses.items() if status != 404} == {}


def test_hr_of_another_employer_of_the_same_cluster_finds_nothing_of_people(
    directory: Directory, theirs: dict[str, str]
) -> None:
    hr = directory.hr(theirs["cluster_id"], directory.company(theirs["cluster_id"]))
    statuses = walk(directory, theirs, hr)

    memberships = {name for name in statuses if "memberships" in name and name.startswith("GET")}
    assert {statuses.pop(name) for name in REFUSED} == {403}
    assert {name: statuses[name] for name in statuses if name not in memberships and statuses[name] != 404} == {}


@pytest.mark.parametrize("path", ["people", "employments", "consents", "memberships", "awarding-grants"])
def test_lists_hold_nothing_of_another_cluster(directory: Directory, theirs: dict[str, str], path: str) -> None:
    for filters in ("", f"?organisation={theirs['organisation_id']}"):
        assert directory.call("GET", f"/v1/{path}{filters}", directory.portal(directory.cluster())).body["items"] == []


def test_everybody_of_the_house_reads_organisations(directory: Directory, theirs: dict[str, str]) -> None:
    found = directory.call(
        "GET", f"/v1/organisations/{theirs['organisation_id']}", directory.portal(directory.cluster())
    )

    assert found.status == 200


def test_the_platforms_operator_reaches_all(directory: Directory, theirs: dict[str, str]) -> None:
    for kind in ("person", "employment", "membership", "consent", "organisation"):
        plural = "people" if kind == "person" else f"{kind}s"
        assert directory.call("GET", f"/v1/{plural}/{theirs[f'{kind}_id']}", directory.operator()).status == 200


def test_a_person_without_a_desk_sees_only_the_own_record(directory: Directory, theirs: dict[str, str]) -> None:
    reader = directory.token("directory:read", cluster_id=theirs["cluster_id"], person_id=theirs["person_id"])

    assert directory.call("GET", f"/v1/people/{theirs['person_id']}", reader).status == 200
    assert directory.call("GET", f"/v1/employments/{theirs['employment_id']}", reader).status == 200
    assert directory.call("GET", f"/v1/memberships/{theirs['membership_id']}", reader).status == 404
    assert directory.call("GET", "/v1/people", reader).body["items"] == []
    assert directory.call("GET", "/v1/memberships", reader).body["items"] == []


def test_nobody_without_a_token_gets_in(directory: Directory) -> None:
    routes = [route for door in directory.app.doors for route in door if not route.public]
    statuses = {
        directory.call(route.method, route.path.replace("<", "").replace(">", ""), None).status for route in routes
    }

    assert statuses == {401}


def test_every_route_has_a_scope(directory: Directory) -> None:
    assert_every_route_has_a_scope(directory.app)
