"""What was seen before: versions of a resource, and places in a list."""

from typing import Any

from tests.shared.http.tiny import THING, codes
from tests.tokens import TestIssuer


def test_a_patch_needs_the_version_that_was_seen(client: Any, writer: dict[str, str]) -> None:
    client.post("/v1/things", json=THING, headers=writer)

    def patch(**headers: str) -> tuple[int, str | None]:
        answer = client.patch("/v1/things/t1", json={"note": "x"}, headers={**writer, **headers})
        return answer.status_code, answer.json.get("code")

    assert patch() == (428, "PRECONDITION_REQUIRED")
    assert patch(**{"If-Match": "*"}) == (428, "PRECONDITION_REQUIRED")
    assert patch(**{"If-Match": '"2"'}) == (412, "STALE_VERSION")
    assert patch(**{"If-Match": 'W/"1"'}) == (412, "STALE_VERSION")
    assert patch(**{"If-Match": '"abc"'}) == (412, "STALE_VERSION")
    for malformed in ("1", '"1', '"1", "2"', "", '"' + "1" * 10, "\x7f", "W/1"):
        assert patch(**{"If-Match": malformed}) == (400, "MALFORMED_IF_MATCH"), malformed
    assert patch(**{"If-Match": '"1-gzip"'}) == (200, None)  # as a gateway marks the ETag of what it compressed
    assert patch(**{"If-Match": '"1"'}) == (412, "STALE_VERSION")


def test_a_put_by_external_id_makes_and_then_needs_the_version(client: Any, writer: dict[str, str]) -> None:
    path = "/v1/things/by-external-id/A-7"
    assert client.put(path, json=THING, headers=writer).headers["ETag"] == '"1"'
    assert client.put(path, json=THING, headers=writer).status_code == 428
    assert client.put(path, json=THING, headers={**writer, "If-Match": '"1"'}).headers["ETag"] == '"2"'


def test_an_action_needs_no_body_and_a_second_one_conflicts(client: Any, writer: dict[str, str]) -> None:
    client.post("/v1/things", json=THING, headers=writer)

    assert client.post("/v1/things/t1/open", headers=writer).status_code == 200
    assert client.post("/v1/things/t1/open", json={}, headers=writer).status_code == 409
    assert client.post("/v1/things/t1/open", json={"reason": 1}, headers=writer).status_code == 422


def test_an_unchanged_version_is_304(client: Any, writer: dict[str, str]) -> None:
    client.post("/v1/things", json=THING, headers=writer)

    answer = client.get("/v1/things/t1", headers={"If-None-Match": '"9", W/"1"'})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", '"1"')
    assert client.get("/v1/things/t1", headers={"If-None-Match": '"2"'}).status_code == 200


def test_pages_follow_each_other_by_cursor(client: Any, writer: dict[str, str]) -> None:
    for number in range(5):
        client.post("/v1/things", json={"title": f"Thing {number}"}, headers=writer)

    seen: list[str] = []
    path = "/v1/things?limit=2&kind=plain"
    cursor = ""
    while cursor is not None:
        page = client.get(path + (f"&cursor={cursor}" if cursor else "")).json
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]

    assert seen == ["t1", "t2", "t3", "t4", "t5"]


def test_a_cursor_is_of_no_use_to_another_caller_or_for_another_employer(
    client: Any, writer: dict[str, str], issuer: TestIssuer
) -> None:
    for number in range(3):
        client.post("/v1/things", json={"title": str(number)}, headers=writer)
    mine = issuer.authorization(subject="me", organisation_ids=["a", "b"])
    cursor = client.get("/v1/things?limit=1", headers=mine).json["next"]
    others = [
        issuer.authorization(subject="somebody else", organisation_ids=["a", "b"]),
        {**mine, "Acting-Organisation": "a"},
        {},
    ]

    assert client.get(f"/v1/things?limit=1&cursor={cursor}", headers=mine).status_code == 200
    for headers in others:
        assert codes(client.get(f"/v1/things?limit=1&cursor={cursor}", headers=headers)) == {"cursor": "BAD_CURSOR"}


def test_a_cursor_is_of_no_use_with_other_filters_but_with_another_limit(client: Any, writer: dict[str, str]) -> None:
    for number in range(3):
        client.post("/v1/things", json={"title": f"Thing {number}"}, headers=writer)
    cursor = client.get("/v1/things?limit=1&kind=plain").json["next"]

    assert client.get(f"/v1/things?limit=2&kind=plain&cursor={cursor}").status_code == 200
    assert codes(client.get(f"/v1/things?limit=1&cursor={cursor}")) == {"cursor": "BAD_CURSOR"}
    assert codes(client.get(f"/v1/things?limit=1&kind=plain&cursor={cursor[:-2]}AA")) == {"cursor": "BAD_CURSOR"}
