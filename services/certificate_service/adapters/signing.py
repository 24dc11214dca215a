"""Data Integrity proofs `eddsa-rdfc-2022` (W3C vc-di-eddsa) by PyLD, and VC-JWT for the form a verifier asks for.

The proof stands as an object, not as a list of one: all four verifiers we test against take the object, openvc-core
refuses the list. The 1EdTech JSON Schema wants the list; `with_proof_list` gives it, and the signature is the same,
because the outer shape is not signed.
"""

import base64
import json
from datetime import UTC, datetime

from services.certificate_service.adapters.canonical import canonical_sha256
from services.certificate_service.adapters.keys import SigningKey
from services.certificate_service.adapters.multibase import encode
from services.certificate_service.adapters.plain_json import BadDocument, Document

CRYPTOSUITE = "eddsa-rdfc-2022"


def sign(document: Document, key: SigningKey, now: datetime) -> Document:
    """A copy of the document with a proof by `key`. BadDocument when any part of it would not be covered."""
    if "proof" in document:
        raise BadDocument("The document carries a proof already.")
    proof: Document = {
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "created": timestamp(now),
        "verificationMethod": key.method,
        "proofPurpose": "assertionMethod",
    }
    signature = key.private.sign(secured_bytes(document, proof))
    return {**document, "proof": {**proof, "proofValue": encode(signature)}}


def secured_bytes(document: Document, proof: Document) -> bytes:
    """The 64 bytes that are signed: SHA-256 of the proof's options, then of the document, both canonical."""
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    return canonical_sha256({"@context": document.get("@context"), **options}) + canonical_sha256(unsecured)


def sign_jwt(document: Document, key: SigningKey, *, starts: datetime, ends: datetime) -> str:
    """The document as a compact VC-JWT (EdDSA); the payload is the document plus the registered claims."""
    header = {"alg": "EdDSA", "typ": "vc+jwt", "kid": key.method}
    claims = {
        **document,
        "iss": key.did,
        "jti": document["id"],
        "sub": document["credentialSubject"]["id"],
        "nbf": int(starts.timestamp()),
        "exp": int(ends.timestamp()),
    }
    content = f"{_base64url_json(header)}.{_base64url_json(claims)}"
    return f"{content}.{_base64url(key.private.sign(content.encode()))}"


def with_proof_list(signed: Document) -> Document:
    """The same signed document in the shape the 1EdTech JSON Schema wants."""
    return {**signed, "proof": [signed["proof"]]}


def timestamp(moment: datetime) -> str:
    """An xsd:dateTime in UTC, to the second; a time without a zone is refused."""
    if moment.tzinfo is None:
        raise ValueError("A time without a zone cannot be signed.")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64url_json(value: Document) -> str:
    return _base64url(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
