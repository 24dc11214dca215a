"""The signing keys of awarding bodies and the did:web documents that publish them.

Rotation adds a key: the newest signs, all stay in the document, so what an older one signed still verifies.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.certificate_service.adapters.multibase import encode_ed25519
from services.certificate_service.adapters.plain_json import Document
from shared.sealing import MasterSecret

DID_CONTEXTS = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
_PURPOSE = "issuer keys"
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A key as stored: public part readable, private part sealed. `method` is its id in the did document."""

    did: str
    public_multibase: str
    sealed: bytes = field(repr=False)
    created_at: datetime

    @property
    def method(self) -> str:
        return f"{self.did}#{self.public_multibase}"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key ready to sign for an issuer."""

    did: str
    method: str
    private: Ed25519PrivateKey = field(repr=False)


def did_web(public_https_url: str, issuer_id: str) -> str:
    """`did:web:HOST:issuers:ID`; a port is written %3A, as the method says. The document is at /issuers/ID/did.json."""
    parts = urlsplit(public_https_url)
    if parts.scheme != "https" or not parts.netloc or parts.path.strip("/"):
        raise ValueError(f"{public_https_url!r} is not an https address without a path, which did:web needs.")
    if not _SEGMENT.fullmatch(issuer_id):
        raise ValueError(f"{issuer_id!r} cannot stand in a did:web.")
    return f"did:web:{quote(parts.netloc.lower(), safe='.-')}:issuers:{issuer_id}"


def create_issuer_key(master: MasterSecret, did: str, now: datetime) -> IssuerKey:
    """A new random Ed25519 key for the issuer, its private part sealed."""
    private = Ed25519PrivateKey.generate()
    public = encode_ed25519(private.public_key().public_bytes_raw())
    sealed = master.seal(_PURPOSE, f"{did}#{public}", private.private_bytes_raw())
    return IssuerKey(did, public, sealed, now)


def open_issuer_key(master: MasterSecret, key: IssuerKey) -> SigningKey:
    """The key ready to sign; CannotOpen when it was sealed for another issuer or changed."""
    raw = master.open(_PURPOSE, key.method, key.sealed)
    return SigningKey(key.did, key.method, Ed25519PrivateKey.from_private_bytes(raw))


def did_document(did: str, keys: Sequence[IssuerKey]) -> Document:
    """The issuer's did.json with all its keys, oldest first. A key of another issuer is a programming error."""
    if not keys or any(key.did != did for key in keys):
        raise ValueError(f"A did document of {did} needs keys, all of them its own.")
    ordered = sorted(keys, key=lambda key: key.created_at)
    return {
        "@context": DID_CONTEXTS,
        "id": did,
        "verificationMethod": [_method(key) for key in ordered],
        "assertionMethod": [key.method for key in ordered],
    }


def _method(key: IssuerKey) -> Document:
    return {
        "id": key.method,
        "type": "Multikey",
        "controller": key.did,
        "publicKeyMultibase": key.public_multibase,
    }
