"""The header Idempotency-Key, and which record and request it stands for."""

import hashlib
import re
from typing import Final

from shared.http.problems import Malformed
from shared.storage.writes import IdempotencyKey

HEADER: Final = "Idempotency-Key"
_VISIBLE: Final = re.compile(r"[\x21-\x7e]{1,255}")


def read_key(header: str, client: str, method: str, path: str, body: bytes) -> IdempotencyKey:
    """The key of one client for one request. Malformed unless it is 1 to 255 visible ASCII characters."""
    if not _VISIBLE.fullmatch(header):
        raise Malformed(
            f"{HEADER} must be 1 to 255 visible ASCII characters without spaces.", code="MALFORMED_IDEMPOTENCY_KEY"
        )
    record = hashlib.sha256(f"{client}\0{header}".encode("utf-8", "surrogateescape")).hexdigest()
    request = hashlib.sha256(f"{method}\0{path}\0".encode("utf-8", "surrogateescape") + body).hexdigest()
    return IdempotencyKey(record, request)
