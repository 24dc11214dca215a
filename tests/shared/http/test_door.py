"""What the door does with good and bad requests."""

import io
from typing import Any

import pytest

from tests.shared.http.tiny import THING, codes


def test_a_good_request_is_answered_with_etag_and_location(client: Any, writer: dict[str, str]) -> None:
    answer = client.post("/v1/things", json=THING, headers=writer)

    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == "/v1/things/t1"
    assert answer.json == {
        "id": "t1", "version": 1, "title": "Battery safety", "kind": "plain", "seats": 12, "acting": None
    }  # fmt: skip


def test_all_violations_come_at_once_with_their_paths(client: Any, writer: dict[str, str]) -> None:
    body = {
        "titel": "x",
        "kind": "strange",
        "seats": 10_001,
        "price": "12",
        "active": "yes",
        "code": "abc",
        "starts_at": "2026-01-01T00:00:00",
        "labels": {"a": 1.5},
        "outcomes": [{"title": "fine"}, {"title": "x" * 81, "level": "2", "extra": 1}],
    }
    answer = client.post("/v1/things?colour=red", json=body, headers=writer)

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert codes(answer) == {
        "title": "REQUIRED",
        "titel": "UNKNOWN_FIELD",
        "kind": "NOT_ONE_OF",
        "seats": "OUT_OF_RANGE",
        "price": "INVALID_TYPE",
        "active": "INVALID_TYPE",
        "code": "PATTERN",
        "starts_at": "INVALID_TYPE",
        "labels.a.value": "INVALID_TYPE",
        "outcomes.1.title": "TOO_LONG",
        "outcomes.1.level": "INVALID_TYPE",
        "outcomes.1.extra": "UNKNOWN_FIELD",
        "colour": "UNKNOWN_FIELD",
    }
    by_field = {violation["field"]: violation for violation in answer.json["violations"]}
    assert by_field["seats"]["actual"] == 10_001
    assert by_field["seats"]["required"] == {"min": 0, "max": 10_000}
    assert by_field["kind"]["required"] == ["plain", "odd"]
    assert by_field["outcomes.1.level"]["required"] == "integer"


def test_a_problem_says_type_title_status_detail_code_and_trace_id(client: Any) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    answer = client.get("/v1/things/nothing", headers={"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"})

    assert answer.json == {
        "type": "urn:clusterskills:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "No thing nothing.",
        "code": "NOT_FOUND",
        "trace_id": trace_id,
    }
    assert answer.headers["Trace-Id"] == trace_id


@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (b'{\n "title": }', "MALFORMED_JSON", "line 2, column 11"),
        (b"", "MALFORMED_JSON", "line 1"),
        (b'{"title": NaN}', "MALFORMED_JSON", "line 1"),
        (b'{"seats": 1e999}', "MALFORMED_JSON", "line 1"),
        (b'{"title": "\\ud800"}', "MALFORMED_JSON", "line 1"),
        (b'{"title": "\xff\xfe"}', "MALFORMED_JSON", "line 1"),
        (b"[" * 100_000, "MALFORMED_JSON", "line 1"),
        (b"\xef\xbb\xbf{}", "MALFORMED_JSON", "line 1"),
    ],
)
def test_what_is_not_json_is_400_and_says_where(
    client: Any, writer: dict[str, str], body: bytes, code: str, detail: str
) -> None:
    answer = client.post("/v1/things", data=body, content_type="application/json", headers=writer)

    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert detail in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (b'{"title": "a\\u0000b"}', "title", "CONTROL_CHARACTER"),
        (b'{"title": "a\\u001bb"}', "title", "CONTROL_CHARACTER"),
        (b'{"title": "a", "seats": 9007199254740993}', "seats", "NUMBER_TOO_LARGE"),
        (b'{"title": "a", "seats": 99999999999999999999999999}', "seats", "OUT_OF_RANGE"),
        (b'{"title": "a", "title": "b"}', "title", "DUPLICATE_KEY"),
        (b'{"title": "a:b", "ti\\u003atle": "b", "x": "a\\u003a"}', "ti:tle", "UNKNOWN_FIELD"),
        (b'{"title": "' + b"a" * 70_000 + b'"}', "title", "TOO_LONG"),
        (b'{"title": "a", "outcomes": [' + b"0," * 10_000 + b"0]}", "outcomes", "TOO_LONG"),
        (b'{"title": "a", "x":' + b"[" * 30 + b"]" * 30 + b"}", "x" + ".0" * 19, "TOO_DEEP"),
        (b'{"title": "a", "b\\u0000": 1}', "b?", "BAD_FIELD_NAME"),
        (b'"text"', "", "INVALID_TYPE"),
        (b"null", "", "INVALID_TYPE"),
        (b"[]", "", "INVALID_TYPE"),
        (b'{"title": null}', "title", "NULL"),
        (b'{"title": ["a"]}', "title", "INVALID_TYPE"),
        (b'{"title": "a", "outcomes": {}}', "outcomes", "INVALID_TYPE"),
        (b'{"title": "a", "outcomes": ["x"]}', "outcomes.0", "INVALID_TYPE"),
        (b'{"title": "a", "starts_at": "9999999-99"}', "starts_at", "INVALID_TYPE"),
        (b'{"title": "a", "seats": true}', "seats", "INVALID_TYPE"),
    ],
)
def test_what_breaks_a_limit_is_422_and_named(
    client: Any, writer: dict[str, str], body: bytes, field: str, code: str
) -> None:
    answer = client.post("/v1/things", data=body, content_type="application/json", headers=writer)

    assert answer.status_code == 422
    assert codes(answer).get(field) == code


def test_a_list_longer_than_the_routes_own_limit_is_refused(client: Any, writer: dict[str, str]) -> None:
    assert client.put("/v1/attendance", json=[{"note": "here"}] * 3, headers=writer).json == {"count": 3}

    answer = client.put("/v1/attendance", json=[{"note": "here"}] * 4, headers=writer)
    assert codes(answer) == {"": "TOO_LONG"}
    wrong = client.put("/v1/attendance", json=[{"note": "here"}, {"nota": 1}], headers=writer)
    assert codes(wrong) == {"1.nota": "UNKNOWN_FIELD"}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/xml",
        "application/json; charset=latin-1",
        "application/x-www-form-urlencoded",
        "%",
    ],
)
def test_a_body_in_another_form_is_415(client: Any, writer: dict[str, str], content_type: str) -> None:
    answer = client.post("/v1/things", data=b'{"title": "a"}', headers={**writer, "Content-Type": content_type})

    assert (answer.status_code, answer.json["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_compressed_body_is_415(client: Any, writer: dict[str, str]) -> None:
    answer = client.post("/v1/things", json=THING, headers={**writer, "Content-Encoding": "gzip"})

    assert answer.status_code == 415


def test_a_body_beyond_the_limit_is_413(client: Any, writer: dict[str, str]) -> None:
    answer = client.post("/v1/things", data=b" " * (1024 * 1024 + 1), content_type="application/json", headers=writer)

    assert (answer.status_code, answer.json["code"]) == (413, "TOO_LARGE")


def test_a_wrong_method_is_405_with_allow(client: Any) -> None:
    answer = client.delete("/v1/things")

    assert (answer.status_code, answer.json["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert client.open("/v1/things", method="BREW").status_code == 405


def test_a_path_with_a_name_of_its_own_has_no_methods_of_a_pattern(client: Any, writer: dict[str, str]) -> None:
    refused = client.get("/v1/things/names", headers=writer)

    assert (refused.status_code, refused.json["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert refused.headers["Allow"] == "OPTIONS, POST"
    assert client.patch("/v1/things/names", headers=writer).status_code == 405
    assert client.options("/v1/things/names").headers["Allow"] == "OPTIONS, POST"
    assert client.post("/v1/things/names", headers=writer).json == {"names": []}


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/v1/things/", "/v1//things", "/v1/things/a%00b", "/v1/things/%ff%fe", "/v1/things/" + "x" * 300, "/"],
)
def test_an_address_that_names_nothing_is_404(client: Any, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("kind=strange", "kind", "NOT_ONE_OF"),
        ("knd=odd", "knd", "UNKNOWN_FIELD"),
        ("kind=odd&kind=plain", "kind", "REPEATED_PARAMETER"),
        ("limit=0", "limit", "OUT_OF_RANGE"),
        ("limit=501", "limit", "OUT_OF_RANGE"),
        ("limit=" + "9" * 5000, "limit", "INVALID_TYPE"),
        ("limit=ten", "limit", "INVALID_TYPE"),
        ("limit=1_0", "limit", "INVALID_TYPE"),
        ("limit=%2B5", "limit", "INVALID_TYPE"),
        ("limit=%D9%A3", "limit", "INVALID_TYPE"),
        ("since=0001-01-01T00:00:00%2B23:59", "since", "OUT_OF_RANGE"),
        ("since=9999-12-31T23:59:59-23:59", "since", "OUT_OF_RANGE"),
        ("free=perhaps", "free", "INVALID_TYPE"),
        ("skill=%00", "skill", "CONTROL_CHARACTER"),
        ("skill=%ff", "", "NOT_UTF8"),
        ("skill=a&skill=" + "b" * 41, "skill.1", "TOO_LONG"),
        ("cursor=nonsense", "cursor", "BAD_CURSOR"),
        ("cursor=%20%20", "cursor", "BAD_CURSOR"),
        ("cursor=", "cursor", "TOO_SHORT"),
        ("&".join(["skill=a"] * 300), "", "TOO_LONG"),
    ],
)
def test_a_bad_query_is_422_and_named(client: Any, query: str, field: str, code: str) -> None:
    answer = client.get(f"/v1/things?{query}")

    assert answer.status_code == 422
    assert codes(answer)[field] == code


def test_an_absurdly_long_query_is_414(client: Any) -> None:
    assert client.get("/v1/things?skill=" + "x" * 9000).status_code == 414


def test_an_error_of_ours_is_a_bland_500(client: Any) -> None:
    answer = client.get("/v1/trouble/bug")

    assert (answer.status_code, answer.json["code"]) == (500, "UNFORESEEN")
    assert "secret" not in answer.text


def test_a_database_that_is_gone_is_503_with_retry_after(client: Any) -> None:
    answer = client.get("/v1/trouble/database")

    assert (answer.status_code, answer.json["code"]) == (503, "UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "10.0.0.1" not in answer.text


def test_a_write_waits_for_what_is_on_its_way(client: Any, writer: dict[str, str]) -> None:
    assert client.post("/v1/trouble/late/s1", headers=writer).json == {"found": "s1"}


def test_what_does_not_come_within_a_second_is_503_not_yet_known(client: Any, writer: dict[str, str]) -> None:
    answer = client.post("/v1/trouble/late/never", headers=writer)

    assert (answer.status_code, answer.json["code"]) == (503, "NOT_YET_KNOWN")
    assert answer.headers["Retry-After"] == "1"


def test_head_is_get_without_a_body(client: Any, writer: dict[str, str]) -> None:
    client.post("/v1/things", json=THING, headers=writer)

    answer = client.head("/v1/things/t1")
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (200, b"", '"1"')


def test_the_answer_comes_in_the_form_that_is_asked_for(client: Any, writer: dict[str, str]) -> None:
    client.post("/v1/things", json=THING, headers=writer)

    assert client.get("/v1/things/t1", headers={"Accept": "text/plain"}).text == "Battery safety"
    for accept in ("*/*", "application/json", "image/png", "nonsense", "application/json;q=0.9, text/plain;q=0.1"):
        assert client.get("/v1/things/t1", headers={"Accept": accept}).is_json, accept


def test_bytes_of_a_declared_form_reach_the_view(client: Any) -> None:
    answer = client.post("/v1/verifications", data=b"%PDF-1.7", content_type="application/pdf")

    assert answer.json == {"bytes": 8, "kind": "application/pdf"}


def test_a_form_brings_its_fields_and_files(client: Any, writer: dict[str, str]) -> None:
    form = {"dry_run": "true", "file": (io.BytesIO(b"a;b"), "things\x00.csv")}
    answer = client.post("/v1/thing-imports", data=form, headers=writer)

    assert answer.status_code == 202
    assert answer.json == {"dry_run": True, "files": {"file": ["things.csv", 3]}}
    wrong = client.post("/v1/thing-imports", data={"colour": "red"}, headers=writer, content_type="multipart/form-data")
    assert codes(wrong) == {"colour": "UNKNOWN_FIELD"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"nonsense", "multipart/form-data"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * 600_000,
            "multipart/form-data; boundary=x",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"--x\r\n" * 2000, "multipart/form-data; boundary=x"),
    ],
)
def test_a_garbled_form_is_the_senders_fault(
    client: Any, writer: dict[str, str], body: bytes, content_type: str
) -> None:
    answer = client.post("/v1/thing-imports", data=body, headers={**writer, "Content-Type": content_type})

    assert answer.status_code in {202, 400, 413, 422}


@pytest.mark.parametrize("offset", ["+14:60", "-00:99", "+24:00", "+1460"])
def test_an_offset_that_no_clock_has_is_refused(client: Any, writer: dict[str, str], offset: str) -> None:
    moment = f"2026-01-01T00:00:00{offset}"
    sent = client.post("/v1/things", json={"title": "x", "starts_at": moment}, headers=writer)
    asked = client.get("/v1/things", query_string={"since": moment})

    assert (sent.status_code, asked.status_code) == (422, 422)
    assert (list(codes(sent)), list(codes(asked))) == (["starts_at"], ["since"])


@pytest.mark.parametrize("offset", ["Z", "+00:00", "+14:00", "-12:00", "+05:45", "-0330"])
def test_an_offset_that_a_clock_may_have_is_read(client: Any, writer: dict[str, str], offset: str) -> None:
    body = {"title": "x", "starts_at": f"2026-01-01T00:00:00{offset}"}

    assert client.post("/v1/things", json=body, headers=writer).status_code == 201


@pytest.mark.parametrize("body", ["{'title': 'x'}", '\'{"title": "x"}\'', "{\"title\": 'x'}"])
def test_a_body_with_single_quotes_is_not_json(client: Any, writer: dict[str, str], body: str) -> None:
    answer = client.post("/v1/things", data=body, content_type="application/json", headers=writer)

    assert answer.status_code == 400
    assert answer.json["code"] == "MALFORMED_JSON"


def test_every_answer_carries_the_security_headers(client: Any) -> None:
    for answer in (client.get("/v1/things"), client.get("/nothing"), client.get("/v1/trouble/bug")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert len(answer.headers["Trace-Id"]) == 32
