"""Certificates, their encrypted credentials, and the bits that are set in the status lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
from pymongo import ASCENDING, IndexModel, InsertOne, UpdateOne

from services.certificate_service.domain import REVOKED, Certificate, StatusBit
from services.certificate_service.store.issuers import LISTS
from shared.errors import NotFound
from shared.schemas.event import Event
from shared.storage import feed
from shared.storage.documents import document_of, thing_of
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

CERTIFICATES, SEALED, REVOKED_PLACES = "certificates", "sealed_credentials", "revoked_places"

INDEXES = {
    CERTIFICATES: [
        IndexModel([("enrolment_id", ASCENDING)], name="one_per_enrolment", unique=True),
        IndexModel([("position", ASCENDING)], name="position"),
        IndexModel([("cluster_id", ASCENDING), ("position", ASCENDING)], name="by_cluster"),
        IndexModel([("employer_id", ASCENDING), ("position", ASCENDING)], name="by_employer"),
        IndexModel([("person_id", ASCENDING), ("position", ASCENDING)], name="by_person"),
        IndexModel([("course_id", ASCENDING), ("position", ASCENDING)], name="by_course"),
        IndexModel([("changed_at", ASCENDING), ("position", ASCENDING)], name="by_change"),
        IndexModel([("awarding_cluster_id", ASCENDING), ("position", ASCENDING)], name="by_awarding_cluster"),
        IndexModel([("body_cluster_id", ASCENDING), ("position", ASCENDING)], name="by_body_cluster"),
        IndexModel([("awarding_body_id", ASCENDING), ("position", ASCENDING)], name="by_awarding_body"),
        feed.UNSTAMPED,
    ],
    SEALED: [],
    REVOKED_PLACES: [IndexModel([("list_id", ASCENDING)], name="list")],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What only the holder's key opens: the signed credential, and the reason of the last change of status."""

    certificate_id: str
    key_id: str
    credential: bytes = field(repr=False)
    reason: bytes | None = field(default=None, repr=False)


class Certificates:
    """Reads and writes certificates through one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def preload(self, certificate_ids: Iterable[str]) -> None:
        """Load many in one query."""
        self._work.preload(CERTIFICATES, certificate_ids)

    def get(self, certificate_id: str) -> Certificate:
        """The certificate, or NotFound."""
        document = self._work.peek(CERTIFICATES, certificate_id)
        if document is None:
            raise NotFound(f"No certificate {certificate_id}.")
        return certificate_of(document)

    def find(self, certificate_id: str) -> Certificate | None:
        """As `get`, for those to whom none is an answer."""
        document = self._work.peek(CERTIFICATES, certificate_id)
        return None if document is None else certificate_of(document)

    def save(self, certificate: Certificate, events: Sequence[Event] = ()) -> Certificate:
        """Store it with its events. It goes to the end of the feed as soon as the relay has given it a position."""
        document = document_of(certificate) | feed.ENTERS
        self._note_revoked(certificate)
        return certificate_of(self._work.save(CERTIFICATES, document, events))

    def _note_revoked(self, certificate: Certificate) -> None:
        """Set the bits that the certificate's new state sets and its old state did not."""
        before = self.find(certificate.id)
        set_before = set() if before is None else set(_revoked(before))
        for place in _revoked(certificate):
            if place not in set_before:
                row = {"_id": f"{place.list_id}/{place.number}", "list_id": place.list_id, "number": place.number}
                self._work.also(REVOKED_PLACES, InsertOne(row))
                self._work.also(LISTS, UpdateOne({"_id": place.list_id}, {"$inc": {"revision": 1}}))

    # -- what only the holder's key opens

    def find_sealed(self, certificate_id: str) -> Sealed | None:
        """The encrypted credential, or None once it is destroyed: maybe after its certificate was read."""
        document = self._work.peek(SEALED, certificate_id)
        if document is None:
            return None
        return msgspec.convert({**document, "certificate_id": certificate_id}, Sealed, builtin_types=(bytes,))

    def seal(self, sealed: Sealed) -> None:
        """Store the encrypted credential."""
        document = msgspec.to_builtins(sealed, builtin_types=(bytes,))
        document["_id"] = document.pop("certificate_id")
        self._work.peek(SEALED, sealed.certificate_id)
        self._work.save(SEALED, document)

    def destroy(self, certificate_id: str) -> None:
        """Remove the encrypted credential."""
        self._work.delete(SEALED, certificate_id)


def certificate_of(document: Document) -> Certificate:
    """The certificate in a document."""
    return thing_of(Certificate, document)


def _revoked(certificate: Certificate) -> list[StatusBit]:
    present = [certificate.place] if certificate.status == REVOKED else []
    return [*certificate.past_places, *present]
