"""Organisations and memberships over HTTP."""

from typing import Any

import pytest

from tests.directory_service.calling import Directory, new_uuid


def test_a_cluster_is_its_own_cluster(directory: Directory) -> None:
    cluster_id = directory.cluster()
    found = directory.call("GET", f"/v1/organisations/{cluster_id}", directory.portal(cluster_id))

    assert found.body["cluster_id"] == found.body["id"] == cluster_id
    assert found.headers["ETag"] == '"1"'
    assert directory.events(cluster_id) == ["organisation.registered.v1"]


def test_a_portal_registers_its_clusters_companies_and_their_size_is_computed(directory: Directory) -> None:
    cluster_id, chosen = directory.cluster(), new_uuid()
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
    answer = directory.call("POST", "/v1/organisations", directory.portal(cluster_id), body)

    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/organisations/{chosen}"
    assert (answer.body["size_class"], answer.body["cluster_id"]) == ("small", cluster_id)
    assert set(answer.body["links"]) == {"self"}


def test_all_violations_of_an_organisation_come_at_once(directory: Directory) -> None:
    body = {
        "type": "sme",
        "legal_name": "  ",
        "country": "DE",
        "nuts2": "FR11",
        "headcount": 4_000,
        "size_class": "small",
    }
    answer = directory.call("POST", "/v1/organisations", directory.portal(directory.cluster()), body)

    assert answer.status == 422
    assert answer.codes == [
        ("legal_name", "BLANK"),
        ("nuts2", "NUTS_COUNTRY"),
        ("size_class", "SIZE_INCONSISTENT"),
        ("type", "SIZE_INCONSISTENT"),
    ]


def test_the_same_id_twice_is_a_conflict(directory: Directory) -> None:
    cluster_id, chosen = directory.cluster(), new_uuid()
    directory.company(cluster_id, id=chosen)
    body = {"id": chosen, "type": "sme", "legal_name": "Zweite", "country": "DE"}
    answer = directory.call("POST", "/v1/organisations", directory.portal(cluster_id), body)

    assert (answer.status, answer.body["code"]) == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize("kind", ["partnership", "cluster"])
def test_only_the_platform_registers_partnerships_and_other_clusters(directory: Directory, kind: str) -> None:
    body = {"type": kind, "legal_name": "Neu", "country": "DE"}
    answer = directory.call("POST", "/v1/organisations", directory.portal(directory.cluster()), body)

    assert answer.codes == [("cluster_id", "NOT_YOURS")]
    assert directory.call("POST", "/v1/organisations", directory.operator(), body).status == 201


def test_a_change_needs_the_version_that_was_seen(directory: Directory) -> None:
    cluster_id = directory.cluster()
    path, portal = f"/v1/organisations/{directory.company(cluster_id)}", directory.portal(cluster_id)

    assert directory.call("PATCH", path, portal, {"headcount": 9}).status == 428
    assert directory.call("PATCH", path, portal, {"headcount": 9}, If_Match='"7"').status == 412
    changed = directory.call("PATCH", path, portal, {"headcount": 9}, If_Match='"1"')
    assert (changed.status, changed.headers["ETag"], changed.body["size_class"]) == (200, '"2"', "micro")


def test_a_change_to_the_same_facts_happens_once(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company = directory.company(cluster_id)
    same = directory.call("PATCH", f"/v1/organisations/{company}", directory.portal(cluster_id), {}, If_Match='"1"')

    assert same.headers["ETag"] == '"1"'
    assert directory.events(company) == ["organisation.registered.v1"]


def test_suspension_and_back_are_told(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company = directory.company(cluster_id)
    base, portal = f"/v1/organisations/{company}", directory.portal(cluster_id)

    assert directory.call("POST", f"{base}/suspend", portal).body["status"] == "suspended"
    again = directory.call("POST", f"{base}/suspend", portal)
    assert (again.status, again.body["code"]) == (409, "ILLEGAL_TRANSITION")
    assert directory.call("POST", f"{base}/reinstate", portal).body["status"] == "active"
    assert directory.events(company) == [
        "organisation.registered.v1",
        "organisation.suspended.v1",
        "organisation.changed.v1",
    ]


def test_the_list_is_filtered_and_goes_on_where_the_page_ended(directory: Directory) -> None:
    cluster_id = directory.cluster()
    wanted = {directory.company(cluster_id) for _ in range(5)}
    path: str | None = f"/v1/organisations?cluster={cluster_id}&type=sme&limit=2"
    seen: list[str] = []
    while path:
        answer = directory.call("GET", path, directory.portal(directory.cluster()))
        seen += [item["id"] for item in answer.body["items"]]
        cursor = answer.body["next"]
        path = cursor and f"/v1/organisations?cluster={cluster_id}&type=sme&limit=2&cursor={cursor}"

    assert sorted(seen) == sorted(wanted)


def test_a_replayed_request_registers_once(directory: Directory) -> None:
    cluster_id = directory.cluster()
    body = {"type": "sme", "legal_name": "Einmal", "country": "DE"}
    first, second = (
        directory.call("POST", "/v1/organisations", directory.portal(cluster_id), body, Idempotency_Key="once")
        for _ in range(2)
    )

    assert second.body == first.body
    assert second.headers["Idempotency-Replayed"] == "true"


# -- memberships


def join(directory: Directory, cluster_id: str, organisation_id: str, **more: Any) -> Any:
    body = {"organisation_id": organisation_id, "group_id": cluster_id, **more}
    return directory.call("POST", "/v1/memberships", directory.portal(cluster_id), body)


def test_a_company_joins_a_cluster_and_leaves_it(directory: Directory) -> None:
    cluster_id = directory.cluster()
    joined = join(directory, cluster_id, directory.company(cluster_id), valid_from="2024-01-01")
    path, portal = f"/v1/memberships/{joined.body['id']}", directory.portal(cluster_id)

    early = directory.call("PATCH", path, portal, {"valid_until": "2023-12-31"}, If_Match='"1"')
    assert early.codes == [("valid_until", "DATE_ORDER")]
    left = directory.call("PATCH", path, portal, {"valid_until": "2025-12-31"}, If_Match='"1"')
    assert left.body["valid_until"] == "2025-12-31"
    assert directory.call("GET", path, portal).body["version"] == 2
    again = directory.call("PATCH", path, portal, {"valid_until": "2026-12-31"}, If_Match='"2"')
    assert again.body["code"] == "ILLEGAL_TRANSITION"
    assert directory.events(joined.body["id"]) == ["membership.started.v1", "membership.ended.v1"]


def test_nobody_joins_twice_at_a_time(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company = directory.company(cluster_id)

    assert join(directory, cluster_id, company).status == 201
    assert join(directory, cluster_id, company).body["code"] == "DUPLICATE_MEMBERSHIP"


def test_only_clusters_belong_to_a_partnership(directory: Directory) -> None:
    cluster_id = directory.cluster()
    body = {"type": "partnership", "legal_name": "EVOLUTE", "country": "DE"}
    partnership = directory.made("/v1/organisations", directory.operator(), body)["id"]
    enter = {"organisation_id": directory.company(cluster_id), "group_id": partnership}

    refused = directory.call("POST", "/v1/memberships", directory.operator(), enter)
    assert refused.codes == [("organisation_id", "MEMBER_NOT_CLUSTER")]
    assert (
        directory.made("/v1/memberships", directory.operator(), {**enter, "organisation_id": cluster_id})["version"]
        == 1
    )
    assert directory.call("POST", "/v1/memberships", directory.portal(directory.cluster()), enter).codes == [
        ("group_id", "UNKNOWN_REFERENCE")
    ]


def test_a_membership_of_nobody_names_the_field(directory: Directory) -> None:
    answer = join(directory, directory.cluster(), new_uuid())

    assert answer.codes == [("organisation_id", "UNKNOWN_REFERENCE")]


def test_memberships_are_listed_for_both_sides_only(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company = directory.company(cluster_id)
    made = join(directory, cluster_id, company).body["id"]

    def listed(who: dict[str, str]) -> list[str]:
        path = f"/v1/memberships?organisation={company}"
        return [item["id"] for item in directory.call("GET", path, who).body["items"]]

    assert (
        listed(directory.portal(cluster_id))
        == listed(directory.hr(cluster_id, company))
        == listed(directory.operator())
        == [made]
    )
    assert listed(directory.portal(directory.cluster())) == []


def test_a_foreign_company_is_no_member_before_it_or_its_cluster_accepts(directory: Directory) -> None:
    home, other = directory.cluster(), directory.cluster()
    company = directory.company(other)
    asked = join(directory, home, company).body
    path = f"/v1/memberships/{asked['id']}"
    job = {"person_id": directory.person(home), "organisation_id": company}

    assert (asked["status"], asked["asked_by"]) == ("asked", "group")
    assert directory.call("POST", "/v1/employments", directory.portal(home), job).codes == [
        ("organisation_id", "NOT_CLUSTER_MEMBER")
    ]
    assert directory.call("POST", f"{path}/accept", directory.portal(home)).status == 403
    assert directory.call("POST", f"{path}/accept", directory.portal(directory.cluster())).status == 404
    assert directory.call("POST", f"{path}/accept", directory.portal(other)).body["status"] == "started"
    assert directory.call("POST", "/v1/employments", directory.portal(home), job).status == 201
    assert directory.events(asked["id"]) == ["membership.asked.v1", "membership.started.v1"]


def test_an_organisation_asks_itself_and_the_cluster_accepts(directory: Directory) -> None:
    home, other = directory.cluster(), directory.cluster()
    company = directory.company(other)
    body = {"organisation_id": company, "group_id": home}
    asked = directory.made("/v1/memberships", directory.hr(other, company), body)
    path = f"/v1/memberships/{asked['id']}"

    assert (asked["status"], asked["asked_by"]) == ("asked", "organisation")
    assert directory.call("POST", f"{path}/accept", directory.portal(other)).status == 403
    assert directory.call("POST", f"{path}/accept", directory.portal(home)).body["status"] == "started"


@pytest.mark.parametrize("side", ["group", "home cluster", "organisation"])
def test_either_side_ends_a_membership(directory: Directory, side: str) -> None:
    home, other = directory.cluster(), directory.cluster()
    company = directory.company(other)
    path = f"/v1/memberships/{join(directory, home, company).body['id']}"
    directory.call("POST", f"{path}/accept", directory.portal(other))
    who = {
        "group": directory.portal(home),
        "home cluster": directory.portal(other),
        "organisation": directory.hr(other, company),
    }

    assert directory.call("POST", f"{path}/end", directory.portal(directory.cluster()), {}).status == 404
    ended = directory.call("POST", f"{path}/end", who[side], {})

    assert (ended.status, ended.body["valid_until"]) == (200, ended.body["valid_from"])


def test_what_was_asked_for_is_declined_and_may_be_asked_for_again(directory: Directory) -> None:
    home, other = directory.cluster(), directory.cluster()
    company = directory.company(other)
    asked = join(directory, home, company).body
    path = f"/v1/memberships/{asked['id']}"

    assert join(directory, home, company).body["code"] == "DUPLICATE_MEMBERSHIP"
    assert directory.call("POST", f"{path}/end", directory.portal(other), {}).body["code"] == "ILLEGAL_TRANSITION"
    assert directory.call("POST", f"{path}/decline", directory.hr(other, company)).body["status"] == "declined"
    assert directory.call("POST", f"{path}/accept", directory.portal(other)).body["code"] == "ILLEGAL_TRANSITION"
    assert directory.events(asked["id"]) == ["membership.asked.v1", "membership.ended.v1"]
    assert join(directory, home, company).status == 201


FIGURES = {
    "registration_id": "DE123456789",
    "headcount": 38,
    "turnover_eur": 6_200_000,
    "balance_sheet_eur": 3_000_000,
    "group_linked": False,
}


def test_figures_are_for_the_company_and_its_cluster_what_is_public_for_everybody(directory: Directory) -> None:
    home, other = directory.cluster(), directory.cluster()
    company = directory.company(home, nuts2="DE11", sector="25.62", homepage="https://werk.example", **FIGURES)
    neighbour = directory.company(home)
    strangers = [directory.portal(other), directory.hr(other, directory.company(other)), directory.hr(home, neighbour)]
    strangers.append(directory.worker(home, new_uuid()))

    def seen(who: dict[str, str]) -> list[Any]:
        one = directory.call("GET", f"/v1/organisations/{company}", who).body
        listed = directory.call("GET", f"/v1/organisations?cluster={home}", who).body["items"]
        return [one, *(item for item in listed if item["id"] == company)]

    for who in (directory.portal(home), directory.hr(home, company), directory.operator()):
        assert [{name: found[name] for name in FIGURES} for found in seen(who)] == [FIGURES, FIGURES]
    for who in strangers:
        for found in seen(who):
            assert [name for name in FIGURES if found[name] is not None] == []
            public = [found[name] for name in ("legal_name", "type", "country", "nuts2", "sector", "size_class")]
            assert public == ["Werk GmbH", "sme", "DE", "DE11", "25.62", "small"]


def test_a_change_of_a_suspended_organisation_does_not_tell_that_it_is_active(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, portal = directory.company(cluster_id), directory.portal(cluster_id)
    directory.call("POST", f"/v1/organisations/{company}/suspend", portal)
    directory.call("PATCH", f"/v1/organisations/{company}", portal, {"legal_name": "Neu"}, If_Match='"2"')

    told = directory.told(company)
    assert (told.TYPE, told.status, told.cluster_id) == ("organisation.changed.v1", "suspended", cluster_id)
