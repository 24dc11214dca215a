"""Who has a secret, by a link or on paper, reads one credential with it."""

from datetime import timedelta

from shared.clock import new_id, utc_now
from tests.certificate_service.service import (
    Service,
)


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
    assert share["secret"] not in repr(list(service.runtime.database["shares"].find()))


def test_the_secret_of_a_share_link_is_kept_nowhere_and_told_again_to_the_same_request(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    headers = {**service.worker(person), "Idempotency-Key": new_id()}
    first, again = (service.client.post(f"/v1/certificates/{certificate.id}/shares", headers=headers) for _ in range(2))
    secret = first.json["secret"]
    kept = [
        repr(document)
        for name in service.runtime.database.list_collection_names()
        for document in service.runtime.database[name].find()
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
    service.runtime.database["shares"].update_one({"_id": short["id"]}, {"$set": {"expires_at": utc_now()}})
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
    secret = Tools.of(service.runtime).acting(service.runtime.work()).qr_secret(certificate.id)

    assert "credentialSubject" in service.get(f"/credentials/{certificate.id}", secret=secret).json
    assert "credentialSubject" not in service.get(f"/credentials/{service.issue().id}", secret=secret).json


# -- status
