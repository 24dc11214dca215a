"""Showing certificates to who may see them, and changing their status."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from services.certificate_service import domain
from services.certificate_service.actions.writing import Contents, Pen
from services.certificate_service.domain import Certificate, Holder, StatusBit, Withheld
from services.certificate_service.store import Store
from services.certificate_service.store.certificates import Sealed
from services.certificate_service.store.feed import Filters, Scope
from services.certificate_service.store.shares import Share
from shared.auth.caller import Caller
from shared.auth.visibility import Facts, acting_employers, is_cluster_wide, sees_whole
from shared.clock import Clock, Ids
from shared.errors import Forbidden, NotFound, NotYetKnown, Transient
from shared.people.names import Named
from shared.people.person import Person
from shared.schemas.event import Event
from shared.storage.pages import Rows, fill
from shared.versioned import require_version

__all__ = ["Certificates", "FeedPage", "Filters", "NameOf", "NewStatusBit", "Shown"]

_SECRET_BYTES: Final = 16
_MANAGE: Final = "certificate:manage"
_NOTHING: Final[frozenset[str]] = frozenset()
NOT_THE_AWARDERS: Final = frozenset({"employer_id", "cluster_id"})
"""Where the holder works and belongs: on a roster they do not stand either."""

Change = Callable[[Certificate, str, datetime], tuple[Certificate, list[Event]]]


@dataclass(frozen=True, slots=True)
class NameOf:
    """A question to the directory, answered before the transaction."""

    person_id: str


@dataclass(frozen=True, slots=True)
class NewStatusBit:
    """A question for a place in a list of this issuer. `token` tells two questions apart."""

    issuer_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate as one caller may see it: `visible` or, for who saw it once, the bare fact that it is gone.

    `withheld` are fields of it that are none of this caller's business.
    """

    stored: Certificate
    visible: bool = True
    reason: str | None = None
    withheld: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Part of the feed. `position` is how far it goes; `more` whether something follows at once."""

    items: list[Shown]
    position: int
    more: bool


class Certificates:
    """Use cases of the HTTP door, on one unit of work."""

    def __init__(self, store: Store, pen: Pen, now: Clock, ids: Ids) -> None:
        self._store, self._pen, self._now, self._ids = store, pen, now, ids

    # -- reading

    def get(self, caller: Caller, certificate_id: str) -> Shown:
        """The certificate with the reason of its last change, or NotFound for who may not see it."""
        stored = self._store.certificates.get(certificate_id)
        whole = self._sees(caller, stored)
        if not whole and not _awards(caller, stored):
            raise _unknown(certificate_id)
        return Shown(stored, reason=self._reason(stored), withheld=_NOTHING if whole else NOT_THE_AWARDERS)

    def page(self, caller: Caller, filters: Filters, after: int, limit: int) -> FeedPage:
        """What the caller may see after a position of the feed, in its order."""
        caller = self._as_known(caller)
        scope = self._scope(caller)

        def read(position: int, count: int) -> Rows[Shown, int]:
            found = self._store.feed.page(scope, filters, after=position, limit=count, now=self._now())
            rows = [
                (r.position or 0, self._shown(caller, r, found.people, filters, again=after > 0)) for r in found.rows
            ]
            return Rows(rows, found.position, found.more)

        page = fill(read, after, limit)
        return FeedPage(page.items, page.position, page.more)

    def withheld(self, caller: Caller, after: str | None, limit: int) -> list[tuple[Withheld, datetime]]:
        """Completions of the caller's courses, or under the caller's seal, that are not certified now; since when."""
        return self._store.withheld.page(self._awarding(caller), after, limit)

    def credential(self, caller: Caller | None, certificate_id: str, secret: str | None) -> bytes | Certificate:
        """The signed credential for who may have it, else the certificate whose status anybody may know."""
        stored = self._store.certificates.get(certificate_id)
        if stored.erased:
            return stored
        entitled = (secret is not None and self.opens(certificate_id, secret)) or (
            caller is not None and "certificate:read" in caller.scopes and self._sees(caller, stored)
        )
        return self.signed(stored) if entitled else stored

    def whole(self, caller: Caller, certificate_id: str) -> bytes:
        """The signed credential, or NotFound for who may not have it."""
        found = self.credential(caller, certificate_id, None)
        if not isinstance(found, bytes):
            raise _unknown(certificate_id)
        return found

    def signed(self, certificate: Certificate) -> bytes:
        """The credential as it was signed. NotFound when its holder was erased."""
        locked = self._locked(certificate)
        if locked is None:
            raise _unknown(certificate.id)
        return self._pen.open(*locked)

    # -- changing

    def suspend(self, caller: Caller, certificate_id: str, reason: str, seen: int | None) -> Shown:
        """Not valid for now."""
        return self._change(caller, certificate_id, domain.suspend, reason, seen)

    def reinstate(self, caller: Caller, certificate_id: str, reason: str | None, seen: int | None) -> Shown:
        """Valid again."""
        return self._change(caller, certificate_id, domain.reinstate, reason, seen)

    def revoke(self, caller: Caller, certificate_id: str, reason: str, seen: int | None) -> Shown:
        """Never valid again."""

        def change(certificate: Certificate, by: str, now: datetime) -> tuple[Certificate, list[Event]]:
            return domain.revoke(certificate, domain.BY_PERSON, by, now)

        return self._change(caller, certificate_id, change, reason, seen)

    def reissue(self, caller: Caller, certificate_id: str, seen: int | None) -> Shown:
        """The holder's name was corrected in the directory: sign again with the present one."""
        known = self._for_change(caller, certificate_id, seen)
        now = self._now()
        draft, happened = domain.reissue(known, known.place, caller.subject, now)
        holder = self._store.holders.resolve(known.person_id or "")
        named: Named = self._store.work.ask(NameOf(holder.person_id))
        place: StatusBit = self._store.work.ask(
            NewStatusBit(known.awarding_body_id, f"{certificate_id}/{known.valid_from}")
        )
        if named.name is None:
            raise NotYetKnown("person", holder.person_id)
        renewed = replace(draft, place=place)
        credential = self._pen.write(
            self._contents(renewed, named.name), self._store.issuers.keys(known.awarding_body_id)[-1]
        )
        stored = self._store.certificates.save(renewed, happened)
        self._store.certificates.seal(self._pen.seal(holder, known.id, credential))
        self._store.holders.save(holder)
        return self._changed(caller, stored)

    # -- share links

    def share(self, caller: Caller, certificate_id: str, days: int) -> Share:
        """A link that opens the credential for whoever has its secret, for so many days. Only the holder makes one."""
        self._own(caller, certificate_id)
        share_id = self._ids()
        secret, until = self.share_secret(certificate_id, share_id), self._now() + timedelta(days=days)
        return self._store.shares.add(share_id, certificate_id, secret, until)

    def shares(self, caller: Caller, certificate_id: str) -> list[Share]:
        """The holder's links of a certificate, the newest first, those that are over too."""
        self._own(caller, certificate_id)
        return self._store.shares.of(certificate_id)

    def share_secret(self, certificate_id: str, share_id: str) -> str:
        """The secret of a share link: made of its id, so that a repeated request can be told it and nobody keeps it."""
        return self._secret("share links", f"{certificate_id}\n{share_id}")

    def end_share(self, caller: Caller, certificate_id: str, share_id: str) -> None:
        """The link opens nothing any more."""
        self._own(caller, certificate_id)
        self._store.shares.end(share_id, certificate_id, self._now())

    def qr_secret(self, certificate_id: str) -> str:
        """The secret in the QR of the paper: made of the certificate's id, so that it need not be kept."""
        return self._secret("qr secrets", certificate_id)

    def _secret(self, purpose: str, name: str) -> str:
        return _text(hmac.digest(self._pen.master.derive(purpose), name.encode(), hashlib.sha256)[:_SECRET_BYTES])

    # -- who may

    def opens(self, certificate_id: str, secret: str) -> bool:
        """Whether this is the secret of a share link that has not been ended, or the QR's."""
        if hmac.compare_digest(secret.encode(), self.qr_secret(certificate_id).encode()):
            return True
        return self._store.shares.opens(certificate_id, secret, self._now())

    def _own(self, caller: Caller, certificate_id: str) -> None:
        certificate = self._store.certificates.get(certificate_id)
        if certificate.person_id is None or self._as_known(caller).person_id != certificate.person_id:
            raise _unknown(certificate_id)

    def _as_known(self, caller: Caller) -> Caller:
        """Somebody who signed in under a record that was merged is the person that remains."""
        if caller.person_id is None:
            return caller
        return replace(caller, person_id=self._store.holders.resolve(caller.person_id).person_id)

    def _sees(self, caller: Caller, certificate: Certificate) -> bool:
        """HR's reading depends on what the directory said last: too long ago is no answer."""
        caller = self._as_known(caller)
        if sees_whole(caller, _facts(certificate, may=False)):
            return True
        if certificate.employer_id not in acting_employers(caller):
            return False
        self._require_fresh()
        person = self._store.copies.person(certificate.person_id or "")
        return sees_whole(caller, _facts(certificate, may=self._may_see(certificate, person)))

    def _scope(self, caller: Caller) -> Scope:
        employers = acting_employers(caller)
        if employers:
            self._require_fresh()
        cluster = caller.cluster_id if is_cluster_wide(caller) else None
        awarding = self._awarding(caller) if _MANAGE in caller.scopes else Scope()
        return replace(awarding, person_id=caller.person_id, cluster_id=cluster, employer_ids=employers)

    def _awarding(self, caller: Caller) -> Scope:
        cluster = caller.cluster_id if is_cluster_wide(caller) else None
        return Scope(awarding_cluster_id=cluster, awarding_body_ids=caller.organisation_ids)

    def _shown(
        self, caller: Caller, certificate: Certificate, people: dict[str, Person], filters: Filters, *, again: bool
    ) -> Shown | None:
        person = people.get(certificate.person_id or "", Person(id=""))
        if sees_whole(caller, _facts(certificate, may=self._may_see(certificate, person))):
            return Shown(certificate)
        if filters.employer is None and _awards(caller, certificate):
            return Shown(certificate, withheld=NOT_THE_AWARDERS)
        return Shown(certificate, visible=False) if again and not filters.any else None

    def _may_see(self, certificate: Certificate, person: Person) -> bool:
        """As recorded, in the order of the feed, and as of today: an employment may have ended by its date."""
        return certificate.employer_sees and person.shows_results_to(certificate.employer_id, self._now().date())

    def _require_fresh(self) -> None:
        self._store.feed.require_fresh(self._now())

    # -- inside

    def _for_change(self, caller: Caller, certificate_id: str, seen: int | None) -> Certificate:
        stored = self._store.certificates.get(certificate_id)
        if not _awards(caller, stored):
            if self._sees(caller, stored):
                raise Forbidden("Only the awarding body changes a certificate.", code="NOT_THE_AWARDING_BODY")
            raise _unknown(certificate_id)
        require_version(stored, seen)
        return stored

    def _change(
        self, caller: Caller, certificate_id: str, change: Change, reason: str | None, seen: int | None
    ) -> Shown:
        known = self._for_change(caller, certificate_id, seen)
        stored = self._store.certificates.save(*change(known, caller.subject, self._now()))
        locked = self._locked(known)
        # Erased since the certificate was read? Its save above is refused for that, and all of this decided again.
        if locked is not None:
            self._store.certificates.seal(self._pen.with_reason(*locked, reason))
        return self._changed(caller, stored)

    def _changed(self, caller: Caller, stored: Certificate) -> Shown:
        """As who awarded it sees it, unless it is also of their own cluster's people."""
        whole = sees_whole(self._as_known(caller), _facts(stored, may=False))
        return Shown(stored, withheld=_NOTHING if whole else NOT_THE_AWARDERS)

    def _reason(self, certificate: Certificate) -> str | None:
        locked = self._locked(certificate)
        return None if locked is None else self._pen.open_reason(*locked)

    def _locked(self, certificate: Certificate) -> tuple[Holder, Sealed] | None:
        """Who has the key, read first so that what is there can be opened, and the encrypted credential. None when its
        holder was erased."""
        if certificate.person_id is None:
            return None
        holder = self._store.holders.resolve(certificate.person_id)
        sealed = self._store.certificates.find_sealed(certificate.id)
        if sealed is None:
            return None
        if sealed.key_id not in holder.keys:
            raise Transient("The holder's records are being merged; try again in a moment.")
        return holder, sealed

    def _contents(self, certificate: Certificate, name: str) -> Contents:
        """The snapshot stays: the same version of the course, the same date of award."""
        reservation = self._store.issuers.reservations([certificate.enrolment_id])[certificate.enrolment_id]
        course = self._store.copies.course(certificate.course_id, certificate.course_version)
        return Contents(
            certificate_id=certificate.id,
            subject_id=reservation.subject_id,
            place=certificate.place,
            holder_name=name,
            course=course,
            body=self._store.copies.organisation(certificate.awarding_body_id),
            score=certificate.score,
            awarded_at=certificate.awarded_at,
            valid_from=certificate.valid_from,
        )


def _awards(caller: Caller, certificate: Certificate) -> bool:
    """Somebody of the awarding body, or the desk of its home cluster or of the one that offered the course."""
    if _MANAGE not in caller.scopes:
        return False
    if is_cluster_wide(caller) and caller.cluster_id in {certificate.awarding_cluster_id, certificate.body_cluster_id}:
        return True
    return certificate.awarding_body_id in caller.organisation_ids


def _facts(certificate: Certificate, *, may: bool) -> Facts:
    return Facts(
        person_id=certificate.person_id or "",
        home_cluster_id=certificate.cluster_id,
        employer_id=certificate.employer_id,
        employer_may_see=may,
    )


def _text(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def _unknown(certificate_id: str) -> NotFound:
    return NotFound(f"No certificate {certificate_id}.")
