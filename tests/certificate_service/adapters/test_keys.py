"""Keys of awarding bodies and of persons: sealed, rotated, destroyed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.certificate_service.adapters import keys, person_keys
from services.certificate_service.adapters.verification import verify
from shared.sealing import CannotOpen, MasterSecret
from tests.certificate_service.adapters.issuing_body import MASTER, NOW, IssuingBody

OTHER_MASTER = MasterSecret(b"another master secret, 32 bytes!!")


def test_a_did_web_names_the_port_in_its_escaped_form() -> None:
    assert keys.did_web("https://localhost:8443", "a-1") == "did:web:localhost%3A8443:issuers:a-1"
    assert keys.did_web("https://Example.EU/", "a-1") == "did:web:example.eu:issuers:a-1"


@pytest.mark.parametrize(
    ("url", "issuer"), [("http://x.example", "a"), ("https://x.example/sub", "a"), ("https://x.example", "a/b")]
)
def test_an_address_that_did_web_cannot_say_is_refused(url: str, issuer: str) -> None:
    with pytest.raises(ValueError, match="did:web"):
        keys.did_web(url, issuer)


def test_after_a_rotation_old_and_new_credentials_verify() -> None:
    body = IssuingBody()
    old = body.signed()
    body.rotate()
    body.publish("revocation")
    new = body.signed()

    assert old["proof"]["verificationMethod"] != new["proof"]["verificationMethod"]
    assert verify(old, body, NOW).verified
    assert verify(new, body, NOW).verified
    assert len(body.did_document(body.did)["assertionMethod"]) == 2


def test_a_did_document_holds_no_key_of_another_issuer() -> None:
    with pytest.raises(ValueError, match="its own"):
        keys.did_document("did:web:x.example:issuers:other", IssuingBody().keys)


def test_a_sealed_issuer_key_opens_only_for_its_issuer_and_secret() -> None:
    key = IssuingBody().keys[0]

    with pytest.raises(CannotOpen):
        keys.open_issuer_key(OTHER_MASTER, key)
    with pytest.raises(CannotOpen):
        keys.open_issuer_key(MASTER, replace(key, did="did:web:x.example:issuers:other"))


@given(plain=st.binary(max_size=200))
def test_a_record_is_read_with_its_persons_key(plain: bytes) -> None:
    key = person_keys.create_person_key(MASTER, "k-1")

    assert person_keys.decrypt(MASTER, key, "cert-1", person_keys.encrypt(MASTER, key, "cert-1", plain)) == plain


def test_equal_records_look_different_when_encrypted() -> None:
    key = person_keys.create_person_key(MASTER, "k-1")

    assert person_keys.encrypt(MASTER, key, "c", b"x") != person_keys.encrypt(MASTER, key, "c", b"x")


def test_without_the_persons_own_key_nothing_opens_a_record() -> None:
    key, other = (person_keys.create_person_key(MASTER, "k-1") for _ in range(2))
    sealed = person_keys.encrypt(MASTER, key, "cert-1", b"secret")

    with pytest.raises(CannotOpen):
        person_keys.decrypt(MASTER, other, "cert-1", sealed)
    with pytest.raises(CannotOpen):
        person_keys.decrypt(MASTER, key, "cert-2", sealed)
    with pytest.raises(CannotOpen):
        person_keys.decrypt(MASTER, replace(key, key_id="k-2"), "cert-1", sealed)
    with pytest.raises(CannotOpen):
        person_keys.decrypt(OTHER_MASTER, key, "cert-1", sealed)


@pytest.mark.parametrize("place", [0, 1, 14, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    key = person_keys.create_person_key(MASTER, "k-1")
    sealed = bytearray(person_keys.encrypt(MASTER, key, "cert-1", b"secret"))
    sealed[place] ^= 1

    with pytest.raises(CannotOpen):
        person_keys.decrypt(MASTER, key, "cert-1", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + bytes(12), b"\x02" + bytes(40)])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    key = person_keys.create_person_key(MASTER, "k-1")

    with pytest.raises(CannotOpen):
        person_keys.decrypt(MASTER, key, "cert-1", sealed)


def test_a_new_master_secret_takes_over_without_touching_the_records() -> None:
    key = person_keys.create_person_key(MASTER, "k-1")
    sealed = person_keys.encrypt(MASTER, key, "cert-1", b"secret")

    moved = person_keys.rewrap(MASTER, OTHER_MASTER, key)

    assert person_keys.decrypt(OTHER_MASTER, moved, "cert-1", sealed) == b"secret"


def test_secrets_do_not_show_in_a_log_line() -> None:
    key = person_keys.create_person_key(MASTER, "k-1")
    body = IssuingBody()

    assert "wrapped" not in repr(key)
    assert "master" not in repr(MASTER)
    assert "sealed" not in repr(body.keys[0])
    assert "private" not in repr(body.key)


def test_a_short_master_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        MasterSecret.from_text("short")
