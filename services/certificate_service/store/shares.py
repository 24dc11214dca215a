"""Share links: a secret that opens one certificate for whoever has it, for a time, until the holder ends it. Only its
hash is kept."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from shared.errors import NotFound
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

SHARES = "shares"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A link, without its secret. `expires_at` None: it was made when links did not expire."""

    id: str
    created_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None


class Shares:
    """Reads and writes share links through one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def add(self, share_id: str, certificate_id: str, secret: str, expires_at: datetime) -> Share:
        """A new link."""
        facts = {"certificate_id": certificate_id, "expires_at": expires_at, "ended_at": None}
        return _share(self._work.save(SHARES, {"_id": share_id, "hash": _hash(secret), **facts}))

    def of(self, certificate_id: str) -> list[Share]:
        """All links of a certificate, the newest first."""
        return [_share(one) for one in self._work.find(SHARES, {"certificate_id": certificate_id}, sort=[("_id", -1)])]

    def end(self, share_id: str, certificate_id: str, now: datetime) -> Share:
        """The link opens nothing from now on; ending it again changes nothing. NotFound for another certificate's."""
        document = self._work.peek(SHARES, share_id)
        if document is None or document["certificate_id"] != certificate_id:
            raise NotFound(f"No share link {share_id}.")
        return _share(document if document["ended_at"] else self._work.save(SHARES, {**document, "ended_at": now}))

    def opens(self, certificate_id: str, secret: str, now: datetime) -> bool:
        """Whether this secret is that of a link that is neither ended nor over. Links of old do not expire."""
        query = {"certificate_id": certificate_id, "ended_at": None, "hash": _hash(secret)}
        found = self._work.collection(SHARES).find_one(query, {"expires_at": 1})
        return found is not None and (found.get("expires_at") is None or found["expires_at"] > now)


def _share(document: Document) -> Share:
    names = ("created_at", "expires_at", "ended_at")
    return Share(id=document["_id"], **{name: document.get(name) for name in names})


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
