"""The public verification page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from services.portal import faults
from services.portal.pages.verify import CHECKS
from tests.portal.conftest import PUBLIC, SECURE, Surroundings
from tests.portal.neighbourhood import Asked

NUMBER = "AbCdEfGhIjKlMnOpQrStUv"
GOOD = {
    "verified": True,
    "checks": [
        {"name": "signature", "ok": True, "reason": "Nothing has been changed."},
        {"name": "revocation", "ok": True, "reason": "Not revoked."},
    ],
    "certificate": {"status": "valid", "course": "Safe <robots>", "awarding_body": "Musterakademie"},
}
REVOKED = {
    "verified": False,
    "checks": [
        {"name": "revocation", "ok": False, "reason": "It has been revoked."},
        {"name": "suspension", "ok": None, "reason": "Not checked."},
    ],
    "certificate": None,
}


def _post(around: Surroundings, reference: str = "", file: bytes | None = None, *, htmx: bool = False) -> TestResponse:
    parts = [b'Content-Disposition: form-data; name="reference"\r\n\r\n' + reference.encode()]
    if file is not None:
        parts.append(b'Content-Disposition: form-data; name="file"; filename="credential.json"\r\n\r\n' + file)
    body = b"".join(b"--limit\r\n" + part + b"\r\n" for part in parts) + b"--limit--\r\n"
    headers = {"HX-Request": "true"} if htmx else {}
    return around.browser().post(
        "/verify", data=body, content_type="multipart/form-data; boundary=limit", headers=headers
    )


def _question(around: Surroundings) -> dict[str, Any]:
    asked = next(asked for asked in around.neighbour.asked if asked.path == "/v1/verifications")
    found: dict[str, Any] = json.loads(asked.body)
    return found


def test_a_valid_certificate_is_shown_line_by_line(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = GOOD
    page = around.browser().get(f"/verify/{NUMBER}")

    assert page.status_code == 200
    assert "This certificate is valid." in page.text
    assert "Safe &lt;robots&gt;" in page.text
    assert "Musterakademie" in page.text
    assert page.text.count('class="check-good"') == 2
    assert "Signature" in page.text


def test_a_revoked_certificate_is_refused_with_its_reason(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = REVOKED
    page = around.browser().get(f"/verify/{NUMBER}").text

    assert "This certificate is not valid." in page
    assert "It has been revoked." in page
    assert 'class="check-open"' in page


def test_the_secret_of_a_share_link_goes_with_the_question(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = GOOD | {"certificate": {"holder": "Ana Sanz", "status": "valid"}}
    page = around.browser().get(f"/verify/{NUMBER}?secret=a%26b").text

    assert _question(around) == {"url": f"{PUBLIC}/credentials/{NUMBER}?secret=a%26b"}
    assert "Ana Sanz" in page


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        (NUMBER, f"{PUBLIC}/credentials/{NUMBER}"),
        (f"  {PUBLIC}/verify/{NUMBER}  ", f"{PUBLIC}/credentials/{NUMBER}"),
        (f"{SECURE}/verify/{NUMBER}?secret=xy", f"{PUBLIC}/credentials/{NUMBER}?secret=xy"),
        (f"{PUBLIC}/credentials/{NUMBER}", f"{PUBLIC}/credentials/{NUMBER}"),
        (f"https://other.example/verify/{NUMBER}", f"https://other.example/verify/{NUMBER}"),
    ],
)
def test_a_number_or_a_link_is_enough(around: Surroundings, reference: str, url: str) -> None:
    around.neighbour.answers["/v1/verifications"] = GOOD

    assert _post(around, reference).status_code == 200
    assert _question(around) == {"url": url}


def test_a_file_is_passed_on_as_it_is(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = GOOD
    credential = {"id": "x", "name": "Żółć", "nested": {"numbers": [1, 2.5]}}

    assert "This certificate is valid." in _post(around, "", json.dumps(credential).encode()).text
    assert _question(around) == {"credential": credential}


@pytest.mark.parametrize(
    "file", [b"[]", b"", b"\x00\x01", b"{", b"null", b'"x"', b"[" * 100_000, b"\xff\xfe{}", b'{"a": NaN}']
)
def test_a_file_that_is_no_credential_is_told_so(around: Surroundings, file: bytes) -> None:
    answer = _post(around, "", file)

    assert answer.status_code == 422
    assert "This file isn&#39;t a credential" in answer.text


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "   ",
        "short",
        "ftp://x/y",
        "javascript:alert(1)",
        "http://",
        "https://[",
        "a b c d e f g",
        "x" * 3000,
        "\x00",
    ],
)
def test_what_is_neither_link_nor_number_is_told_so_and_kept_in_the_form(around: Surroundings, reference: str) -> None:
    answer = _post(around, reference)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert around.neighbour.asked == []


def test_what_was_typed_is_shown_again_and_harmless(around: Surroundings) -> None:
    assert 'value="&#34;&gt;&lt;script&gt;"' in _post(around, '"><script>').text


def test_a_file_beyond_a_megabyte_is_refused(around: Surroundings) -> None:
    assert _post(around, "", b'{"a": "' + b"x" * 1_100_000 + b'"}').status_code == 413
    assert _post(around, "", b"x" * 5_000_000).status_code == 413


@pytest.mark.parametrize("answer", [(500, {}), (503, {}), (429, {}), b"no json", {"verified": "perhaps"}])
def test_a_certificate_service_that_is_away_is_said_so(around: Surroundings, answer: object) -> None:
    around.neighbour.answers["/v1/verifications"] = answer
    page = around.browser().get(f"/verify/{NUMBER}")

    assert page.status_code == 503
    assert page.headers["Retry-After"]
    assert "cannot be verified at the moment" in page.text


def test_a_refusal_of_the_certificate_service_is_shown_with_its_reason(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = (422, {"detail": "The <url> is none of ours."})
    page = _post(around, "https://other.example/x")

    assert page.status_code == 422
    assert "The &lt;url&gt; is none of ours." in page.text


def test_an_unknown_certificate_is_told_so(around: Surroundings) -> None:
    assert around.browser().get(f"/verify/{NUMBER}").status_code == 404


@pytest.mark.parametrize("number", ["x", "a" * 100, "..%2f..", "%00%00%00%00%00%00%00%00", "<script>x"])
def test_what_is_no_number_is_not_asked_for(around: Surroundings, number: str) -> None:
    assert around.browser().get(f"/verify/{number}").status_code == 404
    assert around.neighbour.asked == []


def test_the_allowance_is_the_visitors_own(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = GOOD
    browser = around.browser()
    browser.get(f"/verify/{NUMBER}", headers={"X-Forwarded-For": "198.51.100.9, 203.0.113.7"})
    asked: Asked = around.neighbour.asked[-1]

    assert asked.headers["X-Forwarded-For"] == "203.0.113.7"
    assert asked.headers["traceparent"]


def test_a_holder_who_was_erased_is_told_as_such(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = REVOKED | {"certificate": {"holder": None, "holder_erased": True}}

    assert "Erased at their own wish" in around.browser().get(f"/verify/{NUMBER}").text


def test_htmx_gets_only_the_result(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = GOOD
    answer = _post(around, NUMBER, htmx=True)

    assert "<html" not in answer.text
    assert "This certificate is valid." in answer.text


def test_a_file_that_is_too_large_changes_the_result_and_not_the_page(around: Surroundings) -> None:
    for size in (1_100_000, 9_000_000):
        answer = _post(around, "", b"x" * size, htmx=True)

        assert answer.status_code == 413
        assert "<html" not in answer.text
        assert "at most one megabyte" in answer.text


UPPER = "01A20DC3-13CF-77B2-85F2-9F1240765777"


@pytest.mark.parametrize(
    "reference", [UPPER, f"{PUBLIC}/verify/{UPPER}", f"{PUBLIC.replace('skills', 'SKILLS')}/verify/{UPPER}"]
)
def test_a_number_in_upper_case_is_the_same_number(around: Surroundings, reference: str) -> None:
    around.neighbour.answers["/v1/verifications"] = GOOD

    assert _post(around, reference).status_code == 200
    assert _question(around) == {"url": f"{PUBLIC}/credentials/{UPPER.lower()}"}


def test_the_text_of_a_credential_can_be_pasted(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = GOOD

    assert _post(around, '{"id": "x", "long": "' + "y" * 20_000 + '"}').status_code == 200
    assert _question(around)["credential"]["id"] == "x"


def _verdict(*failed: tuple[str, str, str]) -> dict[str, Any]:
    checks = [{"name": name, "ok": False, "code": code, "reason": reason} for name, code, reason in failed]
    missing = {"name": "signature", "ok": None, "code": "NOT_CHECKED", "reason": "Not checked."}
    return {"verified": False, "checks": [*checks, missing], "certificate": None}


def test_a_certificate_of_another_site_cannot_be_checked_here_and_is_not_called_invalid(around: Surroundings) -> None:
    around.neighbour.answers["/v1/verifications"] = _verdict(("context", "OTHER_SITE", "This is not ours."))
    page = _post(around, "https://other.example/credentials/1").text

    assert "This certificate cannot be checked here." in page
    assert "This is not ours." in page
    assert "is not valid" not in page


def test_one_of_another_site_that_has_expired_is_not_valid(around: Surroundings) -> None:
    failed = ("issuer", "OTHER_ISSUER", "Elsewhere."), ("expiry", "EXPIRED", "It expired.")
    around.neighbour.answers["/v1/verifications"] = _verdict(*failed)

    assert "This certificate is not valid." in _post(around, "", b"{}").text


def test_reasons_are_in_the_visitors_language(around: Surroundings) -> None:
    checks = [
        {"name": "expiry", "ok": True, "code": "HOLDS", "reason": "It has not expired."},
        {"name": "revocation", "ok": False, "code": "REVOKED", "reason": "It has been revoked."},
    ]
    around.neighbour.answers["/v1/verifications"] = REVOKED | {"checks": checks}
    page = around.browser().get(f"/verify/{NUMBER}", headers={"Accept-Language": "de"}).text

    assert (
        page.index("Dieses Zertifikat ist nicht gültig.")
        < page.index("Es wurde widerrufen.")
        < page.index('class="how"')
    )
    assert "Es ist nicht abgelaufen." in page
    assert "It has" not in page


def test_every_reason_of_the_certificate_service_has_a_sentence() -> None:
    source = Path("services/certificate_service")
    told = "".join((source / name).read_text() for name in ("adapters/verification.py", "actions/verifying.py"))
    codes = set(re.findall(r'(?:_Failed|CannotRead|_nothing)\(\s*"([A-Z_]+)"', told)) | {
        "REVOKED",
        "SUSPENDED",
        "EXPIRED",
    }

    assert len(codes) > 20
    assert codes - set(faults.SENTENCES) == set()
    assert {f"HOLDS:{name}" for name in CHECKS} <= set(faults.SENTENCES)
