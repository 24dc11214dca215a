"""The HTTP door: what each caller sees and may do, and what the public reads."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import new_id, utc_now
from tests.certificate_service.addresses import bits, certificate_url
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
    assert bits(service, certificate.place.list_id).is_set(certificate.place.number)
    again = service.act(certificate.id, "revoke", reason="once more")
    assert (again.status_code, again.json["code"]) == (409, "ILLEGAL_TRANSITION")


def test_the_reason_is_read_by_who_may_and_stored_for_nobody(service: Service) -> None:
    certificate = service.issue()
    service.act(certificate.id, "revoke", reason="a very particular reason")

    assert service.get(f"/v1/certificates/{certificate.id}", service.hr()).json["reason"] == "a very particular reason"
    for name in service.runtime.database.list_collection_names():
        assert all("particular" not in repr(row) for row in service.runtime.database[name].find()), name


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
    assert holding(service.runtime.database, reason) == []


# -- keys and lists


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
    assert found(issued_since=new.issued_at.date().isoformat()) == {old.id, new.id, revoked.id}
    assert found(issued_since=(utc_now() + timedelta(days=2)).date().isoformat()) == set()
    assert found(expiring_before=soon[:10]) == {new.id}


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
