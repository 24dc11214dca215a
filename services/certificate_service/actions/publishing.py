"""What anybody may read: the awarding bodies' keys, and which places of their lists are revoked."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from services.certificate_service.actions.writing import Pen
from services.certificate_service.adapters import signing
from services.certificate_service.adapters.keys import did_document, open_issuer_key
from services.certificate_service.adapters.status_list import StatusList, status_list_document
from services.certificate_service.store import Store
from shared.clock import Clock

VALID: Final = timedelta(minutes=15)
RENEWED_AFTER: Final = timedelta(minutes=5)
CACHE_SECONDS: Final = 30
"""How long a reader's cache may keep a list: a revocation is seen everywhere within that time."""
_EARLIER: Final = timedelta(minutes=1)
"""Other people's clocks differ from ours."""
_MOST_LISTS: Final = 200


@dataclass(frozen=True, slots=True)
class Published:
    """A signed status list in both forms, as of one revision."""

    revision: int
    signed_at: datetime
    document: bytes
    token: bytes


class Publishing:
    """Did documents and status lists. Lists are signed when first asked for and kept, in each process, until they
    change or a third of their validity is over."""

    def __init__(self, store: Callable[[], Store], pen: Pen, now: Clock) -> None:
        self._store, self._pen, self._now = store, pen, now
        self._kept: dict[str, Published] = {}
        self._signing = threading.Lock()

    def did_document(self, issuer_id: str) -> dict[str, Any]:
        """The issuer's public keys. NotFound for one that never issued."""
        keys = self._store().issuers.keys(issuer_id)
        return did_document(keys[0].did, keys)

    def status_list(self, list_id: str) -> Published:
        """The signed list as it is now. Raises NotFound if the list is not ours."""
        store = self._store()
        facts = store.issuers.list_facts(list_id)
        with self._signing:
            kept = self._kept.get(list_id)
            if kept is None or kept.revision != facts.revision or self._now() - kept.signed_at > RENEWED_AFTER:
                kept = self._sign(store, list_id, facts.issuer_id, facts.revision)
                self._keep(list_id, kept)
        return kept

    def _keep(self, list_id: str, published: Published) -> None:
        self._kept[list_id] = published
        while len(self._kept) > _MOST_LISTS:
            del self._kept[next(iter(self._kept))]

    def _sign(self, store: Store, list_id: str, issuer_id: str, revision: int) -> Published:
        """What was revoked after the revision was read may be in it already: then the next reader signs it again."""
        now = self._now()
        key = open_issuer_key(self._pen.master, store.issuers.keys(issuer_id)[-1])
        starts, ends = now - _EARLIER, now + VALID
        bits = StatusList.of(store.issuers.revoked_numbers(list_id))
        url = self._pen.site.list_url(list_id)
        document = status_list_document(url, key.did, "revocation", bits, starts=starts, ends=ends)
        return Published(
            revision,
            now,
            json.dumps(signing.sign(document, key, now)).encode(),
            signing.sign_jwt(document, key, starts=starts, ends=ends).encode(),
        )
