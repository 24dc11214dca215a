"""Invitations: who may invite to what, and that whoever accepts can sign in at the real Keycloak."""

import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.clock import utc_now
from tests.answers import Answer
from tests.directory_service.calling import Directory
from tests.directory_service.signed_in import CLUSTER, COMPANY, SignedIn, bearer, claims

PASSWORD = "ein-sehr-langes-passwort"


def somebody(**facts: Any) -> dict[str, Any]:
    """Somebody new."""
    mail = f"neu-{uuid.uuid4().hex[:12]}@heilbronn.example"
    return {"given_name": "Jörg", "family_name": "Neu", "email": mail, "role": "worker", **facts}


def secret_of(invitation: Any) -> str:
    return str(parse_qs(urlsplit(str(invitation["link"])).query)["secret"][0])


def accept(directory: Directory, invitation: Any, password: str = PASSWORD, secret: str | None = None) -> Answer:
    body = {"secret": secret or secret_of(invitation), "password": password}
    return directory.call("POST", f"/v1/invitations/{invitation['id']}/accept", None, body)


def invite(signed_in: SignedIn, who: str = "manager", **facts: Any) -> tuple[Any, dict[str, Any]]:
    """An invitation, and whom it is for."""
    body = somebody(**facts)
    made = signed_in.directory.made("/v1/invitations", signed_in.who(who), body)
    signed_in.people.append(made["person_id"])
    return made, body


def test_whoever_accepts_signs_in_as_what_they_were_invited_to(signed_in: SignedIn) -> None:
    made, body = invite(signed_in, role="hr", organisation_ids=[COMPANY])
    assert signed_in.sign_in_person(body["email"], PASSWORD).status_code == 401
    accepted = accept(signed_in.directory, made)
    token = signed_in.sign_in_person(body["email"], PASSWORD)

    assert (accepted.status, accepted.body["status"]) == (200, "accepted")
    said = claims(token)
    assert (said["person_id"], said["cluster_id"], said["organisation_ids"]) == (made["person_id"], CLUSTER, [COMPANY])
    assert "hr" in said["roles"]
    me = signed_in.directory.call("GET", "/v1/me", bearer(token)).body
    assert (me["person"]["given_name"], [job["organisation_id"] for job in me["employments"]]) == ("Jörg", [COMPANY])


def test_a_link_is_good_once(signed_in: SignedIn) -> None:
    made, _ = invite(signed_in)

    assert [accept(signed_in.directory, made).status for _ in range(2)] == [200, 409]
    shown = signed_in.directory.call("GET", f"/v1/invitations/{made['id']}", signed_in.who("manager")).body
    assert (shown["status"], shown["link"]) == ("accepted", None)


def test_somebody_who_signs_in_already_is_not_given_another_login(signed_in: SignedIn) -> None:
    made, _ = invite(signed_in, email="worker@heilbronn.example")
    answer = accept(signed_in.directory, made)

    assert (answer.status, answer.body["code"]) == (409, "LOGIN_EXISTS")
    assert signed_in.sign_in_person("worker@heilbronn.example", PASSWORD).status_code == 401


def test_a_manager_invites_to_the_own_cluster_and_hr_to_the_own_company(signed_in: SignedIn) -> None:
    cases: list[tuple[str, dict[str, Any], int]] = [
        ("manager", {"role": "manager"}, 201),
        ("manager", {"cluster_id": "another"}, 422),
        ("hr", {"role": "worker", "organisation_ids": [COMPANY]}, 201),
        ("hr", {"role": "manager"}, 422),
        ("hr", {"role": "worker"}, 422),
        ("hr", {"role": "hr", "organisation_ids": ["another"]}, 422),
        ("trainer", {}, 403),
        ("worker", {}, 403),
    ]
    for who, facts, status in cases:
        answer = signed_in.directory.call("POST", "/v1/invitations", signed_in.who(who), somebody(**facts))
        assert answer.status == status, (who, facts, answer.body)


# -- without a login: the rules


@pytest.fixture
def cluster(directory: Directory) -> str:
    return directory.cluster()


def open_invitation(directory: Directory, cluster: str, **facts: Any) -> Any:
    return directory.made("/v1/invitations", directory.manager(cluster), somebody(**facts))


def test_a_portals_key_invites_workers_only(directory: Directory, cluster: str) -> None:
    portal = directory.portal(cluster)

    assert directory.call("POST", "/v1/invitations", portal, somebody()).status == 201
    assert directory.call("POST", "/v1/invitations", portal, somebody(role="manager")).status == 422


def test_nobody_is_made_an_operator(directory: Directory, cluster: str) -> None:
    body = somebody(role="operator", cluster_id=cluster)
    assert directory.call("POST", "/v1/invitations", directory.operator(), body).status == 422


def test_the_bearer_of_the_link_sees_what_it_offers_and_nobody_else_does(directory: Directory, cluster: str) -> None:
    company = directory.company(cluster, legal_name="Fräswerk GmbH")
    made = open_invitation(directory, cluster, role="trainer", organisation_ids=[company])
    path = f"/v1/invitations/{made['id']}/offer"
    shown = directory.call("POST", path, None, {"secret": secret_of(made)})

    assert shown.body["organisations"] == ["Fräswerk GmbH"]
    assert (shown.body["given_name"], shown.body["role"], shown.body["status"]) == ("Jörg", "trainer", "invited")
    other = open_invitation(directory, cluster)
    for wrong in ("x", secret_of(other), secret_of(made)[:-1]):
        assert directory.call("POST", path, None, {"secret": wrong}).status == 404
        assert accept(directory, made, secret=wrong).status == 404


def test_a_withdrawn_invitation_opens_nothing(directory: Directory, cluster: str) -> None:
    made = open_invitation(directory, cluster)
    withdrawn = directory.call("POST", f"/v1/invitations/{made['id']}/withdraw", directory.manager(cluster))

    assert (withdrawn.body["status"], withdrawn.body["link"]) == ("withdrawn", None)
    assert accept(directory, made).status == 409


def test_an_expired_one_opens_nothing_and_is_in_nobodys_way(directory: Directory, cluster: str) -> None:
    made = open_invitation(directory, cluster)
    past = {"$set": {"expires_at": utc_now() - timedelta(seconds=1)}}
    directory.database["invitations"].update_one({"_id": made["id"]}, past)
    manager = directory.manager(cluster)
    again = {"person_id": made["person_id"], "role": "worker"}

    assert accept(directory, made).status == 409
    assert [i["id"] for i in directory.call("GET", "/v1/invitations?status=expired", manager).body["items"]] == [
        made["id"]
    ]
    assert directory.call("POST", "/v1/invitations", manager, again).status == 201
    assert directory.call("GET", f"/v1/invitations/{made['id']}", manager).body["link"] is None


def test_nobody_is_invited_twice_to_one_role(directory: Directory, cluster: str) -> None:
    made = open_invitation(directory, cluster)
    again = {"person_id": made["person_id"], "role": "worker"}
    answer = directory.call("POST", "/v1/invitations", directory.manager(cluster), again)

    assert (answer.status, answer.body["code"]) == (409, "DUPLICATE_INVITATION")
    assert (
        directory.call("POST", "/v1/invitations", directory.manager(cluster), {**again, "role": "reviewer"}).status
        == 201
    )


def test_what_an_invitation_lacks_is_said(directory: Directory, cluster: str) -> None:
    manager = directory.manager(cluster)
    nameless = directory.call("POST", "/v1/invitations", manager, {"role": "worker"})
    without_mail = {"person_id": directory.person(cluster), "role": "hr"}

    assert {field for field, _ in nameless.codes} == {"given_name", "family_name", "email"}
    assert directory.call("POST", "/v1/invitations", manager, without_mail).codes == [
        ("email", "REQUIRED"),
        ("organisation_ids", "REQUIRED"),
    ]


def test_a_short_password_is_refused_and_not_repeated_in_the_answer(directory: Directory, cluster: str) -> None:
    answer = accept(directory, open_invitation(directory, cluster), "zu-kurz")

    assert (answer.status, answer.codes) == (422, [("password", "TOO_SHORT")])
    assert "zu-kurz" not in str(answer.body)


def test_the_link_is_told_again_to_the_same_request_and_kept_nowhere(directory: Directory, cluster: str) -> None:
    body, key = somebody(), str(uuid.uuid4())
    first, second = (
        directory.call("POST", "/v1/invitations", directory.manager(cluster), body, Idempotency_Key=key)
        for _ in range(2)
    )
    stored = str([list(directory.database[name].find()) for name in directory.database.list_collection_names()])

    assert first.body["link"] == second.body["link"]
    assert secret_of(first.body) not in stored


def test_whoever_is_erased_signs_in_no_more(signed_in: SignedIn) -> None:
    made, body = invite(signed_in)
    accept(signed_in.directory, made)
    worker = bearer(signed_in.sign_in_person(body["email"], PASSWORD))
    erased = signed_in.directory.call("POST", "/v1/me/erase", worker)

    assert erased.status == 200
    assert signed_in.sign_in_person(body["email"], PASSWORD).status_code == 401


def test_a_list_of_invitations_names_people_and_organisations_when_asked_to(signed_in: SignedIn) -> None:
    made, body = invite(signed_in, role="hr", organisation_ids=[COMPANY])
    path, manager = f"/v1/invitations?person={made['person_id']}", signed_in.who("manager")
    plain = signed_in.directory.call("GET", path, manager).body["items"][0]
    named = signed_in.directory.call("GET", f"{path}&include=people", manager).body["items"][0]

    assert "email" not in plain
    assert (named["family_name"], named["email"], named["organisation_names"]) == ("Neu", body["email"], ["sme"])


def test_who_is_taken_the_only_role_signs_in_no_more_and_the_answer_says_how_long_tokens_are_good(
    signed_in: SignedIn,
) -> None:
    made, body = invite(signed_in, role="reviewer")
    path, manager = f"/v1/invitations/{made['id']}/end", signed_in.who("manager")
    early = signed_in.directory.call("POST", path, manager)
    accept(signed_in.directory, made)
    assert signed_in.sign_in_person(body["email"], PASSWORD).status_code == 200
    ended = signed_in.directory.call("POST", path, manager)

    assert (early.status, early.body["code"]) == (409, "ILLEGAL_TRANSITION")
    assert (ended.status, ended.body["status"]) == (200, "ended")
    assert ended.body["ended_at"] < ended.body["tokens_end_at"]
    assert signed_in.sign_in_person(body["email"], PASSWORD).status_code == 401
    assert signed_in.directory.call("POST", path, manager).status == 409


def test_who_has_another_role_keeps_it(signed_in: SignedIn) -> None:
    made, body = invite(signed_in, role="reviewer")
    other = signed_in.directory.made(
        "/v1/invitations", signed_in.who("manager"), {"person_id": made["person_id"], "role": "manager"}
    )
    for one in (made, other):
        assert accept(signed_in.directory, one).status == 200
    assert {"reviewer", "manager"} <= set(claims(signed_in.sign_in_person(body["email"], PASSWORD))["roles"])
    signed_in.directory.call("POST", f"/v1/invitations/{other['id']}/end", signed_in.who("manager"))
    roles = set(claims(signed_in.sign_in_person(body["email"], PASSWORD))["roles"])

    assert "reviewer" in roles
    assert "manager" not in roles


def test_nobody_ends_a_role_who_could_not_give_it(signed_in: SignedIn) -> None:
    made, _ = invite(signed_in, role="manager")
    accept(signed_in.directory, made)

    assert signed_in.directory.call("POST", f"/v1/invitations/{made['id']}/end", signed_in.who("hr")).status == 404


def test_a_list_tells_the_links_of_invitations_only_to_whoever_could_make_them(
    directory: Directory, cluster: str
) -> None:
    ours, other = directory.company(cluster), directory.company(cluster)
    manager = directory.manager(cluster)

    def made(role: str, *organisation_ids: str) -> str:
        body = somebody(role=role, organisation_ids=list(organisation_ids))
        return str(directory.made("/v1/invitations", manager, body)["id"])

    worker, hr = made("worker", ours), made("hr", ours)
    both, boss = made("hr", ours, other), made("manager")

    def seen(who: dict[str, str]) -> set[str]:
        return {one["id"] for one in directory.call("GET", "/v1/invitations?limit=500", who).body["items"]}

    scopes = ("directory:read", "directory:write")
    key = directory.token(*scopes, cluster_id=cluster, person_id=None, organisation_ids=[ours], client_id="hr-system")
    assert seen(key) & {worker, hr, both, boss} == {worker}
    assert seen(directory.portal(cluster)) & {worker, hr, both, boss} == {worker}
    assert seen(directory.hr(cluster, ours)) & {worker, hr, both, boss} == {worker, hr}
    assert seen(manager) >= {worker, hr, both, boss}


def test_a_role_that_another_invitation_gives_as_well_outlives_the_end_of_one(signed_in: SignedIn) -> None:
    made, body = invite(signed_in, role="hr", organisation_ids=[COMPANY])
    assert accept(signed_in.directory, made).status == 200
    again = signed_in.directory.made(
        "/v1/invitations",
        signed_in.who("manager"),
        {"person_id": made["person_id"], "role": "hr", "organisation_ids": [COMPANY]},
    )
    assert accept(signed_in.directory, again).status == 200

    ended = signed_in.directory.call("POST", f"/v1/invitations/{made['id']}/end", signed_in.who("manager"))
    assert ended.status == 200
    assert signed_in.sign_in_person(body["email"], PASSWORD).status_code == 200


def test_a_login_gets_no_role_for_other_organisations_than_it_acts_for(signed_in: SignedIn) -> None:
    made, _ = invite(signed_in, role="worker", organisation_ids=[COMPANY])
    assert accept(signed_in.directory, made).status == 200
    elsewhere = signed_in.directory.made(
        "/v1/organisations", signed_in.who("manager"), {"type": "sme", "legal_name": "Anderswo GmbH", "country": "DE"}
    )["id"]
    second = signed_in.directory.made(
        "/v1/invitations",
        signed_in.who("manager"),
        {"person_id": made["person_id"], "role": "hr", "organisation_ids": [elsewhere]},
    )

    answer = accept(signed_in.directory, second)
    assert (answer.status, answer.body["code"]) == (409, "LOGIN_EXISTS")
