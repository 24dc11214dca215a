"""Another cluster walks through every route with the ids of this one: plans and drafts stay unseen, nothing changes."""

from typing import Any

import pytest

from tests.catalog_service.calling import Catalog, session_body
from tests.shared.http.route_walk import assert_every_route_has_a_scope

BODIES: dict[str, Any] = {
    "PATCH /v1/courses/<course_id>": {"eqf_level": 2},
    "POST /v1/courses/<course_id>/return": {"reasons": ["x"]},
    "POST /v1/courses/<course_id>/sessions": session_body(),
    "PATCH /v1/sessions/<session_id>": {"place": "woanders"},
    "POST /v1/sessions/<session_id>/cancel": {"reason": "x"},
    "POST /v1/sessions/<session_id>/reschedule": {
        "starts_at": "2041-01-01T00:00:00Z",
        "ends_at": "2041-01-02T00:00:00Z",
    },
}


@pytest.fixture(scope="module")
def cluster_id(catalog: Catalog) -> str:
    return catalog.cluster()


def walk(catalog: Catalog, who: dict[str, str] | None, course_id: str, session_id: str) -> dict[str, int]:
    statuses = {}
    for route in (route for door in catalog.app.doors for route in door):
        path = route.path.replace("<course_id>", course_id).replace("<session_id>", session_id).replace("<number>", "1")
        name = f"{route.method} {route.path}"
        if path != route.path and "<" not in path:
            statuses[name] = catalog.call(route.method, path, who, BODIES.get(name), If_Match='"1"').status
    return statuses


def test_drafts_and_plans_of_another_cluster_are_not_there(catalog: Catalog, cluster_id: str) -> None:
    statuses = walk(catalog, catalog.manager(catalog.cluster()), catalog.draft(cluster_id), catalog.session(cluster_id))

    teaching = "POST /v1/sessions/<session_id>/start"
    assert len(statuses) >= 15
    assert {statuses[name] for name in statuses if name != teaching} == {404}, statuses


def test_what_is_public_can_be_read_but_not_changed_by_others(catalog: Catalog, cluster_id: str) -> None:
    session_id = catalog.session(cluster_id, "open")
    course_id = catalog.call("GET", f"/v1/sessions/{session_id}").body["course_id"]
    statuses = walk(catalog, catalog.manager(catalog.cluster()), course_id, session_id)

    assert {status for name, status in statuses.items() if not name.startswith("GET")} == {404}, statuses
    assert {status for name, status in statuses.items() if name.startswith("GET")} == {200}, statuses


def test_without_a_token_reading_is_all(catalog: Catalog, cluster_id: str) -> None:
    session_id = catalog.session(cluster_id, "open")
    course_id = catalog.call("GET", f"/v1/sessions/{session_id}").body["course_id"]
    statuses = walk(catalog, None, course_id, session_id)

    assert {status for name, status in statuses.items() if not name.startswith("GET")} == {401}, statuses
    assert {status for name, status in statuses.items() if name.startswith("GET")} == {200}, statuses


def test_a_worker_of_the_cluster_sees_no_drafts(catalog: Catalog, cluster_id: str) -> None:
    worker = catalog.issuer.authorization(scopes=["enrolment:read"], cluster_id=cluster_id, roles=["worker"])
    session_id = catalog.session(cluster_id)

    assert catalog.call("GET", f"/v1/courses/{catalog.draft(cluster_id)}", worker).status == 404
    assert catalog.call("GET", f"/v1/sessions/{session_id}", worker).status == 404


def test_every_route_has_a_scope_or_is_public(catalog: Catalog) -> None:
    assert_every_route_has_a_scope(catalog.app)
