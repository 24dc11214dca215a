"""What four independent verifiers say about our credentials: all of them take the good, all of them refuse the bad."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.certificate_service.adapters import signing
from services.certificate_service.adapters.verification import verify
from tests.certificate_service.adapters.issuing_body import IssuingBody
from tests.interop.issuing_site import Site, issuing_site
from tests.interop.verifiers import (
    Answer,
    NodeMissing,
    explain_many_with_node,
    explain_with_python,
    verify_with_all,
)

PYTHON = ("openvc-core", "openbadgeslib")
NODE = ("digitalbazaar-vc", "digitalcredentials-verifier-core")
GOOD = ("one status", "two statuses", "every script", "after a rotation", "bare")
BAD = (
    "changed name",
    "changed date",
    "wrong key",
    "forged fragment",
    "foreign method",
    "expired",
    "not yet valid",
    "revoked",
    "suspended",
)

Answers = dict[str, dict[str, Answer]]
Document = dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with issuing_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def body(site: Site) -> IssuingBody:
    body = IssuingBody(base=site.url, now=datetime.now(UTC).replace(microsecond=0))
    body.publish("revocation", 500)
    body.publish("suspension", 600)
    return body


@pytest.fixture(scope="module")
def credentials(site: Site, body: IssuingBody) -> dict[str, Document]:
    made = _credentials(body)
    _serve(site, body)
    return made


@pytest.fixture(scope="module")
def from_python(site: Site, credentials: dict[str, Document]) -> Answers:
    return {name: explain_with_python(_text(one), ca_file=site.ca_file) for name, one in credentials.items()}


@pytest.fixture(scope="module")
def from_node(site: Site, credentials: dict[str, Document]) -> Answers:
    try:
        answers = explain_many_with_node([_text(one) for one in credentials.values()], ca_file=site.ca_file)
    except NodeMissing as missing:
        pytest.skip(str(missing))
    return dict(zip(credentials, answers, strict=True))


@pytest.mark.parametrize("verifier", PYTHON)
@pytest.mark.parametrize("name", GOOD)
def test_python_verifiers_accept_what_we_issue(name: str, verifier: str, from_python: Answers) -> None:
    assert from_python[name][verifier].accepted, from_python[name][verifier].detail


@pytest.mark.parametrize("verifier", NODE)
@pytest.mark.parametrize("name", GOOD)
def test_javascript_verifiers_accept_what_we_issue(name: str, verifier: str, from_node: Answers) -> None:
    assert from_node[name][verifier].accepted, from_node[name][verifier].detail


@pytest.mark.parametrize("verifier", PYTHON)
@pytest.mark.parametrize("name", BAD)
def test_python_verifiers_refuse_what_is_not_right(name: str, verifier: str, from_python: Answers) -> None:
    assert not from_python[name][verifier].accepted


@pytest.mark.parametrize("verifier", NODE)
@pytest.mark.parametrize("name", BAD)
def test_javascript_verifiers_refuse_what_is_not_right(name: str, verifier: str, from_node: Answers) -> None:
    assert not from_node[name][verifier].accepted


@pytest.mark.parametrize("name", GOOD + BAD)
def test_our_own_verification_agrees(name: str, credentials: dict[str, Document], body: IssuingBody) -> None:
    assert verify(_text(credentials[name]), body, body.now).verified is (name in GOOD)


def test_a_proof_in_a_list_is_taken_by_all_but_openvc_so_we_write_an_object(
    site: Site, credentials: dict[str, Document]
) -> None:
    listed = _text(signing.with_proof_list(credentials["one status"]))
    answers = explain_with_python(listed, ca_file=site.ca_file)

    assert answers["openbadgeslib"].accepted
    assert not answers["openvc-core"].accepted


def test_the_helper_of_the_journey_asks_all_four(site: Site, credentials: dict[str, Document]) -> None:
    try:
        verdicts = verify_with_all(_text(credentials["one status"]), ca_file=site.ca_file)
    except NodeMissing as missing:
        pytest.skip(str(missing))

    assert verdicts == dict.fromkeys(PYTHON + NODE, True)


def _credentials(body: IssuingBody) -> dict[str, Document]:
    stranger = IssuingBody(base=body.base, issuer_id="stranger", now=body.now)
    old = body.signed()
    body.rotate()
    good = body.signed()
    forged_fragment, foreign_method, renamed, redated = (copy.deepcopy(good) for _ in range(4))
    forged_fragment["proof"]["verificationMethod"] = f"{body.did}#{stranger.keys[0].public_multibase}"
    foreign_method = signing.sign(body.unsigned(), stranger.key, body.now)
    renamed["credentialSubject"]["identifier"][0]["identityHash"] = "Somebody Else"
    redated["validUntil"] = "2099-01-01T00:00:00Z"
    wrong_key = signing.sign(body.unsigned(), stranger.key, body.now)
    wrong_key["proof"]["verificationMethod"] = body.key.method
    day = timedelta(days=1)
    return {
        "one status": good,
        "two statuses": body.signed(both=True),
        "every script": body.signed(holder_name='Ζωή Öztürk 王小明 Nguyễn Đ́ức עִבְרִית 👩‍🔧 \\"\n\t'),
        "after a rotation": old,
        "bare": body.signed(score=None, valid_until=None),
        "changed name": renamed,
        "changed date": redated,
        "wrong key": wrong_key,
        "forged fragment": forged_fragment,
        "foreign method": foreign_method,
        "expired": body.signed(valid_from=body.now - 9 * day, valid_until=body.now - day),
        "not yet valid": body.signed(valid_from=body.now + day),
        "revoked": body.signed(place=500),
        "suspended": body.signed(both=True, place=600),
    }


def _serve(site: Site, body: IssuingBody) -> None:
    """The did document and the status lists, each list in both forms."""
    site.documents[f"/issuers/{body.issuer_id}/did.json"] = body.did_document(body.did)
    for url, document in body.lists.items():
        path = url.removeprefix(site.url)
        unsigned = {name: value for name, value in document.items() if name != "proof"}
        site.documents[path] = document
        site.tokens[path] = signing.sign_jwt(unsigned, body.key, starts=body.now, ends=body.now + timedelta(hours=1))


def _text(credential: Document) -> bytes:
    return json.dumps(credential, ensure_ascii=False).encode()
