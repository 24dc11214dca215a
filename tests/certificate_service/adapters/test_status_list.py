"""Status lists: the bits, the order places are given out in, and the published forms."""

import base64
import gzip
import json
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openbadgeslib.ob3.status import decode_encoded_list

from services.certificate_service.adapters.signing import sign_jwt
from services.certificate_service.adapters.status_list import (
    SIZE,
    BadStatusList,
    ListFull,
    StatusList,
    place_for,
    status_entry,
)
from tests.certificate_service.adapters.issuing_body import MASTER, NOW, IssuingBody

KEY = MASTER.derive("status places:list-1")


@settings(max_examples=30, deadline=None)
@given(places=st.sets(st.integers(0, SIZE - 1), max_size=300))
def test_exactly_the_given_places_are_set_after_encoding_and_decoding(places: set[int]) -> None:
    found = StatusList.decode(StatusList.of(places).encode())

    assert found == StatusList.of(places)
    assert all(found.is_set(place) for place in places)
    assert sum(byte.bit_count() for byte in found.bits) == len(places)


def test_the_first_place_is_the_most_significant_bit() -> None:
    assert StatusList.of([0]).bits[0] == 0x80
    assert StatusList.of([7]).bits[0] == 0x01


def test_an_empty_list_is_a_full_size_list_in_a_few_characters() -> None:
    encoded = StatusList().encode()

    assert len(encoded) < 80
    assert len(decode_encoded_list(encoded)) * 8 == SIZE


def test_equal_lists_are_equal_text_so_caches_and_signatures_hold() -> None:
    assert StatusList.of([1, 2]).encode() == StatusList.of([2, 1]).encode()


def test_no_place_is_given_out_twice_and_the_list_ends() -> None:
    counters = [*range(15_000), *range(SIZE - 15_000, SIZE)]
    places = {place_for(counter, KEY) for counter in counters}

    assert len(places) == len(counters)
    assert max(places) < SIZE
    with pytest.raises(ListFull):
        place_for(SIZE, KEY)


def test_places_tell_nothing_of_their_order() -> None:
    places = [place_for(counter, KEY) for counter in range(2000)]
    steps_up = sum(later > earlier for earlier, later in pairwise(places))

    assert 900 < steps_up < 1100
    assert 60_000 < sum(places) / len(places) < 71_000
    assert places[:10] != [place_for(counter, MASTER.derive("status places:list-2")) for counter in range(10)]


@pytest.mark.parametrize("place", [-1, SIZE])
def test_a_place_beyond_the_list_is_an_error(place: int) -> None:
    with pytest.raises(BadStatusList):
        StatusList.of([place])
    with pytest.raises(BadStatusList):
        StatusList().is_set(place)


def _packed(data: bytes) -> str:
    return "u" + base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    "encoded",
    [
        None,
        7,
        "",
        "H4sI",
        "u!!!",
        "u",
        _packed(b"no gzip"),
        _packed(gzip.compress(bytes(100))),
        _packed(gzip.compress(bytes(SIZE // 8))[:-9]),
        _packed(gzip.compress(bytes(SIZE // 8)) + b"more"),
        _packed(gzip.compress(bytes(50_000_000))),
        "u" + "A" * 200_000,
    ],
    ids=range(12),
)
def test_a_malformed_cut_or_exploding_list_is_refused(encoded: object) -> None:
    with pytest.raises(BadStatusList):
        StatusList.decode(encoded)


def test_the_entry_carries_place_and_purpose_as_text() -> None:
    entry = status_entry("https://x.example/status/1", 42, "revocation")

    assert entry["statusListIndex"] == "42"
    assert entry["id"] == "https://x.example/status/1#42"


def test_the_jwt_form_is_the_same_document_with_the_registered_claims() -> None:
    body = IssuingBody()
    document = body.list_document("revocation", (3,))

    token = sign_jwt(document, body.key, starts=NOW, ends=NOW + timedelta(hours=1))
    header, claims = (json.loads(_unpack(part)) for part in token.split(".")[:2])

    assert header == {"alg": "EdDSA", "typ": "vc+jwt", "kid": body.key.method}
    assert {name: claims[name] for name in document} == document
    assert (claims["iss"], claims["jti"], claims["sub"]) == (body.did, document["id"], f"{document['id']}#list")


def _unpack(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
