"""A certificate that the service really issued, read as the world reads it: four independent verifiers must agree."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.certificate_service.service import Service, running_service
from tests.interop.issuing_site import Site, issuing_site
from tests.interop.verifiers import Answer, NodeMissing, explain_many_with_node, explain_with_python
from tests.stack import Stack
from tests.tokens import TestIssuer

GOOD, BAD = ("issued", "reissued"), ("revoked", "superseded", "changed")

Document = dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with issuing_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def service(engines: Stack, site: Site) -> Iterator[Service]:
    with TestIssuer() as issuer, running_service(engines.mongo, issuer, site.url) as service:
        yield service


@pytest.fixture(scope="module")
def credentials(service: Service, site: Site) -> dict[str, Document]:
    """Issued by the service; its did document and status list stand on the site, as the gateway would serve them."""
    made = _credentials(service)
    issued = made["issued"]
    did_path = "/issuers/" + issued["issuer"]["id"].rpartition(":")[2] + "/did.json"
    list_path = issued["credentialStatus"]["statusListCredential"].removeprefix(site.url)
    for path in (did_path, list_path):
        site.documents[path] = service.get(path).json
    site.tokens[list_path] = service.get(list_path, {"Accept": "application/vc+jwt"}).text
    return made


def test_every_verifier_takes_the_good_and_refuses_the_bad_in_python(
    site: Site, credentials: dict[str, Document]
) -> None:
    for name, credential in credentials.items():
        _agree(name, explain_with_python(_text(credential), ca_file=site.ca_file))


def test_every_verifier_takes_the_good_and_refuses_the_bad_in_javascript(
    site: Site, credentials: dict[str, Document]
) -> None:
    try:
        answers = explain_many_with_node([_text(one) for one in credentials.values()], ca_file=site.ca_file)
    except NodeMissing as missing:
        pytest.skip(str(missing))
    for name, answer in zip(credentials, answers, strict=True):
        _agree(name, answer)


def test_our_own_verification_agrees(service: Service, credentials: dict[str, Document]) -> None:
    for name, credential in credentials.items():
        assert service.verify(credential=credential)["verified"] is (name in GOOD), name


def _agree(name: str, answers: dict[str, Answer]) -> None:
    for verifier, answer in answers.items():
        assert answer.accepted is (name in GOOD), f"{verifier} on {name}: {answer.detail}"


def _credentials(service: Service) -> dict[str, Document]:
    people = [service.person("Zoë", "Müller-Ñandú") for _ in range(3)]
    kept, revoked, renamed = (service.issue(person) for person in people)
    found = {
        "issued": service.credential(kept.id, people[0]),
        "revoked": service.credential(revoked.id, people[1]),
        "superseded": service.credential(renamed.id, people[2]),
    }
    service.act(revoked.id, "revoke", reason="issued by mistake")
    service.directory.names[people[2]] = ("Ζωή", "Öztürk 王")
    service.act(renamed.id, "reissue")
    found["reissued"] = service.credential(renamed.id, people[2])
    found["changed"] = {**found["issued"], "name": "Something better"}
    return found


def _text(credential: Document) -> bytes:
    return json.dumps(credential, ensure_ascii=False).encode()
