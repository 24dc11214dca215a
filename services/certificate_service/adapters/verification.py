"""Verifying a credential line by line: what holds, what does not, and why, in words a reader understands.

Untrusted input is the normal case. Every outcome, a hostile document's too, is a `Verification`; only a bug raises.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.certificate_service.adapters import multibase
from services.certificate_service.adapters.canonical import canonical_form
from services.certificate_service.adapters.plain_json import BadDocument, Document, parse
from services.certificate_service.adapters.signing import CRYPTOSUITE, secured_bytes
from services.certificate_service.adapters.status_list import BadStatusList, StatusList

CheckName = Literal["context", "schema", "issuer", "signature", "not_before", "expiry", "revocation", "suspension"]
CHECKS: tuple[CheckName, ...] = (
    "context",
    "schema",
    "issuer",
    "signature",
    "not_before",
    "expiry",
    "revocation",
    "suspension",
)
CLOCK_SKEW = timedelta(seconds=60)

HOLDS, NOT_CHECKED, UNREADABLE = "HOLDS", "NOT_CHECKED", "UNREADABLE"
_SET = {
    "revocation": ("REVOKED", "It has been revoked."),
    "suspension": ("SUSPENDED", "It is suspended."),
}

_Found = TypeVar("_Found")

_PROOF_MEMBERS = {
    "type",
    "cryptosuite",
    "created",
    "verificationMethod",
    "proofPurpose",
    "proofValue",
    "expires",
    "id",
}
_CREDENTIAL_TYPES = {"OpenBadgeCredential", "AchievementCredential"}


class CannotRead(Exception):
    """A source could not give the document; the check that needs it fails, with this code and text as its reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Sources(Protocol):
    """Where issuers' documents come from: our own store, or fetched with all due care. Raises CannotRead."""

    def did_document(self, did: str) -> object:
        """The did document of the issuer, as parsed JSON."""

    def status_list(self, url: str) -> bytes | str | Mapping[str, Any]:
        """The signed status list credential at the address."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `ok` is None when an earlier failure left nothing to check. `code` is the reason for programs."""

    name: CheckName
    ok: bool | None
    reason: str
    code: str = HOLDS


@dataclass(frozen=True, slots=True)
class Verification:
    """All lines, in the order of CHECKS, and the credential as far as it could be read."""

    checks: tuple[Check, ...]
    credential: Document | None

    @property
    def verified(self) -> bool:
        """Every line holds."""
        return all(check.ok is True for check in self.checks)

    def check(self, name: CheckName) -> Check:
        """The line of that name."""
        return next(check for check in self.checks if check.name == name)


class _Failed(Exception):
    """A check does not hold; code and text say why."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def verify(data: bytes | str | Mapping[str, Any], sources: Sources, now: datetime) -> Verification:
    """Check a credential as presented. Never raises for what the data or the sources hold."""
    lines: dict[CheckName, Check] = {}
    credential = _line(lines, "context", "The content is in a recognised format.", lambda: _readable(data))
    if credential is None:
        return _result(lines, None)
    issuer = _line(lines, "schema", "It is an Open Badges 3.0 credential.", lambda: _shape(credential))
    if issuer is None:
        return _result(lines, credential)
    _check_signed(lines, credential, issuer, sources, now)
    _line(lines, "not_before", "Its validity has begun.", lambda: _begun(credential, now))
    _line(lines, "expiry", "It has not expired.", lambda: _not_over(credential, now))
    _check_status(lines, credential, issuer, sources, now)
    return _result(lines, credential)


def _check_signed(
    lines: dict[CheckName, Check], credential: Document, issuer: str, sources: Sources, now: datetime
) -> None:
    key = _line(lines, "issuer", f"The key is one of {issuer}.", lambda: _issuer_key(credential, issuer, sources))
    if key is not None:
        _line(lines, "signature", "Nothing has been changed.", lambda: _signature(credential, key, now))


def _check_status(
    lines: dict[CheckName, Check], credential: Document, issuer: str, sources: Sources, now: datetime
) -> None:
    _line(lines, "revocation", "Not revoked.", lambda: _not_set(credential, "revocation", issuer, sources, now))
    _line(lines, "suspension", "Not suspended.", lambda: _not_set(credential, "suspension", issuer, sources, now))


def _line(lines: dict[CheckName, Check], name: CheckName, holds: str, check: Callable[[], _Found]) -> _Found | None:
    """Run one check and write its line; what the check found, or None when it does not hold."""
    try:
        found = check()
    except (_Failed, BadDocument, CannotRead) as error:
        lines[name] = Check(name, False, str(error), getattr(error, "code", UNREADABLE))
        return None
    lines[name] = Check(name, True, holds)
    return found


def _result(lines: dict[CheckName, Check], credential: Document | None) -> Verification:
    missing = "Not checked, because an earlier check failed."
    return Verification(tuple(lines.get(name, Check(name, None, missing, NOT_CHECKED)) for name in CHECKS), credential)


def _readable(data: bytes | str | Mapping[str, Any]) -> Document:
    document = parse(data)
    canonical_form({name: value for name, value in document.items() if name != "proof"})
    return document


def _shape(credential: Document) -> str:
    """The members every later check reads have the one form we read them in; the issuer's id."""
    types = credential.get("type")
    if not isinstance(types, list) or "VerifiableCredential" not in types:
        raise _Failed("NOT_A_CREDENTIAL", "The type must name VerifiableCredential.")
    if not _CREDENTIAL_TYPES.intersection(kind for kind in types if isinstance(kind, str)):
        raise _Failed("NOT_A_BADGE", "The type must name OpenBadgeCredential.")
    subject = credential.get("credentialSubject")
    if not isinstance(subject, dict) or not isinstance(subject.get("achievement"), dict):
        raise _Failed("NO_ACHIEVEMENT", "There must be one credentialSubject with an achievement.")
    if not isinstance(credential.get("id"), str) or not isinstance(credential.get("validFrom"), str):
        raise _Failed("NO_ID", "The credential must have an id and a validFrom.")
    return _issuer_id(credential)


def _issuer_id(credential: Document) -> str:
    issuer = credential.get("issuer")
    did = issuer.get("id") if isinstance(issuer, dict) else issuer
    if not isinstance(did, str) or not did.startswith("did:"):
        raise _Failed("BAD_ISSUER", "The issuer must be a did.")
    return did


def _proof(document: Document) -> Document:
    """The one proof we accept; a list may hold it alone. A second proof is not ours to choose from."""
    proof = document.get("proof")
    if isinstance(proof, list) and len(proof) == 1:
        proof = proof[0]
    if not isinstance(proof, dict):
        raise _Failed("BAD_PROOF", "There must be exactly one proof.")
    if unknown := set(proof) - _PROOF_MEMBERS:
        raise _Failed("BAD_PROOF", f"The proof has the unknown member {min(unknown)[:100]!r}.")
    if proof.get("type") != "DataIntegrityProof" or proof.get("cryptosuite") != CRYPTOSUITE:
        raise _Failed("BAD_PROOF", f"The proof must be a DataIntegrityProof {CRYPTOSUITE}.")
    if proof.get("proofPurpose") != "assertionMethod":
        raise _Failed("BAD_PROOF", "The proof's purpose must be assertionMethod.")
    return proof


def _issuer_key(document: Document, issuer: str, sources: Sources) -> Ed25519PublicKey:
    """The key the proof names, when it is the issuer's and the issuer lets it sign."""
    method = _proof(document).get("verificationMethod")
    if not isinstance(method, str) or method.split("#")[0] != issuer:
        raise _Failed("FOREIGN_KEY", "The signing key does not belong to the issuer.")
    published = sources.did_document(issuer)
    if not isinstance(published, Mapping) or published.get("id") != issuer:
        raise _Failed("BAD_ISSUER", "The issuer's did document is not its own.")
    allowed = published.get("assertionMethod")
    if not isinstance(allowed, list) or method not in allowed:
        raise _Failed("FOREIGN_KEY", "The issuer does not name this key for signing credentials.")
    return _published_key(published, issuer, method)


def _published_key(published: Mapping[str, Any], issuer: str, method: str) -> Ed25519PublicKey:
    methods = published.get("verificationMethod")
    for entry in methods if isinstance(methods, list) else []:
        if isinstance(entry, dict) and entry.get("id") == method:
            if entry.get("type") != "Multikey" or entry.get("controller") != issuer:
                raise _Failed("BAD_ISSUER", "The issuer's key is not an Ed25519 Multikey of its own.")
            try:
                return Ed25519PublicKey.from_public_bytes(multibase.decode_ed25519(entry.get("publicKeyMultibase")))
            except ValueError:
                raise _Failed("BAD_ISSUER", "The issuer's key is not an Ed25519 Multikey of its own.") from None
    raise _Failed("FOREIGN_KEY", "The issuer's did document does not hold this key.")


def _signature(document: Document, key: Ed25519PublicKey, now: datetime) -> bool:
    proof = _proof(document)
    if "expires" in proof and _moment(proof, "expires") <= now:
        raise _Failed("PROOF_EXPIRED", "The proof has expired.")
    try:
        signature = multibase.decode(proof.get("proofValue"))
        key.verify(signature, secured_bytes(document, proof))
    except (multibase.BadMultibase, InvalidSignature):
        raise _Failed(
            "CHANGED", "The signature does not fit: the credential was changed, or another key signed it."
        ) from None
    return True


def _begun(document: Document, now: datetime) -> bool:
    if _moment(document, "validFrom") > now + CLOCK_SKEW:
        raise _Failed("NOT_YET_VALID", f"It is valid only from {document['validFrom']}.")
    return True


def _not_over(document: Document, now: datetime) -> bool:
    if "validUntil" in document and _moment(document, "validUntil") < now - CLOCK_SKEW:
        raise _Failed("EXPIRED", f"It expired on {document['validUntil']}.")
    return True


def _moment(document: Document, name: str) -> datetime:
    text = document.get(name)
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter at both ends of the calendar
        pass
    raise _Failed("BAD_DATE", f"{name} is not a point in time with its zone.")


def _not_set(document: Document, purpose: str, issuer: str, sources: Sources, now: datetime) -> bool:
    for entry in _status_entries(document):
        if entry.get("statusPurpose") == purpose and _bit(entry, purpose, issuer, sources, now):
            raise _Failed(*_SET[purpose])
    return True


def _status_entries(document: Document) -> list[Document]:
    """The status entries; one we do not understand could hide a revocation, so it fails the check."""
    status = document.get("credentialStatus", [])
    entries = status if isinstance(status, list) else [status]
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("type") not in (
            "BitstringStatusListEntry",
            ["BitstringStatusListEntry"],
        ):
            raise _Failed("BAD_STATUS", "Its status is of a kind we cannot check.")
        if not isinstance(entry.get("statusPurpose"), str) or "statusSize" in entry:
            raise _Failed("BAD_STATUS", "Its status entry is not one bit for one purpose.")
    return entries


def _bit(entry: Document, purpose: str, issuer: str, sources: Sources, now: datetime) -> bool:
    url, index = entry.get("statusListCredential"), entry.get("statusListIndex")
    if not isinstance(url, str) or not isinstance(index, str) or not index.isascii() or not index.isdigit():
        raise _Failed("BAD_STATUS", "Its status entry is not one place in one list.")
    if len(index) > 9:
        raise _Failed("BAD_STATUS", "Its place is beyond the end of the status list.")
    status_list = _trusted_list(url, purpose, issuer, sources, now)
    try:
        return status_list.is_set(int(index))
    except BadStatusList:
        raise _Failed("BAD_STATUS", "Its place is beyond the end of the status list.") from None


def _trusted_list(url: str, purpose: str, issuer: str, sources: Sources, now: datetime) -> StatusList:
    """The list at the address, when the same issuer signed it, for this purpose, and it is current."""
    document = parse(sources.status_list(url))
    types = document.get("type")
    if not isinstance(types, list) or "BitstringStatusListCredential" not in types:
        raise _Failed("BAD_LIST", "What its status address holds is not a status list.")
    if document.get("id") != url or _issuer_id(document) != issuer:
        raise _Failed("BAD_LIST", "The status list is not one of the issuer's own.")
    _require_current(document, now)
    try:
        _signature(document, _issuer_key(document, issuer, sources), now)
    except _Failed as error:
        raise _Failed("BAD_LIST", f"The status list cannot be trusted. {error}") from None
    return _bits(document, purpose)


def _require_current(document: Document, now: datetime) -> None:
    try:
        _begun(document, now)
        _not_over(document, now)
    except _Failed as error:
        raise _Failed("BAD_LIST", f"The status list is not current. {error}") from None


def _bits(document: Document, purpose: str) -> StatusList:
    subject = document.get("credentialSubject")
    if not isinstance(subject, dict) or subject.get("type") not in ("BitstringStatusList", ["BitstringStatusList"]):
        raise _Failed("BAD_LIST", "What its status address holds is not a status list.")
    if subject.get("statusPurpose") != purpose:
        raise _Failed("BAD_LIST", f"The status list is not one for {purpose}.")
    try:
        return StatusList.decode(subject.get("encodedList"))
    except BadStatusList as error:
        raise _Failed("BAD_LIST", str(error)) from None
