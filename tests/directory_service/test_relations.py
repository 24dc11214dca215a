"""Employments and consents over HTTP."""

from typing import Any

import pytest

from tests.directory_service.desk import Desk, new_uuid


def test_an_employment_begins_and_ends(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person, company, portal = desk.person(cluster_id), desk.company(cluster_id), desk.portal(cluster_id)
    body = {"person_id": person, "organisation_id": company, "valid_from": "2024-01-01"}
    job = desk.made("/v1/employments", portal, body)
    path = f"/v1/employments/{job['id']}"

    assert desk.call("PATCH", path, portal, {"valid_until": "2023-01-01"}, If_Match='"1"').codes == [
        ("valid_until", "DATE_ORDER")
    ]
    assert desk.call("PATCH", path, portal, {"valid_until": "2025-01-01"}, If_Match='"1"').status == 200
    assert desk.call("GET", path, portal).body["valid_until"] == "2025-01-01"
    assert desk.call("PATCH", path, portal, {"valid_until": "2026-01-01"}, If_Match='"2"').status == 409
    assert desk.events(job["id"]) == ["employment.started.v1", "employment.ended.v1"]
    assert desk.made("/v1/employments", portal, {**body, "valid_from": "2025-01-02"})["version"] == 1


def test_an_employment_may_be_told_after_its_end(desk: Desk) -> None:
    cluster_id = desk.cluster()
    body = {
        "person_id": desk.person(cluster_id),
        "organisation_id": desk.company(cluster_id),
        "valid_from": "2020-01-01",
        "valid_until": "2021-01-01",
    }
    job = desk.made("/v1/employments", desk.portal(cluster_id), body)

    assert desk.events(job["id"]) == ["employment.started.v1", "employment.ended.v1"]


def test_nobody_works_twice_for_one_employer_at_a_time(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person, company = desk.person(cluster_id), desk.company(cluster_id)
    desk.employment(cluster_id, person, company)
    body = {"person_id": person, "organisation_id": company}
    answer = desk.call("POST", "/v1/employments", desk.portal(cluster_id), body)

    assert (answer.status, answer.body["code"]) == (409, "DUPLICATE_EMPLOYMENT")


def test_the_employer_must_be_of_the_persons_cluster_or_its_member(desk: Desk) -> None:
    home, other = desk.cluster(), desk.cluster()
    person, company = desk.person(home), desk.company(other)
    body = {"person_id": person, "organisation_id": company}

    refused = desk.call("POST", "/v1/employments", desk.portal(home), body)
    assert refused.codes == [("organisation_id", "NOT_CLUSTER_MEMBER")]
    asked = desk.made("/v1/memberships", desk.portal(home), {"organisation_id": company, "group_id": home})
    assert desk.call("POST", f"/v1/memberships/{asked['id']}/accept", desk.portal(other)).status == 200
    assert desk.call("POST", "/v1/employments", desk.portal(home), body).status == 201


def test_unknown_people_and_employers_are_named(desk: Desk) -> None:
    cluster_id = desk.cluster()
    nobody = {"person_id": new_uuid(), "organisation_id": desk.company(cluster_id)}
    nowhere = {"person_id": desk.person(cluster_id), "organisation_id": new_uuid()}

    assert desk.call("POST", "/v1/employments", desk.portal(cluster_id), nobody).codes == [
        ("person_id", "UNKNOWN_REFERENCE")
    ]
    assert desk.call("POST", "/v1/employments", desk.portal(cluster_id), nowhere).codes == [
        ("organisation_id", "UNKNOWN_REFERENCE")
    ]


def test_hr_writes_employments_of_the_own_employer_only(desk: Desk) -> None:
    cluster_id = desk.cluster()
    mine, other, person = desk.company(cluster_id), desk.company(cluster_id), desk.person(cluster_id)
    hr = desk.hr(cluster_id, mine)

    made = desk.call("POST", "/v1/employments", hr, {"person_id": person, "organisation_id": mine})
    assert made.status == 201
    refused = desk.call("POST", "/v1/employments", hr, {"person_id": person, "organisation_id": other})
    assert refused.codes == [("person_id", "UNKNOWN_REFERENCE")]
    assert [job["id"] for job in desk.call("GET", "/v1/employments", hr).body["items"]] == [made.body["id"]]


# -- consents


def test_a_worker_gives_and_withdraws_consent(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person, company = desk.person(cluster_id), desk.company(cluster_id)
    worker, body = desk.worker(cluster_id, person), {"person_id": person, "organisation_id": company}

    given = desk.made("/v1/consents", worker, body)
    assert (given["purpose"], given["status"]) == ("share_results", "given")
    assert desk.call("POST", "/v1/consents", worker, body).body["code"] == "DUPLICATE_CONSENT"
    path = f"/v1/consents/{given['id']}"
    assert desk.call("POST", f"{path}/withdraw", worker).body["status"] == "withdrawn"
    assert desk.call("POST", f"{path}/withdraw", worker).body["code"] == "ILLEGAL_TRANSITION"
    assert desk.call("GET", path, worker).body["withdrawn_at"] is not None
    assert desk.made("/v1/consents", worker, body)["id"] != given["id"]
    assert desk.events(given["id"]) == ["consent.given.v1", "consent.withdrawn.v1"]


def test_the_portal_passes_consent_on_but_an_employer_cannot_give_it(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person, company = desk.person(cluster_id), desk.company(cluster_id)
    desk.employment(cluster_id, person, company)
    body = {"person_id": person, "organisation_id": company}
    hr = desk.hr(cluster_id, company)

    refused = desk.call("POST", "/v1/consents", hr, body)
    assert (refused.status, refused.body["code"]) == (403, "NOT_YOURS")
    given = desk.made("/v1/consents", desk.portal(cluster_id), body)
    assert [found["id"] for found in desk.call("GET", "/v1/consents", hr).body["items"]] == [given["id"]]
    assert desk.call("POST", f"/v1/consents/{given['id']}/withdraw", hr).status == 403


def test_a_worker_speaks_only_for_themselves(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person, other, company = desk.person(cluster_id), desk.person(cluster_id), desk.company(cluster_id)
    worker = desk.worker(cluster_id, other)
    given = desk.made("/v1/consents", desk.portal(cluster_id), {"person_id": person, "organisation_id": company})

    refused = desk.call("POST", "/v1/consents", worker, {"person_id": person, "organisation_id": company})
    assert refused.codes == [("person_id", "UNKNOWN_REFERENCE")]
    assert desk.call("GET", f"/v1/consents/{given['id']}", worker).status == 404
    assert desk.call("GET", "/v1/consents", worker).body["items"] == []


@pytest.mark.parametrize("path", ["employments", "consents"])
def test_a_foreign_person_and_one_that_is_not_there_get_the_same_answer(desk: Desk, path: str) -> None:
    home, other = desk.cluster(), desk.cluster()
    company, foreign, missing = desk.company(home), desk.person(other), new_uuid()

    def answer(who: dict[str, str], person_id: str) -> Any:
        found = desk.call("POST", f"/v1/{path}", who, {"person_id": person_id, "organisation_id": company})
        body = {name: value for name, value in found.body.items() if name != "trace_id"}
        return found.status, str(body).replace(person_id, "<person>")

    for who in (desk.portal(home), desk.hr(home, company), desk.worker(home, desk.person(home))):
        assert answer(who, foreign) == answer(who, missing)


def test_a_person_works_for_a_company_of_another_cluster_of_the_partnership(desk: Desk) -> None:
    home, partner, stranger = desk.cluster(), desk.cluster(), desk.cluster()
    partnership = {"id": new_uuid(), "type": "partnership", "legal_name": "Together", "country": "DE"}
    desk.made("/v1/organisations", desk.operator(), partnership)
    for cluster in (home, partner):
        body = {"organisation_id": cluster, "group_id": partnership["id"], "valid_from": "2024-01-01"}
        desk.made("/v1/memberships", desk.operator(), body)
    employer, person = desk.company(partner), desk.person(home)
    elsewhere = {"person_id": person, "organisation_id": desk.company(stranger)}
    hr = desk.hr(partner, employer)
    assert desk.call("GET", f"/v1/people/{person}", hr).status == 404
    job = desk.employment(home, person, employer)

    assert desk.call("POST", "/v1/employments", desk.portal(home), elsewhere).codes == [
        ("organisation_id", "NOT_CLUSTER_MEMBER")
    ]
    assert [one["id"] for one in desk.call("GET", "/v1/people", hr).body["items"]] == [person]
    assert desk.call("GET", f"/v1/employments/{job['id']}", hr).status == 200
    assert [one["id"] for one in desk.call("GET", "/v1/employments", hr).body["items"]] == [job["id"]]
    changed = desk.call("PATCH", f"/v1/people/{person}", hr, {"given_name": "Anders"}, If_Match='"1"')
    assert (changed.status, changed.body["code"]) == (403, "NOT_YOURS")


def test_hr_cannot_take_somebody_of_another_cluster_on(desk: Desk) -> None:
    cluster, other = desk.cluster(), desk.cluster()
    company, person = desk.company(cluster), desk.person(other)
    body = {"person_id": person, "organisation_id": company}

    assert desk.call("POST", "/v1/employments", desk.hr(cluster, company), body).status == 422
