"""Verification for anybody: line by line, by signature and status list, and by our own record of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.certificate_service import domain
from services.certificate_service.actions.certificates import Certificates
from services.certificate_service.actions.publishing import Publishing
from services.certificate_service.adapters.site import Site
from services.certificate_service.adapters.verification import (
    CHECKS,
    HOLDS,
    NOT_CHECKED,
    CannotRead,
    Check,
    Verification,
    verify,
)
from services.certificate_service.domain import Certificate
from services.certificate_service.store import Store
from shared.clock import Clock
from shared.errors import NotFound


@dataclass(frozen=True, slots=True)
class Verdict:
    """All lines, what our record says of the certificate, if it is one of ours, and the holder's name for who has
    the credential or the secret that opens it."""

    checks: tuple[Check, ...]
    certificate: Certificate | None
    holder: str | None = None

    @property
    def verified(self) -> bool:
        """Every line holds."""
        return all(check.ok is True for check in self.checks)


class Verifying:
    """Reads keys and lists from our own store: an issuer of another site is told to be checked there."""

    def __init__(
        self, site: Site, publishing: Publishing, certificates: Callable[[], tuple[Store, Certificates]], now: Clock
    ) -> None:
        self._site, self._publishing, self._certificates, self._now = site, publishing, certificates, now

    def credential(self, document: Mapping[str, Any]) -> Verdict:
        """Check a credential as presented."""
        return self._judge(verify(document, self, self._now()))

    def address(self, url: str) -> Verdict:
        """Check the certificate that stands at one of our addresses, by what is stored. NotFound when there is none."""
        found = self._site.certificate_at(url)
        if found is None:
            return Verdict(_nothing("OTHER_SITE", "This is not the address of a certificate of this site."), None)
        certificate_id, secret = found
        store, certificates = self._certificates()
        certificate = store.certificates.get(certificate_id)
        if certificate.erased:
            return self._without_document(certificate)
        verdict = self._judge(verify(certificates.signed(certificate), self, self._now()))
        opened = secret is not None and certificates.opens(certificate_id, secret)
        return verdict if opened else replace(verdict, holder=None)

    # -- sources of the verification

    def did_document(self, did: str) -> object:
        """The keys of one of our issuers."""
        issuer_id = self._site.issuer_of(did)
        if issuer_id is None:
            raise CannotRead("OTHER_ISSUER", "The issuer is none of this site; verify it where it was issued.")
        try:
            return self._publishing.did_document(issuer_id)
        except NotFound:
            raise CannotRead("NO_SUCH_ISSUER", "There is no such issuer at this site.") from None

    def status_list(self, url: str) -> bytes:
        """One of our status lists."""
        list_id = self._site.list_of(url)
        if list_id is None:
            raise CannotRead("OTHER_LIST", "The status list is none of this site.")
        try:
            return self._publishing.status_list(list_id).document
        except NotFound:
            raise CannotRead("NO_SUCH_LIST", "There is no such status list at this site.") from None

    # -- our own record

    def _judge(self, found: Verification) -> Verdict:
        """The signature proves that it is ours; then the record tells what no list does: a suspension."""
        if found.credential is None or found.check("signature").ok is not True:
            return Verdict(found.checks, None)
        certificate, holder = self._record(found.credential), _holder(found.credential)
        if certificate is None or certificate.status != domain.SUSPENDED:
            return Verdict(found.checks, certificate, holder)
        suspended = Check("suspension", False, "It is suspended.", "SUSPENDED")
        lines = tuple(suspended if c.name == "suspension" else c for c in found.checks)
        return Verdict(lines, certificate, holder)

    def _record(self, credential: Mapping[str, Any]) -> Certificate | None:
        found = self._site.certificate_at(str(credential.get("id")))
        return None if found is None else self._certificates()[0].certificates.find(found[0])

    def _without_document(self, certificate: Certificate) -> Verdict:
        """The holder was erased, and the document with them; its status is still known."""
        gone = "The holder was erased and the document with them; a copy can still be checked."
        standing = domain.standing(certificate, self._now())
        lines = {check.name: check for check in _nothing("HOLDER_ERASED", gone)}
        for name, bad, words in _STANDINGS:
            lines[name] = Check(
                name, standing != bad, words[standing == bad], bad.upper() if standing == bad else HOLDS
            )
        return Verdict(tuple(replace(lines[name]) for name in CHECKS), certificate)


_STANDINGS: tuple[tuple[Any, str, tuple[str, str]], ...] = (
    ("expiry", domain.EXPIRED, ("It has not expired.", "It has expired.")),
    ("revocation", domain.REVOKED, ("Not revoked.", "It has been revoked.")),
    ("suspension", domain.SUSPENDED, ("Not suspended.", "It is suspended.")),
)


def _holder(credential: Mapping[str, Any]) -> str | None:
    """The name in a credential whose signature held: the form is our own."""
    identifiers = credential["credentialSubject"].get("identifier", [])
    names = [entry["identityHash"] for entry in identifiers if entry.get("identityType") == "name"]
    return names[0] if names else None


def _nothing(code: str, reason: str) -> tuple[Check, ...]:
    first, *others = CHECKS
    missing = "Not checked, because an earlier check failed."
    return (Check(first, False, reason, code), *(Check(name, None, missing, NOT_CHECKED) for name in others))
