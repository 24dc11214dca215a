"""What four independent verifiers say about our credentials: all of them take the good, all of them refuse the bad."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.certificate_service.adapters import signing
from services.certificate_service.adapters.verification import verify
from tests.certificate_service.adapters.house import House
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
def house(site: Site) -> House:
    house = House(base=site.url, now=datetime.now(UTC).replace(microsecond=0))
    house.publish("revocation", 500)
    house.publish("suspension", 600)
    return house


@pytest.fixture(scope="module")
def credentials(site: Site, house: House) -> dict[str, Document]:
    made = _credentials(house)
    _serve(site, house)
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
def test_our_own_verification_agrees(name: str, credentials: dict[str, Document], house: House) -> None:
    assert verify(_text(credentials[name]), house, house.now).verified is (name in GOOD)


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


def _credentials(house: House) -> dict[str, Document]:
    stranger = House(base=house.base, issuer_id="stranger", now=house.now)
    old = house.signed()
    house.rotate()
    good = house.signed()
    forged_fragment, foreign_method, renamed, redated = (copy.deepcopy(good) for _ in range(4))
    forged_fragment["proof"]["verificationMethod"] = f"{house.did}#{stranger.keys[0].public_multibase}"
    foreign_method = signing.sign(house.unsigned(), stranger.key, house.now)
    renamed["credentialSubject"]["identifier"][0]["identityHash"] = "Somebody Else"
    redated["validUntil"] = "2099-01-01T00:00:00Z"
    wrong_key = signing.sign(house.unsigned(), stranger.key, house.now)
    wrong_key["proof"]["verificationMethod"] = house.key.method
    day = timedelta(days=1)
    return {
        "one status": good,
        "two statuses": house.signed(both=True),
        "every script": house.signed(holder_name='Ζωή Öztürk 王小明 Nguyễn Đ́ức עִבְרִית 👩‍🔧 \\"\n\t'),
        "after a rotation": old,
        "bare": house.signed(score=None, valid_until=None),
        "changed name": renamed,
        "changed date": redated,
        "wrong key": wrong_key,
        "forged fragment": forged_fragment,
        "foreign method": foreign_method,
        "expired": house.signed(valid_from=house.now - 9 * day, valid_until=house.now - day),
        "not yet valid": house.signed(valid_from=house.now + day),
        "revoked": house.signed(place=500),
        "suspended": house.signed(both=True, place=600),
    }


def _serve(site: Site, house: House) -> None:
    """The did document and the status lists, each list in both forms."""
    site.documents[f"/issuers/{house.issuer_id}/did.json"] = house.did_document(house.did)
    for url, document in house.lists.items():
        path = url.removeprefix(site.url)
        unsigned = {name: value for name, value in document.items() if name != "proof"}
        site.documents[path] = document
        site.tokens[path] = signing.sign_jwt(unsigned, house.key, starts=house.now, ends=house.now + timedelta(hours=1))


def _text(credential: Document) -> bytes:
    return json.dumps(credential, ensure_ascii=False).encode()
