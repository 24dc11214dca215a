"""Share links: a secret that opens one certificate for whoever has it, until the holder ends it. Only its hash is kept."""

import hashlib
from datetime import datetime

from shared.errors import NotFound
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

SHARES = "shares"


class Shares:
    """Reads and writes share links through one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def add(self, share_id: str, certificate_id: str, secret: str) -> Document:
        """A new link."""
        document = {"_id": share_id, "certificate_id": certificate_id, "hash": _hash(secret), "ended_at": None}
        return self._work.save(SHARES, document)

    def end(self, share_id: str, certificate_id: str, now: datetime) -> Document:
        """The link opens nothing from now on; ending it again changes nothing. NotFound for another certificate's."""
        document = self._work.peek(SHARES, share_id)
        if document is None or document["certificate_id"] != certificate_id:
            raise NotFound(f"No share link {share_id}.")
        return document if document["ended_at"] else self._work.save(SHARES, {**document, "ended_at": now})

    def opens(self, certificate_id: str, secret: str) -> bool:
        """Whether this secret is that of a link that has not been ended."""
        query = {"certificate_id": certificate_id, "ended_at": None, "hash": _hash(secret)}
        return self._work.collection(SHARES).find_one(query, {"_id": 1}) is not None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
