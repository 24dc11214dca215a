"""Who asks, how often, again, from where: tokens, keys, rates, origins; and health, which anybody may ask for."""

from typing import Any

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from shared.health import Check
from tests.shared.http import tiny
from tests.shared.http.tiny import THING
from tests.tokens import TestIssuer


def test_health_tells_what_is_missing(environment: dict[str, str]) -> None:
    checks = [Check("database", ok=False, detail="no primary"), Check("mail", ok=False, required=False)]
    client: Any = tiny.build_app(environment, ready=lambda: checks).test_client()

    assert client.get("/health/live").json == {"status": "live"}
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json["checks"][0] == {"name": "database", "ok": False, "required": True, "detail": "no primary"}
    well: Any = tiny.build_app(environment).test_client()
    assert well.get("/health/ready").json["status"] == "ready"


def test_health_that_cannot_be_told_is_503_as_well(environment: dict[str, str]) -> None:
    def ready() -> list[Check]:
        raise ServerSelectionTimeoutError("no primary")

    assert tiny.build_app(environment, ready=ready).test_client().get("/health/ready").status_code == 503


# --- who may


def test_without_a_token_it_is_401_with_a_challenge(client: Any) -> None:
    answer = client.post("/v1/things", json=THING)

    assert (answer.status_code, answer.json["code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="clusterskills"'


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b c", "Bearer a.b.c", "Bearer \xfc"]
)
def test_a_bad_authorization_header_is_401_even_where_none_is_needed(client: Any, value: str) -> None:
    answer = client.get("/v1/things", headers={"Authorization": value})

    assert (answer.status_code, answer.json["code"]) == (401, "INVALID_TOKEN")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_without_the_scope_is_403_and_says_which(client: Any, issuer: TestIssuer) -> None:
    answer = client.post("/v1/things", json=THING, headers=issuer.authorization(scopes=["catalog:review"]))

    assert (answer.status_code, answer.json["code"]) == (403, "INSUFFICIENT_SCOPE")
    assert answer.json["violations"][0]["required"] == ["catalog:write"]


def test_one_of_several_scopes_is_enough(client: Any, issuer: TestIssuer) -> None:
    headers = {**issuer.authorization(scopes=["operations"]), "If-Match": '"1"'}

    assert client.patch("/v1/things/t9", json={}, headers=headers).status_code == 404


def test_the_acting_organisation_must_be_in_the_token(client: Any, issuer: TestIssuer) -> None:
    headers = issuer.authorization(scopes=["catalog:write"], organisation_ids=["o1", "o2"])

    assert client.post("/v1/things", json=THING, headers=headers).json["acting"] is None
    picked = client.post("/v1/things", json=THING, headers={**headers, "Acting-Organisation": "o2"})
    assert picked.json["acting"] == "o2"
    refused = client.post("/v1/things", json=THING, headers={**headers, "Acting-Organisation": "o3"})
    assert (refused.status_code, refused.json["code"]) == (403, "ORGANISATION_NOT_YOURS")
    only = issuer.authorization(scopes=["catalog:write"], organisation_ids=["o1"])
    assert client.post("/v1/things", json=THING, headers=only).json["acting"] == "o1"


# --- once


def test_a_repeated_key_gets_the_kept_answer(client: Any, writer: dict[str, str]) -> None:
    headers = {**writer, "Idempotency-Key": "0198-abc"}
    first = client.post("/v1/things", json=THING, headers=headers)
    again = client.post("/v1/things", json=THING, headers=headers)

    assert (again.status_code, again.data, again.headers["ETag"]) == (201, first.data, '"1"')
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


def test_a_key_used_for_another_request_is_422(client: Any, writer: dict[str, str]) -> None:
    headers = {**writer, "Idempotency-Key": "k"}
    client.post("/v1/things", json=THING, headers=headers)

    answer = client.post("/v1/things", json={**THING, "seats": 13}, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_keys_of_two_clients_and_two_people_are_apart(client: Any, issuer: TestIssuer) -> None:
    callers = [("a", "p1"), ("a", "p2"), ("b", "p1")]
    ids = [
        client.post(
            "/v1/things",
            json=THING,
            headers={
                **issuer.authorization(scopes=["catalog:write"], client_id=client_id, subject=subject),
                "Idempotency-Key": "k",
            },
        ).json["id"]
        for client_id, subject in callers
    ]

    assert ids == ["t1", "t2", "t3"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ü", "a\tb"])
def test_a_malformed_key_is_400(client: Any, writer: dict[str, str], key: str) -> None:
    answer = client.post("/v1/things", json=THING, headers={**writer, "Idempotency-Key": key})

    assert (answer.status_code, answer.json["code"]) == (400, "MALFORMED_IDEMPOTENCY_KEY")


# --- how much


def test_who_asks_too_often_waits_and_the_others_do_not(environment: dict[str, str], issuer: TestIssuer) -> None:
    limits = {"CLUSTERSKILLS_REQUESTS_PER_SECOND": "3", "CLUSTERSKILLS_ANONYMOUS_REQUESTS_PER_SECOND": "2"}
    client: Any = tiny.build_app({**environment, **limits}).test_client()
    busy, calm = issuer.authorization(client_id="busy"), issuer.authorization(client_id="calm")

    statuses = [client.get("/v1/things", headers=busy).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    answer = client.get("/v1/things", headers=busy)
    assert answer.json["code"] == "RATE_LIMITED"
    assert (answer.headers["Retry-After"], answer.headers["RateLimit-Remaining"]) == ("1", "0")
    assert client.get("/v1/things", headers=calm).headers["RateLimit-Remaining"] == "2"


def test_strangers_are_told_apart_by_the_address_that_the_gateway_saw(environment: dict[str, str]) -> None:
    client: Any = tiny.build_app({**environment, "CLUSTERSKILLS_ANONYMOUS_REQUESTS_PER_SECOND": "2"}).test_client()

    def ask(forwarded: str) -> int:
        answer = client.get("/v1/things", headers={"X-Forwarded-For": forwarded})
        return int(answer.status_code)

    assert [ask("198.51.100.7") for _ in range(3)] == [200, 200, 429]
    assert ask("1.2.3.4, 198.51.100.7") == 429, "what the client wrote itself does not count"
    assert ask("198.51.100.8") == 200


def test_bad_tokens_use_up_the_strangers_allowance(environment: dict[str, str]) -> None:
    client: Any = tiny.build_app({**environment, "CLUSTERSKILLS_ANONYMOUS_REQUESTS_PER_SECOND": "2"}).test_client()
    headers = {"Authorization": "Bearer a.b.c"}

    assert [client.get("/v1/things", headers=headers).status_code for _ in range(3)] == [401, 401, 429]


# --- from where


def test_a_preflight_of_an_allowed_origin_is_answered(client: Any) -> None:
    headers = {"Origin": "https://portal.example", "Access-Control-Request-Method": "PATCH"}
    answer = client.options("/v1/things/t1", headers=headers)

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://portal.example"
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    foreign = client.options("/v1/things/t1", headers={**headers, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in foreign.headers


def test_an_answer_is_readable_only_for_the_origins_of_the_callers_cluster(client: Any, issuer: TestIssuer) -> None:
    origin = {"Origin": "https://portal.example"}
    own = client.get("/v1/things", headers={**issuer.authorization(cluster_id="cluster-1"), **origin})
    other = client.get("/v1/things", headers={**issuer.authorization(cluster_id="cluster-2"), **origin})

    assert own.headers["Access-Control-Allow-Origin"] == "https://portal.example"
    assert "ETag" in own.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in other.headers
    assert own.headers["Vary"] == other.headers["Vary"] == "Origin"


def test_options_tells_the_methods(client: Any) -> None:
    answer = client.options("/v1/things")

    assert (answer.status_code, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert client.options("/nothing").status_code == 404
