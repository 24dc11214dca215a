"""Keyed hashes of the directory, each purpose with a key of its own that is derived from the service's secret."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256


def keyed_pieces(secret: str, purpose: str) -> Callable[[Iterable[str]], list[str]]:
    """Eight hexadecimal digits for each piece: enough to find by, useless to read names from without the key."""
    key = _key(secret, purpose)
    return lambda pieces: sorted({hmac.digest(key, piece.encode(), "sha256").hex()[:8] for piece in pieces})


def keyed_secret(secret: str, purpose: str) -> Callable[[str], str]:
    """A secret made of an id: it need not be kept."""
    key = _key(secret, purpose)
    return lambda name: urlsafe_b64encode(hmac.digest(key, name.encode(), "sha256")).rstrip(b"=").decode()


def _key(secret: str, purpose: str) -> bytes:
    return sha256(f"{purpose}\0{secret}".encode()).digest()
