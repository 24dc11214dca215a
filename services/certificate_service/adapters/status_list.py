"""Bitstring Status List 1.0: which certificates are revoked or suspended, without telling whose they are.

A list has 131,072 places whatever is used, and places are given out in a keyed random order, so that neither the size
of a list nor a place in it tells anything about when or to whom a certificate was issued.
"""

import base64
import gzip
import hmac
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.certificate_service.adapters.contexts import CREDENTIALS_V2
from services.certificate_service.adapters.plain_json import Document
from services.certificate_service.adapters.signing import timestamp

SIZE = 131_072
Purpose = Literal["revocation", "suspension"]

_BYTES = SIZE // 8
_MAX_BYTES = 1024 * 1024
_MAX_ENCODED = 128 * 1024
# Nine bits a side hold 2^18 numbers; walking the cycle brings it down to the 2^17 places.
_HALF_BITS = 9
_ROUNDS = 8


class ListFull(ValueError):
    """All places of the list are given out; open the next list."""


class BadStatusList(ValueError):
    """Not a bitstring of the standard's form, or no such place in it."""


@dataclass(frozen=True, slots=True)
class StatusList:
    """The bits of one list; the first place is the most significant bit of the first byte."""

    bits: bytes = bytes(_BYTES)

    @classmethod
    def of(cls, places: Iterable[int]) -> "StatusList":
        """A list with these places set."""
        bits = bytearray(_BYTES)
        for place in places:
            if not 0 <= place < SIZE:
                raise BadStatusList(f"There is no place {place}.")
            bits[place // 8] |= 0x80 >> place % 8
        return cls(bytes(bits))

    def is_set(self, place: int) -> bool:
        """Whether the bit at the place is set; BadStatusList beyond the end."""
        if not 0 <= place < len(self.bits) * 8:
            raise BadStatusList(f"There is no place {place}.")
        return bool(self.bits[place // 8] & 0x80 >> place % 8)

    def encode(self) -> str:
        """`u` and base64url of the compressed bits; equal bits give equal text."""
        return "u" + base64.urlsafe_b64encode(gzip.compress(self.bits, mtime=0)).rstrip(b"=").decode()

    @classmethod
    def decode(cls, encoded: object) -> "StatusList":
        """The list in an `encodedList`; BadStatusList for anything malformed, too small or too large."""
        if not isinstance(encoded, str) or not encoded.startswith("u") or len(encoded) > _MAX_ENCODED:
            raise BadStatusList("The list is not base64url in multibase.")
        bits = _gunzip(encoded[1:])
        if len(bits) < _BYTES:
            raise BadStatusList(f"A list has at least {SIZE} places.")
        return cls(bits)


def place_for(counter: int, key: bytes) -> int:
    """The place of the `counter`-th certificate (from 0): a permutation under the list's key, so none comes twice.

    Take `key` from `MasterSecret.derive(f"status places:{list_id}")`. Raises ListFull after the last place.
    """
    if not 0 <= counter < SIZE:
        raise ListFull(f"The list has {SIZE} places, none for number {counter}.")
    place = _permute(counter, key)
    while place >= SIZE:
        place = _permute(place, key)
    return place


def status_entry(list_url: str, place: int, purpose: Purpose) -> Document:
    """The `credentialStatus` of a certificate."""
    return {
        "id": f"{list_url}#{place}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": purpose,
        "statusListIndex": str(place),
        "statusListCredential": list_url,
    }


def status_list_document(
    list_url: str, did: str, purpose: Purpose, bits: StatusList, *, starts: datetime, ends: datetime
) -> Document:
    """The list as a credential of the issuer, to be signed by `sign` and, for verifiers that want it, `sign_jwt`.

    Keep `ends` near (minutes to hours): until then a stored copy hides a revocation.
    """
    return {
        "@context": [CREDENTIALS_V2],
        "id": list_url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": did,
        "validFrom": timestamp(starts),
        "validUntil": timestamp(ends),
        "credentialSubject": {
            "id": f"{list_url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": bits.encode(),
        },
    }


def _permute(number: int, key: bytes) -> int:
    """A balanced Feistel network over 18 bits with HMAC-SHA256 rounds."""
    mask = (1 << _HALF_BITS) - 1
    left, right = number >> _HALF_BITS, number & mask
    for step in range(_ROUNDS):
        mixed = hmac.digest(key, bytes([step]) + right.to_bytes(2), "sha256")
        left, right = right, left ^ int.from_bytes(mixed[:2]) & mask
    return left << _HALF_BITS | right


def _gunzip(text: str) -> bytes:
    """The bits, refusing a small text that unpacks to a huge one."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        bits = unpacker.decompress(packed, _MAX_BYTES)
    except (ValueError, zlib.error):
        raise BadStatusList("The list is not compressed base64url.") from None
    if not unpacker.eof or unpacker.unused_data:
        raise BadStatusList("The list is cut off, goes on after its end, or is too large.")
    return bits
