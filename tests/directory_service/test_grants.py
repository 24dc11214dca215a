"""Grants of seals over HTTP."""

from typing import Any

from tests.directory_service.calling import Directory, new_uuid


def lend(directory: Directory, who: dict[str, str], organisation_id: str, **to: str) -> Any:
    return directory.call("POST", "/v1/awarding-grants", who, {"organisation_id": organisation_id, **to})


def test_a_seal_is_lent_by_its_people_or_its_home_cluster_and_by_nobody_else(directory: Directory) -> None:
    home, other = directory.cluster(), directory.cluster()
    academy, provider = directory.company(home), directory.company(other)

    for stranger in (
        directory.portal(other),
        directory.hr(other, provider),
        directory.hr(home, directory.company(home)),
    ):
        refused = lend(directory, stranger, academy, grantee_id=provider)
        assert (refused.status, refused.codes) == (422, [("organisation_id", "UNKNOWN_REFERENCE")])
    given = lend(directory, directory.hr(home, academy), academy, grantee_id=provider)
    again = lend(directory, directory.portal(home), academy, grantee_id=provider)
    assert (given.status, given.body["purpose"], again.body["code"]) == (201, "award", "DUPLICATE_GRANT")
    path = given.headers["Location"]
    assert directory.call("POST", f"{path}/withdraw", directory.portal(other)).status == 404
    assert directory.call("GET", path, directory.portal(other)).body["status"] == "given"
    assert directory.call("GET", path, directory.portal(directory.cluster())).status == 404
    assert directory.call("POST", f"{path}/withdraw", directory.portal(home)).body["status"] == "withdrawn"
    assert directory.call("POST", f"{path}/withdraw", directory.portal(home)).body["code"] == "ILLEGAL_TRANSITION"
    assert lend(directory, directory.portal(home), academy, grantee_id=provider).status == 201
    assert directory.events(given.body["id"]) == ["awarding.granted.v1", "awarding.withdrawn.v1"]


def test_a_grant_names_an_organisation_that_is_there_or_a_course(directory: Directory) -> None:
    home = directory.cluster()
    academy, portal = directory.company(home), directory.portal(home)

    assert lend(directory, portal, academy, grantee_id=new_uuid()).codes == [("grantee_id", "UNKNOWN_REFERENCE")]
    assert lend(directory, portal, new_uuid(), course_id=new_uuid()).codes == [("organisation_id", "UNKNOWN_REFERENCE")]
    assert lend(directory, portal, academy).codes == [("grantee_id", "ONE_OF_TWO")]
    assert lend(directory, portal, academy, course_id=new_uuid(), purpose="provide").status == 201
    directory.call("POST", f"/v1/organisations/{academy}/suspend", portal)
    assert lend(directory, portal, academy, course_id=new_uuid()).codes == [
        ("organisation_id", "ORGANISATION_SUSPENDED")
    ]


def test_grants_are_listed_for_who_gave_and_who_got_them(directory: Directory) -> None:
    home, other = directory.cluster(), directory.cluster()
    academy, provider = directory.company(home), directory.company(other)
    made = lend(directory, directory.portal(home), academy, grantee_id=provider).body["id"]

    def listed(who: dict[str, str]) -> list[str]:
        path = f"/v1/awarding-grants?organisation={academy}&status=given"
        return [item["id"] for item in directory.call("GET", path, who).body["items"]]

    for who in (
        directory.portal(home),
        directory.portal(other),
        directory.hr(home, academy),
        directory.hr(other, provider),
    ):
        assert listed(who) == [made]
    for who in (directory.portal(directory.cluster()), directory.hr(home, directory.company(home))):
        assert listed(who) == []


def test_a_list_of_grants_names_both_sides_when_asked_to(directory: Directory) -> None:
    home = directory.cluster()
    academy = directory.company(home, legal_name="Akademie")
    provider = directory.company(directory.cluster(), legal_name="Anbieter")
    lend(directory, directory.portal(home), academy, grantee_id=provider)
    path = f"/v1/awarding-grants?organisation={academy}"
    plain = directory.call("GET", path, directory.manager(home)).body["items"][0]
    named = directory.call("GET", f"{path}&include=organisations", directory.manager(home)).body["items"][0]

    assert "organisation_name" not in plain
    assert (named["organisation_name"], named["grantee_name"]) == ("Akademie", "Anbieter")
    assert directory.call("GET", f"{path}&include=people", directory.manager(home)).status == 422
