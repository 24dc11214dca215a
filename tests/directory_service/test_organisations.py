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
    assert desk.call("POST", "/v1/memberships", desk.portal(desk.cluster()), enter).codes == [
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


def test_a_foreign_company_is_no_member_before_it_or_its_cluster_accepts(desk: Desk) -> None:
    home, other = desk.cluster(), desk.cluster()
    company = desk.company(other)
    asked = join(desk, home, company).body
    path = f"/v1/memberships/{asked['id']}"
    job = {"person_id": desk.person(home), "organisation_id": company}

    assert (asked["status"], asked["asked_by"]) == ("asked", "group")
    assert desk.call("POST", "/v1/employments", desk.portal(home), job).codes == [
        ("organisation_id", "NOT_CLUSTER_MEMBER")
    ]
    assert desk.call("POST", f"{path}/accept", desk.portal(home)).status == 403
    assert desk.call("POST", f"{path}/accept", desk.portal(desk.cluster())).status == 404
    assert desk.call("POST", f"{path}/accept", desk.portal(other)).body["status"] == "started"
    assert desk.call("POST", "/v1/employments", desk.portal(home), job).status == 201
    assert desk.events(asked["id"]) == ["membership.asked.v1", "membership.started.v1"]


def test_an_organisation_asks_itself_and_the_cluster_accepts(desk: Desk) -> None:
    home, other = desk.cluster(), desk.cluster()
    company = desk.company(other)
    body = {"organisation_id": company, "group_id": home}
    asked = desk.made("/v1/memberships", desk.hr(other, company), body)
    path = f"/v1/memberships/{asked['id']}"

    assert (asked["status"], asked["asked_by"]) == ("asked", "organisation")
    assert desk.call("POST", f"{path}/accept", desk.portal(other)).status == 403
    assert desk.call("POST", f"{path}/accept", desk.portal(home)).body["status"] == "started"


@pytest.mark.parametrize("side", ["group", "home cluster", "organisation"])
def test_either_side_ends_a_membership(desk: Desk, side: str) -> None:
    home, other = desk.cluster(), desk.cluster()
    company = desk.company(other)
    path = f"/v1/memberships/{join(desk, home, company).body['id']}"
    desk.call("POST", f"{path}/accept", desk.portal(other))
    who = {"group": desk.portal(home), "home cluster": desk.portal(other), "organisation": desk.hr(other, company)}

    assert desk.call("POST", f"{path}/end", desk.portal(desk.cluster()), {}).status == 404
    ended = desk.call("POST", f"{path}/end", who[side], {})

    assert (ended.status, ended.body["valid_until"]) == (200, ended.body["valid_from"])


def test_what_was_asked_for_is_declined_and_may_be_asked_for_again(desk: Desk) -> None:
    home, other = desk.cluster(), desk.cluster()
    company = desk.company(other)
    asked = join(desk, home, company).body
    path = f"/v1/memberships/{asked['id']}"

    assert join(desk, home, company).body["code"] == "DUPLICATE_MEMBERSHIP"
    assert desk.call("POST", f"{path}/end", desk.portal(other), {}).body["code"] == "ILLEGAL_TRANSITION"
    assert desk.call("POST", f"{path}/decline", desk.hr(other, company)).body["status"] == "declined"
    assert desk.call("POST", f"{path}/accept", desk.portal(other)).body["code"] == "ILLEGAL_TRANSITION"
    assert desk.events(asked["id"]) == ["membership.asked.v1", "membership.ended.v1"]
    assert join(desk, home, company).status == 201


FIGURES = {
    "registration_id": "DE123456789",
    "headcount": 38,
    "turnover_eur": 6_200_000,
    "balance_sheet_eur": 3_000_000,
    "group_linked": False,
}


def test_figures_are_for_the_company_and_its_cluster_what_is_public_for_everybody(desk: Desk) -> None:
    home, other = desk.cluster(), desk.cluster()
    company = desk.company(home, nuts2="DE11", sector="25.62", homepage="https://werk.example", **FIGURES)
    neighbour = desk.company(home)
    strangers = [desk.portal(other), desk.hr(other, desk.company(other)), desk.hr(home, neighbour)]
    strangers.append(desk.worker(home, new_uuid()))

    def seen(who: dict[str, str]) -> list[Any]:
        one = desk.call("GET", f"/v1/organisations/{company}", who).body
        listed = desk.call("GET", f"/v1/organisations?cluster={home}", who).body["items"]
        return [one, *(item for item in listed if item["id"] == company)]

    for who in (desk.portal(home), desk.hr(home, company), desk.operator()):
        assert [{name: found[name] for name in FIGURES} for found in seen(who)] == [FIGURES, FIGURES]
    for who in strangers:
        for found in seen(who):
            assert [name for name in FIGURES if found[name] is not None] == []
            public = [found[name] for name in ("legal_name", "type", "country", "nuts2", "sector", "size_class")]
            assert public == ["Werk GmbH", "sme", "DE", "DE11", "25.62", "small"]


def test_a_change_of_a_suspended_organisation_does_not_tell_that_it_is_active(desk: Desk) -> None:
    cluster_id = desk.cluster()
    company, portal = desk.company(cluster_id), desk.portal(cluster_id)
    desk.call("POST", f"/v1/organisations/{company}/suspend", portal)
    desk.call("PATCH", f"/v1/organisations/{company}", portal, {"legal_name": "Neu"}, If_Match='"2"')

    told = desk.told(company)
    assert (told.TYPE, told.status, told.cluster_id) == ("organisation.changed.v1", "suspended", cluster_id)
