"""What anybody may read and ask: who issues, what is revoked, whether a credential is good."""

import base64
import json
from typing import Any

import pytest

from shared.clock import new_id
from tests.certificate_service.addresses import certificate_url
from tests.certificate_service.service import (
    SCHOOL,
    Service,
    failed_checks,
)


def test_the_did_document_is_there_for_every_page(service: Service) -> None:
    service.issue()
    answer = service.get(f"/issuers/{SCHOOL}/did.json", {"Origin": "https://anybody.example"})

    assert answer.json["id"] == f"did:web:localhost%3A8443:issuers:{SCHOOL}"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://anybody.example"
    assert "max-age" in answer.headers["Cache-Control"]
    assert service.get("/issuers/nobody/did.json").status_code == 404


def test_the_status_list_comes_in_both_forms(service: Service) -> None:
    certificate = service.issue()
    path = f"/status/{certificate.place.list_id}"
    document = service.get(path)
    token = service.get(path, {"Accept": "application/vc+jwt, application/json;q=0.5"})

    assert document.headers["Content-Type"] == "application/json"
    assert document.json["proof"]["cryptosuite"] == "eddsa-rdfc-2022"
    assert token.headers["Content-Type"] == "application/vc+jwt"
    claims = json.loads(base64.urlsafe_b64decode(token.data.split(b".")[1] + b"=="))
    assert claims["credentialSubject"] == document.json["credentialSubject"]
    assert service.get("/status/nothing-1").status_code == 404


def test_a_list_is_signed_once_until_it_changes(service: Service) -> None:
    certificate = service.issue()
    path = f"/status/{certificate.place.list_id}"
    first, second = service.get(path).data, service.get(path).data
    service.act(certificate.id, "revoke", reason="because")

    assert first == second
    assert service.get(path).data != first


# -- verification


def test_a_changed_name_is_refused_by_its_signature(service: Service) -> None:
    person = service.person()
    credential = service.credential(service.issue(person).id, person)
    credential["credentialSubject"]["identifier"][0]["identityHash"] = "Somebody Else"
    verdict = service.verify(credential=credential)

    assert not verdict["verified"]
    assert failed_checks(verdict) == ["signature"]
    assert verdict["certificate"] is None


def test_an_address_is_verified_without_telling_the_name(service: Service) -> None:
    person = service.person("Nobody's", "Business")
    certificate = service.issue(person)
    verdict = service.verify(url=certificate_url(certificate.id))

    assert verdict["verified"]
    assert verdict["certificate"]["holder"] is None
    assert "Business" not in json.dumps(verdict)
    share = service.client.post(f"/v1/certificates/{certificate.id}/shares", headers=service.worker(person)).json
    opened = service.verify(url=share["url"])
    assert opened["certificate"]["holder"] == "Nobody's Business"
    assert opened["certificate"]["expires_at"] is not None
    assert service.verify(url=share["url"].replace("https://localhost:8443", "http://localhost:8080"))["verified"]


def test_the_page_of_a_certificate_and_upper_case_letters_name_it_too(service: Service) -> None:
    person = service.person("Ana", "Sanz")
    certificate = service.issue(person)
    share = service.client.post(f"/v1/certificates/{certificate.id}/shares", headers=service.worker(person)).json
    page, secret = share["url"].split("?")
    shouted = page.upper().replace("/VERIFY/", "/verify/").replace("HTTPS", "https")

    assert service.verify(url=page)["verified"]
    assert service.verify(url=f"{shouted}?{secret}")["certificate"]["holder"] == "Ana Sanz"
    assert service.verify(url=page.replace("/verify/", "/certificates/"))["checks"][0]["code"] == "OTHER_SITE"


@pytest.mark.parametrize("media_type", ["application/json", "application/vc", "application/ld+json"])
def test_a_bare_credential_is_taken(service: Service, media_type: str) -> None:
    person = service.person()
    credential = service.credential(service.issue(person).id, person)
    answer = service.client.post("/v1/verifications", data=json.dumps(credential), content_type=media_type)

    assert answer.status_code == 200, answer.json
    assert answer.json["verified"]
    assert {check["code"] for check in answer.json["checks"]} == {"HOLDS"}


@pytest.mark.parametrize(
    "question",
    [
        {"credential": {}},
        {"credential": {"@context": "x", "id": 5}},
        {"credential": {"@context": ["https://www.w3.org/ns/credentials/v2"], "type": [[]], "issuer": {"id": {}}}},
        {"url": "https://elsewhere.example/credentials/1"},
        {"url": "not a url"},
        {"url": "http://[::1"},
    ],
)
def test_nonsense_is_answered_and_not_verified(service: Service, question: dict[str, Any]) -> None:
    assert not service.verify(**question)["verified"]


@pytest.mark.parametrize("body", [{}, {"credential": {}, "url": "x"}, {"credential": []}, {"url": None}, [], "x", None])
def test_what_is_no_question_is_refused(service: Service, body: Any) -> None:
    answer = service.client.post("/v1/verifications", json=body)

    assert answer.status_code in {415, 422}, answer.json


def test_a_foreign_issuer_is_told_to_be_asked_elsewhere(service: Service) -> None:
    person = service.person()
    credential = service.credential(service.issue(person).id, person)
    did = "did:web:elsewhere.example:issuers:x"
    credential["issuer"]["id"] = did
    credential["proof"]["verificationMethod"] = f"{did}#key"
    lines = {check["name"]: check for check in service.verify(credential=credential)["checks"]}

    assert lines["issuer"]["ok"] is False
    assert "none of this site" in lines["issuer"]["reason"]
    assert (lines["issuer"]["code"], lines["signature"]["code"]) == ("OTHER_ISSUER", "NOT_CHECKED")
    assert lines["signature"]["ok"] is None


def test_an_unknown_number_is_not_found(service: Service) -> None:
    assert service.client.post("/v1/verifications", json={"url": certificate_url(new_id())}).status_code == 404


def test_a_large_credential_is_taken_and_a_huge_one_refused(service: Service) -> None:
    person = service.person()
    credential = service.credential(service.issue(person).id, person)
    credential["description"] = "x" * 60_000
    assert failed_checks(service.verify(credential=credential)) == ["signature"]

    answer = service.client.post("/v1/verifications", json={"credential": {"a": "x" * 300_000}})
    assert answer.status_code == 413


# -- reading
