"""SCIM 2.0: an employer's HR system keeps its people here, and scim2-tester finds nothing to complain about."""

from datetime import timedelta
from typing import Any

import pytest
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

from shared.clock import utc_now
from tests.directory_service.calling import Directory, Headers

USERS = "/scim/v2/Users"


@pytest.fixture(scope="module")
def cluster_id(directory: Directory) -> str:
    return directory.cluster()


@pytest.fixture(scope="module")
def company(directory: Directory, cluster_id: str) -> str:
    return directory.company(cluster_id)


@pytest.fixture(scope="module")
def system(directory: Directory, cluster_id: str, company: str) -> dict[str, str]:
    """The key of the company's HR system."""
    return key_of(directory, cluster_id, company)


def key_of(directory: Directory, cluster_id: str, *companies: str) -> dict[str, str]:
    return directory.token("directory:read", "directory:write", cluster_id=cluster_id, organisation_ids=companies)


def user(name: str, **more: Any) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "name": {"givenName": "Claudia", "familyName": "Kaya"},
        "emails": [{"value": f"{name}@people.example"}],
        "active": True,
        **more,
    }


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}


def employed(directory: Directory, cluster_id: str, company: str, person_id: str) -> list[Any]:
    query = f"/v1/employments?person={person_id}&organisation={company}"
    return [one["valid_until"] for one in directory.call("GET", query, directory.portal(cluster_id)).body["items"]]


def test_scim2_tester_finds_no_fault(directory: Directory, system: Headers) -> None:
    client = WSGISCIMClient(directory.app, base_url="http://localhost/scim/v2", headers=dict(system))
    results = check_server(client)

    wrong = [f"{one.title}: {one.reason}" for one in results if one.status.name not in _GOOD]
    assert wrong == [], "\n".join(wrong)
    assert sum(one.status == Status.SUCCESS for one in results) > 20


_GOOD = {"SUCCESS", "SKIPPED", "ACCEPTABLE", "COMPLIANT"}


def test_a_new_user_is_a_person_who_works_for_the_employer(
    directory: Directory, cluster_id: str, company: str, system: Headers
) -> None:
    made = directory.made(USERS, system, user("kaya", externalId="4711"))
    person = directory.call("GET", f"/v1/people/{made['id']}", directory.portal(cluster_id)).body

    assert (person["given_name"], person["email"]) == ("Claudia", "kaya@people.example")
    assert employed(directory, cluster_id, company, made["id"]) == [None]
    assert made["meta"]["location"].endswith(f"{USERS}/{made['id']}")
    found = directory.call("GET", "/v1/people?external_id=4711", directory.portal(cluster_id)).body["items"]
    assert [one["id"] for one in found] == [made["id"]]


def test_users_are_found_by_name_in_any_case_and_by_number(directory: Directory, system: Headers) -> None:
    made = directory.made(USERS, system, user("Bauer", externalId="4712"))

    for query in ('userName eq "BAUER"', 'externalId eq "4712"'):
        answer = directory.call("GET", f"{USERS}?filter={query}", system)
        assert [one["id"] for one in answer.body["Resources"]] == [made["id"]], query
        assert answer.body["totalResults"] == 1
    assert directory.call("GET", f'{USERS}?filter=userName eq "nobody"', system).body["totalResults"] == 0


@pytest.mark.parametrize("query", ["name.givenName eq", 'name.givenName eq "x"', 'userName co "a"', "nonsense"])
def test_another_filter_is_refused_in_the_words_of_scim(directory: Directory, system: Headers, query: str) -> None:
    answer = directory.call("GET", f"{USERS}?filter={query}", system)

    assert (answer.status, answer.body["scimType"]) == (400, "invalidFilter")
    assert answer.headers["Content-Type"] == "application/scim+json"


def test_a_user_name_is_given_once_for_an_employer(directory: Directory, cluster_id: str, system: Headers) -> None:
    directory.made(USERS, system, user("seidel"))
    again = directory.call("POST", USERS, system, user("Seidel"))
    other = key_of(directory, cluster_id, directory.company(cluster_id))

    assert (again.status, again.body["scimType"]) == (409, "uniqueness")
    assert directory.call("POST", USERS, other, user("seidel")).status == 201


def test_pages_begin_where_they_are_asked_to(directory: Directory, cluster_id: str) -> None:
    system = key_of(directory, cluster_id, directory.company(cluster_id))
    made = sorted(directory.made(USERS, system, user(f"page-{number}"))["id"] for number in range(5))
    pages = [directory.call("GET", f"{USERS}?startIndex={start}&count=2", system).body for start in (1, 3, 5, 7)]

    assert [one["id"] for page in pages for one in page.get("Resources", [])] == made
    assert [page["totalResults"] for page in pages] == [5] * 4
    assert [page["itemsPerPage"] for page in pages] == [2, 2, 1, 0]


def test_who_is_deactivated_works_there_no_more_and_can_come_back(
    directory: Directory, cluster_id: str, company: str, system: Headers
) -> None:
    made = directory.made(USERS, system, user("lang"))
    path = f"{USERS}/{made['id']}"
    off = directory.call("PATCH", path, system, patch({"op": "replace", "path": "active", "value": False}))

    assert (off.status, off.body["active"]) == (200, False)
    assert None not in employed(directory, cluster_id, company, made["id"])
    assert directory.call("GET", path, system).body["active"] is False
    assert directory.call("PUT", path, system, user("lang")).body["active"] is True
    assert employed(directory, cluster_id, company, made["id"]).count(None) == 1


def test_a_former_employer_sees_and_changes_what_it_said_itself_and_nothing_of_the_person(
    directory: Directory, cluster_id: str, system: Headers
) -> None:
    made = directory.made(USERS, system, user("former"))
    path, known = f"{USERS}/{made['id']}", f"/v1/people/{made['id']}"
    directory.call("PATCH", path, system, patch({"op": "replace", "path": "active", "value": False}))
    portal = directory.portal(cluster_id)
    directory.call("PATCH", known, portal, {"family_name": "Neu", "email": "neu@people.example"}, If_Match='"1"')
    seen = [directory.call("GET", path, system).body]
    seen += directory.call("GET", USERS + '?filter=userName eq "former"', system).body["Resources"]
    renamed = {**user("former", active=False), "name": {"givenName": "Claudia", "familyName": "Falsch"}}
    put = directory.call("PUT", path, system, renamed)

    assert [one["name"]["familyName"] for one in seen] == ["Kaya", "Kaya"]
    assert all(one["emails"][0]["value"] == "former@people.example" for one in seen)
    assert (put.status, put.body["name"]["familyName"], put.body["active"]) == (200, "Falsch", False)
    person = directory.call("GET", known, portal).body
    assert (person["family_name"], person["email"]) == ("Neu", "neu@people.example")


def test_an_employment_that_ends_later_is_left_by_active_and_ended_today_by_inactive(
    directory: Directory, cluster_id: str, company: str, system: Headers
) -> None:
    made = directory.made(USERS, system, user("leaving"))
    path, portal = f"{USERS}/{made['id']}", directory.portal(cluster_id)
    query = f"/v1/employments?person={made['id']}"
    job = directory.call("GET", query, portal).body["items"][0]
    last_day = (utc_now() + timedelta(days=30)).date().isoformat()
    job_path, version = f"/v1/employments/{job['id']}", f'"{job["version"]}"'
    assert directory.call("PATCH", job_path, portal, {"valid_until": last_day}, If_Match=version).status == 200
    on = directory.call("PUT", path, system, user("leaving"))
    still = employed(directory, cluster_id, company, made["id"])
    off = directory.call("PUT", path, system, user("leaving", active=False))

    assert (on.status, on.body["active"], still) == (200, True, [last_day])
    assert (off.status, off.body["active"]) == (200, False)
    assert employed(directory, cluster_id, company, made["id"]) == [utc_now().date().isoformat()]


def test_who_is_removed_is_gone_for_the_employer_and_stays_a_person(
    directory: Directory, cluster_id: str, company: str, system: Headers
) -> None:
    made = directory.made(USERS, system, user("vogel"))
    path = f"{USERS}/{made['id']}"

    assert directory.call("DELETE", path, system).status == 204
    assert directory.call("GET", path, system).status == 404
    assert None not in employed(directory, cluster_id, company, made["id"])
    assert directory.call("GET", f"/v1/people/{made['id']}", directory.portal(cluster_id)).status == 200


def test_an_employer_sees_and_changes_no_users_of_another(
    directory: Directory, cluster_id: str, system: Headers
) -> None:
    made = directory.made(USERS, system, user("engel", externalId="4713"))
    other = key_of(directory, cluster_id, directory.company(cluster_id))

    assert directory.call("GET", f"{USERS}/{made['id']}", other).status == 404
    assert directory.call("PUT", f"{USERS}/{made['id']}", other, user("engel")).status == 404
    assert directory.call("DELETE", f"{USERS}/{made['id']}", other).status == 404
    assert directory.call("GET", USERS, other).body["totalResults"] == 0
    taken = directory.call("POST", USERS, other, user("mine", externalId="4713"))
    assert (taken.status, taken.body["scimType"]) == (409, "uniqueness")


def test_a_clusters_portal_has_no_users(directory: Directory, cluster_id: str) -> None:
    answer = directory.call("GET", USERS, directory.portal(cluster_id))

    assert answer.status == 403
    assert answer.body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]


def test_erasure_destroys_what_hr_systems_called_somebody(
    directory: Directory, cluster_id: str, system: Headers
) -> None:
    made = directory.made(USERS, system, user("haas"))
    directory.made(f"/v1/people/{made['id']}/erase", directory.manager(cluster_id), {})

    assert directory.call("GET", f"{USERS}/{made['id']}", system).status == 404
    assert directory.database["accounts"].count_documents({"person_id": made["id"]}) == 0


def test_who_reads_users_is_noted(directory: Directory, system: Headers) -> None:
    made = directory.made(USERS, system, user("koch"))
    directory.call("GET", f"{USERS}/{made['id']}", system)

    row = directory.database["personal_reads"].find_one({"person_ids": made["id"]})
    assert row is not None
    assert row["action"] == "GET /scim/v2/Users"
