"""Employments and consents over HTTP."""

from typing import Any

import pytest

from tests.directory_service.calling import Directory, new_uuid


def test_an_employment_begins_and_ends(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person, company, portal = directory.person(cluster_id), directory.company(cluster_id), directory.portal(cluster_id)
    body = {"person_id": person, "organisation_id": company, "valid_from": "2024-01-01"}
    job = directory.made("/v1/employments", portal, body)
    path = f"/v1/employments/{job['id']}"

    assert directory.call("PATCH", path, portal, {"valid_until": "2023-01-01"}, If_Match='"1"').codes == [
        ("valid_until", "DATE_ORDER")
    ]
    assert directory.call("PATCH", path, portal, {"valid_until": "2025-01-01"}, If_Match='"1"').status == 200
    assert directory.call("GET", path, portal).body["valid_until"] == "2025-01-01"
    assert directory.call("PATCH", path, portal, {"valid_until": "2026-01-01"}, If_Match='"2"').status == 409
    assert directory.events(job["id"]) == ["employment.started.v1", "employment.ended.v1"]
    assert directory.made("/v1/employments", portal, {**body, "valid_from": "2025-01-02"})["version"] == 1


def test_an_employment_may_be_told_after_its_end(directory: Directory) -> None:
    cluster_id = directory.cluster()
    body = {
        "person_id": directory.person(cluster_id),
        "organisation_id": directory.company(cluster_id),
        "valid_from": "2020-01-01",
        "valid_until": "2021-01-01",
    }
    job = directory.made("/v1/employments", directory.portal(cluster_id), body)

    assert directory.events(job["id"]) == ["employment.started.v1", "employment.ended.v1"]


def test_nobody_works_twice_for_one_employer_at_a_time(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person, company = directory.person(cluster_id), directory.company(cluster_id)
    directory.employment(cluster_id, person, company)
    body = {"person_id": person, "organisation_id": company}
    answer = directory.call("POST", "/v1/employments", directory.portal(cluster_id), body)

    assert (answer.status, answer.body["code"]) == (409, "DUPLICATE_EMPLOYMENT")


def test_the_employer_must_be_of_the_persons_cluster_or_its_member(directory: Directory) -> None:
    home, other = directory.cluster(), directory.cluster()
    person, company = directory.person(home), directory.company(other)
    body = {"person_id": person, "organisation_id": company}

    refused = directory.call("POST", "/v1/employments", directory.portal(home), body)
    assert refused.codes == [("organisation_id", "NOT_CLUSTER_MEMBER")]
    asked = directory.made("/v1/memberships", directory.portal(home), {"organisation_id": company, "group_id": home})
    assert directory.call("POST", f"/v1/memberships/{asked['id']}/accept", directory.portal(other)).status == 200
    assert directory.call("POST", "/v1/employments", directory.portal(home), body).status == 201


def test_unknown_people_and_employers_are_named(directory: Directory) -> None:
    cluster_id = directory.cluster()
    nobody = {"person_id": new_uuid(), "organisation_id": directory.company(cluster_id)}
    nowhere = {"person_id": directory.person(cluster_id), "organisation_id": new_uuid()}

    assert directory.call("POST", "/v1/employments", directory.portal(cluster_id), nobody).codes == [
        ("person_id", "UNKNOWN_REFERENCE")
    ]
    assert directory.call("POST", "/v1/employments", directory.portal(cluster_id), nowhere).codes == [
        ("organisation_id", "UNKNOWN_REFERENCE")
    ]


def test_hr_writes_employments_of_the_own_employer_only(directory: Directory) -> None:
    cluster_id = directory.cluster()
    mine, other, person = directory.company(cluster_id), directory.company(cluster_id), directory.person(cluster_id)
    hr = directory.hr(cluster_id, mine)

    made = directory.call("POST", "/v1/employments", hr, {"person_id": person, "organisation_id": mine})
    assert made.status == 201
    refused = directory.call("POST", "/v1/employments", hr, {"person_id": person, "organisation_id": other})
    assert refused.codes == [("person_id", "UNKNOWN_REFERENCE")]
    assert [job["id"] for job in directory.call("GET", "/v1/employments", hr).body["items"]] == [made.body["id"]]


# -- consents


def test_a_worker_gives_and_withdraws_consent(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person, company = directory.person(cluster_id), directory.company(cluster_id)
    worker, body = directory.worker(cluster_id, person), {"person_id": person, "organisation_id": company}

    given = directory.made("/v1/consents", worker, body)
    assert (given["purpose"], given["status"]) == ("share_results", "given")
    assert directory.call("POST", "/v1/consents", worker, body).body["code"] == "DUPLICATE_CONSENT"
    path = f"/v1/consents/{given['id']}"
    assert directory.call("POST", f"{path}/withdraw", worker).body["status"] == "withdrawn"
    assert directory.call("POST", f"{path}/withdraw", worker).body["code"] == "ILLEGAL_TRANSITION"
    assert directory.call("GET", path, worker).body["withdrawn_at"] is not None
    assert directory.made("/v1/consents", worker, body)["id"] != given["id"]
    assert directory.events(given["id"]) == ["consent.given.v1", "consent.withdrawn.v1"]


def test_the_portal_passes_consent_on_but_an_employer_cannot_give_it(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person, company = directory.person(cluster_id), directory.company(cluster_id)
    directory.employment(cluster_id, person, company)
    body = {"person_id": person, "organisation_id": company}
    hr = directory.hr(cluster_id, company)

    refused = directory.call("POST", "/v1/consents", hr, body)
    assert (refused.status, refused.body["code"]) == (403, "NOT_YOURS")
    given = directory.made("/v1/consents", directory.portal(cluster_id), body)
    assert [found["id"] for found in directory.call("GET", "/v1/consents", hr).body["items"]] == [given["id"]]
    assert directory.call("POST", f"/v1/consents/{given['id']}/withdraw", hr).status == 403


def test_a_worker_speaks_only_for_themselves(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person, other, company = directory.person(cluster_id), directory.person(cluster_id), directory.company(cluster_id)
    worker = directory.worker(cluster_id, other)
    given = directory.made(
        "/v1/consents", directory.portal(cluster_id), {"person_id": person, "organisation_id": company}
    )

    refused = directory.call("POST", "/v1/consents", worker, {"person_id": person, "organisation_id": company})
    assert refused.codes == [("person_id", "UNKNOWN_REFERENCE")]
    assert directory.call("GET", f"/v1/consents/{given['id']}", worker).status == 404
    assert directory.call("GET", "/v1/consents", worker).body["items"] == []


@pytest.mark.parametrize("path", ["employments", "consents"])
def test_a_foreign_person_and_one_that_is_not_there_get_the_same_answer(directory: Directory, path: str) -> None:
    home, other = directory.cluster(), directory.cluster()
    company, foreign, missing = directory.company(home), directory.person(other), new_uuid()

    def answer(who: dict[str, str], person_id: str) -> Any:
        found = directory.call("POST", f"/v1/{path}", who, {"person_id": person_id, "organisation_id": company})
        body = {name: value for name, value in found.body.items() if name != "trace_id"}
        return found.status, str(body).replace(person_id, "<person>")

    for who in (directory.portal(home), directory.hr(home, company), directory.worker(home, directory.person(home))):
        assert answer(who, foreign) == answer(who, missing)


def test_a_person_works_for_a_company_of_another_cluster_of_the_partnership(directory: Directory) -> None:
    home, partner, stranger = directory.cluster(), directory.cluster(), directory.cluster()
    partnership = {"id": new_uuid(), "type": "partnership", "legal_name": "Together", "country": "DE"}
    directory.made("/v1/organisations", directory.operator(), partnership)
    for cluster in (home, partner):
        body = {"organisation_id": cluster, "group_id": partnership["id"], "valid_from": "2024-01-01"}
        directory.made("/v1/memberships", directory.operator(), body)
    employer, person = directory.company(partner), directory.person(home)
    elsewhere = {"person_id": person, "organisation_id": directory.company(stranger)}
    hr = directory.hr(partner, employer)
    assert directory.call("GET", f"/v1/people/{person}", hr).status == 404
    job = directory.employment(home, person, employer)

    assert directory.call("POST", "/v1/employments", directory.portal(home), elsewhere).codes == [
        ("organisation_id", "NOT_CLUSTER_MEMBER")
    ]
    assert [one["id"] for one in directory.call("GET", "/v1/people", hr).body["items"]] == [person]
    assert directory.call("GET", f"/v1/employments/{job['id']}", hr).status == 200
    assert [one["id"] for one in directory.call("GET", "/v1/employments", hr).body["items"]] == [job["id"]]
    changed = directory.call("PATCH", f"/v1/people/{person}", hr, {"given_name": "Anders"}, If_Match='"1"')
    assert (changed.status, changed.body["code"]) == (403, "NOT_YOURS")


def test_hr_cannot_take_somebody_of_another_cluster_on(directory: Directory) -> None:
    cluster, other = directory.cluster(), directory.cluster()
    company, person = directory.company(cluster), directory.person(other)
    body = {"person_id": person, "organisation_id": company}

    assert directory.call("POST", "/v1/employments", directory.hr(cluster, company), body).status == 422
