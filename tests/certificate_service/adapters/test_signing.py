"""What a signature covers, and what is refused before one is made."""

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from openbadgeslib.ob3.ldp import OB3LdpVerifier

from services.certificate_service.adapters import contexts, multibase
from services.certificate_service.adapters.canonical import canonical_form
from services.certificate_service.adapters.plain_json import BadDocument
from services.certificate_service.adapters.signing import sign, timestamp, with_proof_list
from services.certificate_service.adapters.verification import verify
from tests.certificate_service.adapters.issuing_body import COURSE, NOW, IssuingBody

BODY = IssuingBody()
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t\n\r"), min_size=1, max_size=60)


@settings(max_examples=40, deadline=None)
@given(name=NAMES, title=NAMES)
def test_any_name_in_any_script_is_signed_and_verifies_from_its_json_text(name: str, title: str) -> None:
    signed = BODY.signed(holder_name=name, course=_course(title=title))

    assert verify(json.dumps(signed).encode(), BODY, NOW).verified
    assert verify(json.dumps(signed, ensure_ascii=False).encode(), BODY, NOW).verified


@settings(max_examples=20, deadline=None)
@given(points=st.decimals(min_value=0, max_value=300, places=2))
def test_any_number_of_credits_verifies_after_a_trip_through_text(points: Decimal) -> None:
    signed = BODY.signed(course=_course(ects=points))

    assert verify(json.dumps(signed), BODY, NOW).verified


def test_whole_credits_are_written_without_a_fraction_as_javascript_would_read_them() -> None:
    credential = BODY.unsigned(course=_course(ects=Decimal("5.00")))

    assert credential["credentialSubject"]["creditsEarned"] == 5
    assert isinstance(credential["credentialSubject"]["creditsEarned"], int)


def test_the_signature_does_not_depend_on_the_order_of_members() -> None:
    signed = BODY.signed()

    assert verify(_reversed(signed), BODY, NOW).verified


def test_the_proof_may_stand_alone_in_a_list_because_its_outer_shape_is_not_signed() -> None:
    assert verify(with_proof_list(BODY.signed()), BODY, NOW).verified


def test_an_undefined_term_is_refused_instead_of_left_unsigned() -> None:
    with pytest.raises(BadDocument, match="'favouriteColour' is not defined"):
        sign({**BODY.unsigned(), "favouriteColour": "green"}, BODY.key, NOW)


@pytest.mark.parametrize(
    ("path", "value"),
    [(("id",), "credentials/1"), (("credentialSubject", "id"), "me"), (("type", 1), "NoSuchType")],
)
def test_a_relative_identifier_or_unknown_type_is_refused(path: tuple[Any, ...], value: str) -> None:
    credential = BODY.unsigned()
    _set(credential, path, value)

    with pytest.raises(BadDocument, match="not an absolute identifier"):
        sign(credential, BODY.key, NOW)


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1b", "\x7f", "\ud800"])
def test_a_control_character_or_half_a_character_is_refused(character: str) -> None:
    with pytest.raises(BadDocument, match="control character"):
        BODY.signed(holder_name=f"A{character}B")


def test_contexts_are_ours_alone_and_never_fetched() -> None:
    for context in ["https://example.org/mine.json", {"mine": "https://example.org/mine"}]:
        credential = BODY.unsigned()
        credential["@context"] = [*credential["@context"], context]
        with pytest.raises(BadDocument, match="context"):
            canonical_form(credential)


def test_a_changed_packaged_context_stops_the_process() -> None:
    with pytest.raises(contexts.WrongContext, match=r"credentials-v2\.json"):
        contexts.read_packaged("credentials-v2.json", "0" * 64)


def test_a_document_that_is_signed_is_not_signed_again() -> None:
    with pytest.raises(BadDocument, match="proof already"):
        sign(BODY.signed(), BODY.key, NOW)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        timestamp(NOW.replace(tzinfo=None))


def test_look_alike_parts_are_given_up_on_instead_of_compared_for_ever() -> None:
    twin: dict[str, Any] = {"type": ["Profile"], "name": "same"}
    family = {**twin, "endorsement": [{**twin, "parentOrg": copy.deepcopy(twin)} for _ in range(9)]}

    with pytest.raises(BadDocument, match="look alike"):
        canonical_form({**BODY.unsigned(), "endorsement": [family, copy.deepcopy(family)]})


def test_the_canonical_form_is_the_one_openbadgeslib_verifies() -> None:
    body = IssuingBody(now=_real_now())

    found = OB3LdpVerifier(pubkey_pem=_pem(body)).verify(body.signed())

    assert found.id == f"{body.base}/credentials/9a7c2e"


@given(data=st.binary(max_size=80))
def test_multibase_keeps_every_byte(data: bytes) -> None:
    assert multibase.decode(multibase.encode(data)) == data


@pytest.mark.parametrize("text", [None, "", "u123", "z0OIl", "z" + "2" * 300])
def test_what_is_not_base58_multibase_is_refused(text: object) -> None:
    with pytest.raises(multibase.BadMultibase):
        multibase.decode(text)


def _course(**changes: Any) -> Any:
    return replace(COURSE, **changes)


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(value[name]) for name in reversed(value)}
    return [_reversed(member) for member in value] if isinstance(value, list) else value


def _set(document: Any, path: tuple[Any, ...], value: object) -> None:
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = value


def _real_now() -> Any:
    return datetime.now(UTC)


def _pem(body: IssuingBody) -> bytes:
    return body.key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
