"""Grants of seals over HTTP."""

from typing import Any

from tests.directory_service.desk import Desk, new_uuid


def lend(desk: Desk, who: dict[str, str], organisation_id: str, **to: str) -> Any:
    return desk.call("POST", "/v1/awarding-grants", who, {"organisation_id": organisation_id, **to})


def test_a_seal_is_lent_by_its_people_or_its_home_cluster_and_by_nobody_else(desk: Desk) -> None:
    home, other = desk.cluster(), desk.cluster()
    academy, provider = desk.company(home), desk.company(other)

    for stranger in (desk.portal(other), desk.hr(other, provider), desk.hr(home, desk.company(home))):
        refused = lend(desk, stranger, academy, grantee_id=provider)
        assert (refused.status, refused.codes) == (422, [("organisation_id", "UNKNOWN_REFERENCE")])
    given = lend(desk, desk.hr(home, academy), academy, grantee_id=provider)
    again = lend(desk, desk.portal(home), academy, grantee_id=provider)
    assert (given.status, given.body["purpose"], again.body["code"]) == (201, "award", "DUPLICATE_GRANT")
    path = given.headers["Location"]
    assert desk.call("POST", f"{path}/withdraw", desk.portal(other)).status == 404
    assert desk.call("GET", path, desk.portal(other)).body["status"] == "given"
    assert desk.call("GET", path, desk.portal(desk.cluster())).status == 404
    assert desk.call("POST", f"{path}/withdraw", desk.portal(home)).body["status"] == "withdrawn"
    assert desk.call("POST", f"{path}/withdraw", desk.portal(home)).body["code"] == "ILLEGAL_TRANSITION"
    assert lend(desk, desk.portal(home), academy, grantee_id=provider).status == 201
    assert desk.events(given.body["id"]) == ["awarding.granted.v1", "awarding.withdrawn.v1"]


def test_a_grant_names_an_organisation_that_is_there_or_a_course(desk: Desk) -> None:
    home = desk.cluster()
    academy, portal = desk.company(home), desk.portal(home)

    assert lend(desk, portal, academy, grantee_id=new_uuid()).codes == [("grantee_id", "UNKNOWN_REFERENCE")]
    assert lend(desk, portal, new_uuid(), course_id=new_uuid()).codes == [("organisation_id", "UNKNOWN_REFERENCE")]
    assert lend(desk, portal, academy).codes == [("grantee_id", "ONE_OF_TWO")]
    assert lend(desk, portal, academy, course_id=new_uuid(), purpose="provide").status == 201
    desk.call("POST", f"/v1/organisations/{academy}/suspend", portal)
    assert lend(desk, portal, academy, course_id=new_uuid()).codes == [("organisation_id", "ORGANISATION_SUSPENDED")]


def test_grants_are_listed_for_who_gave_and_who_got_them(desk: Desk) -> None:
    home, other = desk.cluster(), desk.cluster()
    academy, provider = desk.company(home), desk.company(other)
    made = lend(desk, desk.portal(home), academy, grantee_id=provider).body["id"]

    def listed(who: dict[str, str]) -> list[str]:
        path = f"/v1/awarding-grants?organisation={academy}&status=given"
        return [item["id"] for item in desk.call("GET", path, who).body["items"]]

    for who in (desk.portal(home), desk.portal(other), desk.hr(home, academy), desk.hr(other, provider)):
        assert listed(who) == [made]
    for who in (desk.portal(desk.cluster()), desk.hr(home, desk.company(home))):
        assert listed(who) == []
