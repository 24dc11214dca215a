"""Keys of programs, made at the real Keycloak: they work at once, and not after their end."""

import uuid
from typing import Any

import pytest

from deploy.identity.people import SCOPES
from services.directory_service.domain.program import KINDS
from services.directory_service.timers import Strays
from tests.directory_service.signed_in import ACADEMY, CLUSTER, COMPANY, SignedIn, bearer, claims


def test_a_new_key_calls_the_api_at_once_for_its_cluster(signed_in: SignedIn) -> None:
    made = signed_in.make_key()
    token = signed_in.sign_in(made)
    listed = signed_in.directory.call("GET", "/v1/people", bearer(token))

    assert listed.status == 200
    assert (claims(token)["cluster_id"], made["cluster_id"]) == (CLUSTER, CLUSTER)
    assert made["token_url"] == signed_in.stack.facts["oidc"]["token_url"]


def test_the_secret_is_shown_once_and_kept_nowhere_here(signed_in: SignedIn) -> None:
    made = signed_in.make_key()
    manager, database = signed_in.who("manager"), signed_in.directory.database
    listed = signed_in.directory.call("GET", "/v1/clients", manager).body["items"]
    shown = [signed_in.directory.call("GET", f"/v1/clients/{made['id']}", manager).body, *listed]

    assert all("secret" not in item for item in shown)
    stored = [str(list(database[name].find())) for name in database.list_collection_names()]
    assert not [text for text in stored if made["secret"] in text]


def test_the_same_request_sent_again_makes_one_key_and_tells_the_secret_again(signed_in: SignedIn) -> None:
    body, key = {"name": "Twice", "kind": "portal"}, str(uuid.uuid4())
    answers = [
        signed_in.directory.call("POST", "/v1/clients", signed_in.who("manager"), body, Idempotency_Key=key)
        for _ in range(2)
    ]
    signed_in.made.append(answers[0].body["id"])

    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].body == answers[1].body
    assert answers[0].body["secret"]


def test_an_ended_key_gets_no_token_and_the_answer_says_how_long_old_ones_are_good(signed_in: SignedIn) -> None:
    made = signed_in.make_key()
    assert signed_in.sign_in(made).status_code == 200
    ended = signed_in.directory.call("POST", f"/v1/clients/{made['id']}/end", signed_in.who("manager"))

    assert (ended.status, ended.body["status"]) == (200, "ended")
    assert ended.body["ended_at"] < ended.body["tokens_end_at"]
    assert signed_in.sign_in(made).status_code == 401
    again = signed_in.directory.call("POST", f"/v1/clients/{made['id']}/end", signed_in.who("manager"))
    assert (again.status, again.body["code"]) == (409, "ILLEGAL_TRANSITION")


def test_a_rotated_key_has_another_secret_and_the_old_one_gets_no_token(signed_in: SignedIn) -> None:
    made = signed_in.make_key()
    rotated = signed_in.directory.call("POST", f"/v1/clients/{made['id']}/rotate", signed_in.who("manager"))

    assert rotated.body["secret"] not in {made["secret"], None}
    assert signed_in.sign_in(made).status_code == 401
    assert signed_in.sign_in(made, rotated.body["secret"]).status_code == 200


def test_it_is_told_when_a_key_was_used(signed_in: SignedIn) -> None:
    made = signed_in.make_key()
    path, manager = f"/v1/clients/{made['id']}", signed_in.who("manager")
    before = signed_in.directory.call("GET", path, manager).body["last_used_at"]
    signed_in.sign_in(made)

    assert before is None
    assert signed_in.directory.call("GET", path, manager).body["last_used_at"] >= made["created_at"][:19]


def test_a_list_of_keys_tells_when_each_was_used_if_asked_to(signed_in: SignedIn) -> None:
    used, unused, over = (signed_in.make_key() for _ in range(3))
    signed_in.sign_in(used)
    manager = signed_in.who("manager")
    signed_in.directory.call("POST", f"/v1/clients/{over['id']}/end", manager)
    plain = signed_in.directory.call("GET", "/v1/clients", manager).body["items"]
    answer = signed_in.directory.call("GET", "/v1/clients?include=last_used&limit=50", manager)
    told = {item["id"]: item["last_used_at"] for item in answer.body["items"]}

    assert all("last_used_at" not in item for item in plain)
    assert told[used["id"]] >= used["created_at"][:19]
    assert (told[unused["id"]], told[over["id"]]) == (None, None)
    many = signed_in.directory.call("GET", "/v1/clients?include=last_used&limit=51", manager)
    assert (many.status, many.codes) == (422, [("limit", "OUT_OF_RANGE")])


def test_a_providers_key_names_the_provider_and_no_other_cluster_scope(signed_in: SignedIn) -> None:
    made = signed_in.make_key(kind="provider", organisation_ids=[ACADEMY])
    said = claims(signed_in.sign_in(made))

    assert said["organisation_ids"] == [ACADEMY]
    assert set(said["scope"].split()) == {"catalog:write", "teaching:write"}
    assert signed_in.directory.call("GET", "/v1/people", bearer(signed_in.sign_in(made))).status == 403


def test_a_key_may_be_given_less_than_its_kind_allows(signed_in: SignedIn) -> None:
    made = signed_in.make_key(scopes=["directory:read"])

    assert claims(signed_in.sign_in(made))["scope"] == "directory:read"


@pytest.mark.parametrize(
    ("wish", "codes"),
    [
        ({"kind": "portal", "scopes": ["operations"]}, [("scopes", "SCOPE_NOT_ALLOWED")]),
        ({"kind": "provider"}, [("organisation_ids", "REQUIRED")]),
        ({"kind": "provider", "organisation_ids": ["elsewhere"]}, [("organisation_ids", "NOT_CLUSTER_MEMBER")]),
        ({"kind": "portal", "organisation_ids": [ACADEMY]}, [("organisation_ids", "NOT_FOR_THIS_KIND")]),
        ({"kind": "portal", "cluster_id": "another"}, [("cluster_id", "NOT_YOURS")]),
    ],
)
def test_what_a_key_may_not_be_is_refused_before_anything_is_made(
    signed_in: SignedIn, wish: dict[str, Any], codes: list[tuple[str, str]]
) -> None:
    before = len(signed_in.identity.programs())
    answer = signed_in.directory.call("POST", "/v1/clients", signed_in.who("manager"), {"name": "Test", **wish})

    assert (answer.status, answer.codes) == (422, codes)
    assert len(signed_in.identity.programs()) == before


def test_hr_makes_keys_for_the_own_provider_only_and_sees_no_others(signed_in: SignedIn) -> None:
    clusters = signed_in.make_key()
    hr = signed_in.who("hr")
    own = {"name": "Ours", "kind": "provider", "organisation_ids": [COMPANY]}
    made = signed_in.directory.call("POST", "/v1/clients", hr, own)
    signed_in.made.append(made.body["id"])

    assert made.status == 201
    assert signed_in.directory.call("POST", "/v1/clients", hr, {**own, "organisation_ids": [ACADEMY]}).status == 422
    assert signed_in.directory.call("POST", "/v1/clients", hr, {"name": "All", "kind": "portal"}).status == 422
    assert signed_in.directory.call("GET", f"/v1/clients/{clusters['id']}", hr).status == 404
    assert {item["id"] for item in signed_in.directory.call("GET", "/v1/clients", hr).body["items"]} == {
        made.body["id"]
    }


def test_a_key_makes_sees_and_ends_no_keys(signed_in: SignedIn) -> None:
    made = signed_in.make_key()
    program = bearer(signed_in.sign_in(made))

    assert signed_in.directory.call("POST", "/v1/clients", program, {"name": "More", "kind": "portal"}).status == 422
    assert signed_in.directory.call("GET", "/v1/clients", program).body["items"] == []
    assert signed_in.directory.call("POST", f"/v1/clients/{made['id']}/end", program).status == 404


def test_a_client_that_no_key_stands_for_is_removed_once_it_was_seen_twice(signed_in: SignedIn) -> None:
    kept, stray = signed_in.make_key(), signed_in.make_key()
    known = {*signed_in.identity.programs()} - {stray["id"]}
    strays = Strays(signed_in.identity, lambda: known)

    assert strays.sweep() == 0
    assert signed_in.sign_in(stray).status_code == 200
    assert strays.sweep() == 1
    assert (signed_in.sign_in(stray).status_code, signed_in.sign_in(kept).status_code) == (401, 200)


@pytest.mark.parametrize("kind", KINDS)
def test_the_realm_gives_each_kind_of_key_what_it_is_said_to_have(kind: str) -> None:
    for scope in KINDS[kind].scopes:
        assert KINDS[kind].role in SCOPES[scope]


def test_only_keys_that_were_made_here_can_be_strays_and_no_client_of_the_platform(signed_in: SignedIn) -> None:
    made = signed_in.make_key()
    everybody = signed_in.identity._call("GET", "/clients", params={"max": 500}).json()
    names = {client["id"]: client["clientId"] for client in everybody}
    swept = {names[program_id] for program_id in signed_in.identity.programs()}

    assert made["client_id"] in swept
    assert {"portal", "identity-directory", "realm-management"} <= set(names.values())
    assert [name for name in swept if not name.startswith("key-")] == []
