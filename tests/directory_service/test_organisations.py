"""Organisations and memberships over HTTP."""

from typing import Any

import pytest

from tests.directory_service.desk import Desk, new_uuid


def test_a_cluster_is_its_own_cluster(desk: Desk) -> None:
    cluster_id = desk.cluster()
    found = desk.call("GET", f"/v1/organisations/{cluster_id}", desk.portal(cluster_id))

    assert found.body["cluster_id"] == found.body["id"] == cluster_id
    assert found.headers["ETag"] == '"1"'
    assert desk.events(cluster_id) == ["organisation.registered.v1"]


def test_a_portal_registers_its_clusters_companies_and_their_size_is_computed(desk: Desk) -> None:
    cluster_id, chosen = desk.cluster(), new_uuid()
    body = {
        "id": chosen,
        "type": "sme",
        "legal_name": "Musterwerk Frästechnik GmbH",
        "country": "DE",
        "nuts2": "DE11",
        "sector": "25.62",
        "headcount": 38,
        "turnover_eur": 6_200_000,
    }
    answer = desk.call("POST", "/v1/organisations", desk.portal(cluster_id), body)

    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/organisations/{chosen}"
    assert (answer.body["size_class"], answer.body["cluster_id"]) == ("small", cluster_id)
    assert set(answer.body["links"]) == {"self"}


def test_all_violations_of_an_organisation_come_at_once(desk: Desk) -> None:
    body = {
        "type": "sme",
        "legal_name": "  ",
        "country": "DE",
        "nuts2": "FR11",
        "headcount": 4_000,
        "size_class": "small",
    }
    answer = desk.call("POST", "/v1/organisations", desk.portal(desk.cluster()), body)

    assert answer.status == 422
    assert answer.codes == [
        ("legal_name", "BLANK"),
        ("nuts2", "NUTS_COUNTRY"),
        ("size_class", "SIZE_INCONSISTENT"),
        ("type", "SIZE_INCONSISTENT"),
    ]


def test_the_same_id_twice_is_a_conflict(desk: Desk) -> None:
    cluster_id, chosen = desk.cluster(), new_uuid()
    desk.company(cluster_id, id=chosen)
    body = {"id": chosen, "type": "sme", "legal_name": "Zweite", "country": "DE"}
    answer = desk.call("POST", "/v1/organisations", desk.portal(cluster_id), body)

    assert (answer.status, answer.body["code"]) == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize("kind", ["partnership", "cluster"])
def test_only_the_platform_registers_partnerships_and_other_clusters(desk: Desk, kind: str) -> None:
    body = {"type": kind, "legal_name": "Neu", "country": "DE"}
    answer = desk.call("POST", "/v1/organisations", desk.portal(desk.cluster()), body)

    assert answer.codes == [("cluster_id", "NOT_YOURS")]
    assert desk.call("POST", "/v1/organisations", desk.operator(), body).status == 201


def test_a_change_needs_the_version_that_was_seen(desk: Desk) -> None:
    cluster_id = desk.cluster()
    path, portal = f"/v1/organisations/{desk.company(cluster_id)}", desk.portal(cluster_id)

    assert desk.call("PATCH", path, portal, {"headcount": 9}).status == 428
    assert desk.call("PATCH", path, portal, {"headcount": 9}, If_Match='"7"').status == 412
    changed = desk.call("PATCH", path, portal, {"headcount": 9}, If_Match='"1"')
    assert (changed.status, changed.headers["ETag"], changed.body["size_class"]) == (200, '"2"', "micro")


def test_a_change_to_the_same_facts_happens_once(desk: Desk) -> None:
    cluster_id = desk.cluster()
    company = desk.company(cluster_id)
    same = desk.call("PATCH", f"/v1/organisations/{company}", desk.portal(cluster_id), {}, If_Match='"1"')

    assert same.headers["ETag"] == '"1"'
    assert desk.events(company) == ["organisation.registered.v1"]


def test_suspension_and_back_are_told(desk: Desk) -> None:
    cluster_id = desk.cluster()
    company = desk.company(cluster_id)
    base, portal = f"/v1/organisations/{company}", desk.portal(cluster_id)

    assert desk.call("POST", f"{base}/suspend", portal).body["status"] == "suspended"
    again = desk.call("POST", f"{base}/suspend", portal)
    assert (again.status, again.body["code"]) == (409, "ILLEGAL_TRANSITION")
    assert desk.call("POST", f"{base}/reinstate", portal).body["status"] == "active"
    assert desk.events(company) == [
        "organisation.registered.v1",
        "organisation.suspended.v1",
        "organisation.changed.v1",
    ]


def test_the_list_is_filtered_and_goes_on_where_the_page_ended(desk: Desk) -> None:
    cluster_id = desk.cluster()
    wanted = {desk.company(cluster_id) for _ in range(5)}
    path: str | None = f"/v1/organisations?cluster={cluster_id}&type=sme&limit=2"
    seen: list[str] = []
    while path:
        answer = desk.call("GET", path, desk.portal(desk.cluster()))
        seen += [item["id"] for item in answer.body["items"]]
        cursor = answer.body["next"]
        path = cursor and f"/v1/organisations?cluster={cluster_id}&type=sme&limit=2&cursor={cursor}"

    assert sorted(seen) == sorted(wanted)


def test_a_replayed_request_registers_once(desk: Desk) -> None:
    cluster_id = desk.cluster()
    body = {"type": "sme", "legal_name": "Einmal", "country": "DE"}
    first, second = (
        desk.call("POST", "/v1/organisations", desk.portal(cluster_id), body, Idempotency_Key="once") for _ in range(2)
    )

    assert second.body == first.body
    assert second.headers["Idempotency-Replayed"] == "true"


# -- memberships


def join(desk: Desk, cluster_id: str, organisation_id: str, **more: Any) -> Any:
    body = {"organisation_id": organisation_id, "group_id": cluster_id, **more}
    return desk.call("POST", "/v1/memberships", desk.portal(cluster_id), body)


def test_a_company_joins_a_cluster_and_leaves_it(desk: Desk) -> None:
    cluster_id = desk.cluster()
    joined = join(desk, cluster_id, desk.company(cluster_id), valid_from="2024-01-01")
    path, portal = f"/v1/memberships/{joined.body['id']}", desk.portal(cluster_id)

    early = desk.call("PATCH", path, portal, {"valid_until": "2023-12-31"}, If_Match='"1"')
    assert early.codes == [("valid_until", "DATE_ORDER")]
    left = desk.call("PATCH", path, portal, {"valid_until": "2025-12-31"}, If_Match='"1"')
    assert left.body["valid_until"] == "2025-12-31"
    assert desk.call("GET", path, portal).body["version"] == 2
    again = desk.call("PATCH", path, portal, {"valid_until": "2026-12-31"}, If_Match='"2"')
    assert again.body["code"] == "ILLEGAL_TRANSITION"
    assert desk.events(joined.body["id"]) == ["membership.started.v1", "membership.ended.v1"]


def test_nobody_joins_twice_at_a_time(desk: Desk) -> None:
    cluster_id = desk.cluster()
    company = desk.company(cluster_id)

    assert join(desk, cluster_id, company).status == 201
    assert join(desk, cluster_id, company).body["code"] == "DUPLICATE_MEMBERSHIP"


def test_only_clusters_belong_to_a_partnership(desk: Desk) -> None:
    cluster_id = desk.cluster()
    body = {"type": "partnership", "legal_name": "EVOLUTE", "country": "DE"}
    partnership = desk.made("/v1/organisations", desk.operator(), body)["id"]
    enter = {"organisation_id": desk.company(cluster_id), "group_id": partnership}

    refused = desk.call("POST", "/v1/memberships", desk.operator(), enter)
    assert refused.codes == [("organisation_id", "MEMBER_NOT_CLUSTER")]
    assert desk.made("/v1/memberships", desk.operator(), {**enter, "organisation_id": cluster_id})["version"] == 1
    assert desk.call("POST", "/v1/memberships", desk.portal(cluster_id), enter).codes == [
        ("group_id", "UNKNOWN_REFERENCE")
    ]


def test_a_membership_of_nobody_names_the_field(desk: Desk) -> None:
    answer = join(desk, desk.cluster(), new_uuid())

    assert answer.codes == [("organisation_id", "UNKNOWN_REFERENCE")]


def test_memberships_are_listed_for_both_sides_only(desk: Desk) -> None:
    cluster_id = desk.cluster()
    company = desk.company(cluster_id)
    made = join(desk, cluster_id, company).body["id"]

    def listed(who: dict[str, str]) -> list[str]:
        path = f"/v1/memberships?organisation={company}"
        return [item["id"] for item in desk.call("GET", path, who).body["items"]]

    assert listed(desk.portal(cluster_id)) == listed(desk.hr(cluster_id, company)) == listed(desk.operator()) == [made]
    assert listed(desk.portal(desk.cluster())) == []
