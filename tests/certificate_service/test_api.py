"""The HTTP door: what each caller sees and may do, and what the public reads."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from services.certificate_service.adapters.status_list import StatusList
from shared.clock import new_id, utc_now
from tests.certificate_service.service import (
    EMPLOYER,
    HOME,
    HOST,
    SCHOOL,
    Service,
    consented,
    employed,
    erased,
    failed_checks,
    left,
    withdrew,
)
from tests.leftovers import holding


def test_the_public_reads_status_course_and_body_and_no_name(service: Service) -> None:
    certificate = service.issue(service.person("Secret", "Person"))
    for path in (f"/credentials/{certificate.id}", f"/v1/credentials/{certificate.id}"):
        answer = service.get(path)

        assert answer.json == {
            "id": certificate.id,
            "status": "valid",
            "holder_erased": False,
            "summary": "valid",
            "course": "Schweißroboter vorausschauend warten",
            "awarding_body": "Musterakademie Süd",
        }
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("media_type", ["application/vc", "application/ld+json", "application/json"])
def test_the_holder_reads_the_credential_in_the_type_they_ask_for(service: Service, media_type: str) -> None:
    person = service.person()
    certificate = service.issue(person)
    answer = service.get(f"/credentials/{certificate.id}", {**service.worker(person), "Accept": media_type})

    assert answer.headers["Content-Type"] == media_type
    assert json.loads(answer.data)["type"] == ["VerifiableCredential", "OpenBadgeCredential"]


def test_who_sees_the_whole_credential(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    may = {
        "holder": service.worker(person),
        "home portal": service.headers(),
        "home manager": service.headers(person_id="m", roles=["manager"]),
        "employer's HR": service.hr(),
    }
    may_not = {
        "another worker": service.worker(new_id()),
        "another cluster's portal": service.headers(cluster_id="elsewhere"),
        "awarding cluster's manager": service.manager(),
        "another employer's HR": service.hr("another"),
        "home trainer": service.headers(person_id="t", roles=["trainer"]),
        "holder without the scope": service.headers(person_id=person, scopes=[]),
    }
    for who, headers in may.items():
        assert "credentialSubject" in service.get(f"/credentials/{certificate.id}", headers).json, who
        if who != "holder":
            assert service.get(f"/v1/certificates/{certificate.id}.json", headers).status_code == 200, who
    for who, headers in may_not.items():
        assert set(service.get(f"/credentials/{certificate.id}", headers).json) >= {"status", "course"}, who
        assert "credentialSubject" not in service.get(f"/credentials/{certificate.id}", headers).json, who
        if "scope" not in who:
            assert service.get(f"/v1/certificates/{certificate.id}.json", headers).status_code == 404, who


@pytest.mark.parametrize(
    "path",
    ["/v1/certificates/{}", "/v1/certificates/{}.json", "/v1/certificates/{}/shares", "/v1/certificates/{}/revoke"],
)
def test_another_tenant_finds_nothing(service: Service, path: str) -> None:
    certificate = service.issue()
    where = path.format(certificate.id)
    scopes = ["certificate:read", "certificate:manage"]
    strangers = [
        service.headers(cluster_id="elsewhere", scopes=scopes),
        service.headers(cluster_id="elsewhere", scopes=scopes, person_id="m", roles=["manager"]),
        service.headers(cluster_id=HOME, scopes=scopes, person_id=new_id(), roles=["worker"]),
        service.hr("another", scopes=scopes),
        service.headers(cluster_id=None, scopes=scopes),
    ]
    for headers in strangers:
        if path.endswith(("shares", "revoke")):
            body = {"reason": "because"} if path.endswith("revoke") else None
            answer = service.client.post(where, headers=headers, json=body)
        else:
            answer = service.get(where, headers)
        assert answer.status_code == 404, answer.json
    assert service.certificate(certificate.id).status == "issued"


def test_a_share_link_opens_the_credential_until_it_is_ended(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    share = service.client.post(f"/v1/certificates/{certificate.id}/shares", headers=service.worker(person)).json
    path = f"/credentials/{certificate.id}"

    assert share["url"].endswith(f"/verify/{certificate.id}?secret={share['secret']}")
    assert "credentialSubject" in service.get(path, secret=share["secret"]).json
    assert "credentialSubject" not in service.get(path, secret="guessed").json
    assert "credentialSubject" not in service.get(f"/credentials/{service.issue().id}", secret=share["secret"]).json
    ended = service.client.delete(
        f"/v1/certificates/{certificate.id}/shares/{share['id']}", headers=service.worker(person)
    )
    assert ended.json == {"id": share["id"], "ended": True}
    assert "credentialSubject" not in service.get(path, secret=share["secret"]).json
    assert share["secret"] not in repr(list(service.house.database["shares"].find()))


def test_the_secret_of_a_share_link_is_kept_nowhere_and_told_again_to_the_same_request(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    headers = {**service.worker(person), "Idempotency-Key": new_id()}
    first, again = (service.client.post(f"/v1/certificates/{certificate.id}/shares", headers=headers) for _ in range(2))
    secret = first.json["secret"]
    kept = [
        repr(document)
        for name in service.house.database.list_collection_names()
        for document in service.house.database[name].find()
    ]

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json
    assert any(first.json["id"] in document and "idempotency" not in document for document in kept)
    assert not [document for document in kept if secret in document]
    assert "credentialSubject" in service.get(f"/credentials/{certificate.id}", secret=secret).json


def test_a_share_link_expires_and_the_holder_sees_all_of_theirs(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    path, who = f"/v1/certificates/{certificate.id}/shares", service.worker(person)
    short, long = (service.client.post(path, json={"days": days}, headers=who).json for days in (1, 30))
    service.client.delete(f"{path}/{long['id']}", headers=who)
    listed = service.client.get(path, headers=who).json["items"]

    assert [one["id"] for one in listed] == [long["id"], short["id"]]
    assert [one["ended_at"] is None for one in listed] == [False, True]
    assert not {"secret", "url", "hash"} & set(listed[0])
    assert short["expires_at"][:10] == (utc_now() + timedelta(days=1)).date().isoformat()
    assert "credentialSubject" in service.get(f"/credentials/{certificate.id}", secret=short["secret"]).json
    service.house.database["shares"].update_one({"_id": short["id"]}, {"$set": {"expires_at": utc_now()}})
    assert "credentialSubject" not in service.get(f"/credentials/{certificate.id}", secret=short["secret"]).json
    assert service.client.get(path, headers=service.manager()).status_code == 404
    assert service.client.post(path, json={"days": 366}, headers=who).status_code == 422


def test_only_the_holder_shares(service: Service) -> None:
    certificate = service.issue()
    for headers in (service.headers(), service.hr(), service.manager()):
        answer = service.client.post(f"/v1/certificates/{certificate.id}/shares", headers=headers)
        assert answer.status_code == 404


def test_the_qr_secret_opens_one_certificate(service: Service) -> None:
    from services.certificate_service.app import Tools

    certificate = service.issue()
    secret = Tools.of(service.house).acting(service.house.work()).qr_secret(certificate.id)

    assert "credentialSubject" in service.get(f"/credentials/{certificate.id}", secret=secret).json
    assert "credentialSubject" not in service.get(f"/credentials/{service.issue().id}", secret=secret).json


# -- status


def test_suspension_shows_everywhere_but_in_the_list(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    credential = service.credential(certificate.id, person)
    assert service.act(certificate.id, "suspend", reason="under review").json["status"] == "suspended"

    assert service.get(f"/credentials/{certificate.id}").json["status"] == "suspended"
    assert failed_checks(service.verify(credential=credential)) == ["suspension"]
    assert failed_checks(service.verify(url=certificate_url(certificate.id))) == ["suspension"]

    assert service.act(certificate.id, "reinstate").json["status"] == "valid"
    assert service.verify(credential=credential)["verified"]
    assert service.events(certificate.id) == ["issued", "suspended", "reinstated"]


def test_a_revoked_one_is_refused_at_once(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    credential = service.credential(certificate.id, person)
    assert service.verify(credential=credential)["verified"]
    answer = service.act(certificate.id, "revoke", reason="issued by mistake")

    assert answer.json["status"] == "revoked"
    assert answer.json["reason"] is None
    assert failed_checks(service.verify(credential=credential)) == ["revocation"]
    assert _bits(service, certificate.place.list_id).is_set(certificate.place.number)
    again = service.act(certificate.id, "revoke", reason="once more")
    assert (again.status_code, again.json["code"]) == (409, "ILLEGAL_TRANSITION")


def test_the_reason_is_read_by_who_may_and_stored_for_nobody(service: Service) -> None:
    certificate = service.issue()
    service.act(certificate.id, "revoke", reason="a very particular reason")

    assert service.get(f"/v1/certificates/{certificate.id}", service.hr()).json["reason"] == "a very particular reason"
    for name in service.house.database.list_collection_names():
        assert all("particular" not in repr(row) for row in service.house.database[name].find()), name


def test_a_reason_is_needed_and_unknown_fields_are_refused(service: Service) -> None:
    certificate = service.issue()

    answer = service.client.post(
        f"/v1/certificates/{certificate.id}/revoke", headers=service.manager(), json={"cause": "x"}
    )
    assert answer.status_code == 422
    assert {v["field"] for v in answer.json["violations"]} == {"reason", "cause"}


def test_who_sees_but_does_not_award_is_told_so(service: Service) -> None:
    certificate = service.issue()
    headers = service.headers(scopes=["certificate:read", "certificate:manage"])
    answer = service.act(certificate.id, "revoke", headers, reason="not mine to revoke")

    assert (answer.status_code, answer.json["code"]) == (403, "NOT_THE_AWARDING_BODY")


def test_the_awarding_bodys_own_people_may(service: Service) -> None:
    certificate = service.issue()
    headers = service.headers(
        scopes=["certificate:read", "certificate:manage"], person_id="x", organisation_ids=[SCHOOL], cluster_id="other"
    )
    assert service.act(certificate.id, "suspend", headers, reason="ours").status_code == 200


def test_a_stale_if_match_is_refused(service: Service) -> None:
    certificate = service.issue()
    first = service.get(f"/v1/certificates/{certificate.id}", service.manager())
    headers = {**service.manager(), "If-Match": first.headers["ETag"]}

    assert service.act(certificate.id, "suspend", headers, reason="under review").status_code == 200
    assert service.act(certificate.id, "reinstate", headers).status_code == 412


def test_the_same_key_revokes_once(service: Service) -> None:
    certificate = service.issue()
    headers = {**service.manager(), "Idempotency-Key": new_id()}
    first, second = (service.act(certificate.id, "revoke", headers, reason="because") for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert service.events(certificate.id) == ["issued", "revoked"]


def test_a_name_is_corrected_by_a_reissue(service: Service) -> None:
    person = service.person("Zoe", "Mueller")
    certificate = service.issue(person)
    old = service.credential(certificate.id, person)
    service.directory.names[person] = ("Zoë", "Müller")
    answer = service.act(certificate.id, "reissue")

    assert (answer.status_code, answer.json["reissues"]) == (200, 1)
    new = service.credential(certificate.id, person)
    assert new["credentialSubject"]["identifier"][0]["identityHash"] == "Zoë Müller"
    assert (new["id"], new["awardedDate"]) == (old["id"], old["awardedDate"])
    assert new["credentialSubject"]["id"] == old["credentialSubject"]["id"]
    assert new["credentialStatus"]["statusListIndex"] != old["credentialStatus"]["statusListIndex"]
    assert failed_checks(service.verify(credential=old)) == ["revocation"]
    assert service.verify(credential=new)["verified"]
    assert service.events(certificate.id) == ["issued", "superseded"]


def test_a_reissue_without_the_directory_is_503_and_changes_nothing(service: Service) -> None:
    certificate = service.issue()
    service.directory.down = True
    answer = service.act(certificate.id, "reissue")
    service.directory.down = False

    assert answer.status_code == 503
    assert service.certificate(certificate.id) == certificate


def test_an_erased_one_can_still_be_revoked(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    copy = service.credential(certificate.id, person)
    service.feed(erased(person))

    assert service.act(certificate.id, "reissue").status_code == 409
    assert service.act(certificate.id, "revoke", reason="fraud").status_code == 200
    assert failed_checks(service.verify(credential=copy)) == ["revocation"]
    verdict = service.verify(url=certificate_url(certificate.id))
    assert set(failed_checks(verdict)) == {"context", "revocation"}
    assert verdict["certificate"]["summary"] == "revoked, holder erased"


def test_why_a_certificate_was_suspended_or_revoked_is_nowhere_any_more_when_its_holder_is_erased(
    service: Service,
) -> None:
    person, reason = service.person(), "nobody-should-keep-this"
    certificate = service.issue(person)
    keyed = [service.manager() | {"Idempotency-Key": f"{verb}-{person}"} for verb in ("suspend", "revoke")]
    assert service.act(certificate.id, "suspend", keyed[0], reason=reason).status_code == 200
    assert service.act(certificate.id, "revoke", keyed[1], reason=reason).status_code == 200
    shown = service.get(f"/v1/certificates/{certificate.id}", service.manager()).json["reason"]

    service.feed(erased(person))
    assert service.act(certificate.id, "revoke", reason=reason).status_code == 409

    assert shown == reason
    assert holding(service.house.database, reason) == []


# -- keys and lists


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


def test_hr_reads_what_the_worker_shows_and_nothing_after_it_was_withdrawn(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    path = f"/v1/certificates/{certificate.id}"
    assert service.get(path, service.hr()).json["person_id"] == person

    service.feed(withdrew(person))
    assert service.get(path, service.hr()).status_code == 404
    service.feed(consented(person))
    assert service.get(path, service.hr()).status_code == 200
    service.feed(left(person, utc_now().date() - timedelta(days=1)))
    assert service.get(path, service.hr()).status_code == 404
    assert service.get(path, service.headers()).status_code == 200


def test_hr_is_told_nothing_while_the_directory_is_behind(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    service.caught_up(ago=timedelta(seconds=31))
    try:
        for path in (
            "/v1/certificates",
            f"/v1/certificates/{certificate.id}",
            f"/v1/certificates/{certificate.id}.json",
        ):
            answer = service.get(path, service.hr())
            assert (answer.status_code, answer.json["code"]) == (503, "DIRECTORY_BEHIND"), path
            assert "Retry-After" in answer.headers
        assert service.get(f"/v1/certificates/{certificate.id}", service.worker(person)).status_code == 200
        assert service.get("/v1/certificates", service.headers()).status_code == 200
    finally:
        service.caught_up(ago=-timedelta(hours=1))


def test_filters(service: Service) -> None:
    person, employer = new_id(), new_id()
    service.directory.names[person] = ("Fil", "Ter")
    service.feed(employed(person, employer), consented(person, employer))
    old = service.issue(person, employer_id=employer, completed_at=utc_now() - timedelta(days=900))
    new = service.issue(person, employer_id=employer)
    revoked = service.issue(person, employer_id=employer)
    service.act(revoked.id, "revoke", reason="because")
    service.stamp()

    def found(**query: Any) -> set[str]:
        answer = service.get("/v1/certificates", service.hr(employer), **query)
        assert answer.status_code == 200, answer.json
        return {item["id"] for item in answer.json["items"]}

    soon = (utc_now() + timedelta(days=800)).isoformat()
    assert found() == {old.id, new.id, revoked.id}
    assert found(status="expired") == {old.id}
    assert found(status="valid") == {new.id}
    assert found(status="revoked") == {revoked.id}
    assert found(status="suspended") == set()
    assert found(expiring_before=soon) == {new.id}
    assert found(worker=person, course="course-1", employer=employer) == {old.id, new.id, revoked.id}
    assert found(worker="another") == found(course="another") == found(employer=EMPLOYER) == set()
    assert found(issued_since=new.issued_at.isoformat()) == {new.id, revoked.id}
    assert found(issued_since=(utc_now() + timedelta(days=1)).isoformat()) == set()


def test_a_worker_lists_their_own_and_a_trainer_nothing(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    service.stamp()

    assert [i["id"] for i in service.get("/v1/certificates", service.worker(person)).json["items"]] == [certificate.id]
    trainer = service.headers(person_id="t", roles=["trainer"], cluster_id=HOST)
    assert service.get("/v1/certificates", trainer).json["items"] == []


def test_every_route_names_its_scope_or_the_word_public(service: Service) -> None:
    rules = {rule.rule for rule in service.app.url_map.iter_rules()}
    declared = {route.path: route.scopes for door in service.app.doors for route in door}

    public = {path for path, scopes in declared.items() if scopes == ("public",)}
    assert public == {
        "/credentials/<certificate_id>",
        "/v1/credentials/<certificate_id>",
        "/issuers/<issuer_id>/did.json",
        "/status/<list_id>",
        "/v1/verifications",
    }
    assert rules - set(declared) == {"/health/live", "/health/ready", "/openapi.json", "/v1/certificate/openapi.json"}
    for path, scopes in declared.items():
        if path not in public:
            url = path.replace("<certificate_id>", "x").replace("<share_id>", "y").replace("<letter_id>", "z")
            methods = [route.method for door in service.app.doors for route in door if route.path == path]
            for method in methods:
                assert service.client.open(url, method=method).status_code == 401, path
                wrong = service.headers(scopes=["insight:read"])
                assert service.client.open(url, method=method, headers=wrong).status_code == 403, path
            assert scopes


def test_a_preflight_of_any_page_is_answered(service: Service) -> None:
    headers = {"Origin": "https://anybody.example", "Access-Control-Request-Method": "POST"}
    answer = service.client.options("/v1/verifications", headers=headers)

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://anybody.example"


def test_the_operator_sees_the_lag_and_nobody_else(service: Service) -> None:
    answer = service.get("/v1/certificate/operations/lag", service.headers(scopes=["operations"]))

    assert answer.status_code == 200
    assert service.get("/v1/certificate/operations/lag", service.headers()).status_code == 403


def test_health(service: Service) -> None:
    assert service.get("/health/live").status_code == 200
    assert service.get("/health/ready").status_code == 200


def certificate_url(certificate_id: str) -> str:
    return f"https://localhost:8443/credentials/{certificate_id}"


def _bits(service: Service, list_id: str) -> StatusList:
    document = service.get(f"/status/{list_id}").json
    return StatusList.decode(document["credentialSubject"]["encodedList"])
