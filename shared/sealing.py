"""AES-256-GCM under keys derived from the one master secret, each for its own purpose.

A sealed value can be opened only for the purpose and the thing it was sealed for: both are bound as associated data.
"""

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"


class CannotOpen(ValueError):
    """The value was changed, or sealed under another key, purpose or name."""


@dataclass(frozen=True, slots=True)
class MasterSecret:
    """The secret everything else hangs on; kept outside the database, at least 32 bytes of randomness."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < KEY_BYTES:
            raise ValueError(f"The master secret needs at least {KEY_BYTES} bytes.")

    @classmethod
    def from_text(cls, text: str) -> "MasterSecret":
        """The secret as a setting holds it."""
        return cls(text.encode())

    def derive(self, purpose: str) -> bytes:
        """32 key bytes for one purpose; purposes do not reveal each other (HKDF-SHA256)."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"clusterskills:" + purpose.encode()).derive(self.secret)

    def seal(self, purpose: str, name: str, plain: bytes) -> bytes:
        """`plain` encrypted for the thing called `name`."""
        return seal(self.derive(purpose), name, plain)

    def open(self, purpose: str, name: str, sealed: bytes) -> bytes:
        """What `seal` was given; CannotOpen otherwise."""
        return open_sealed(self.derive(purpose), name, sealed)


def seal(key: bytes, name: str, plain: bytes) -> bytes:
    """Version, random nonce, ciphertext and tag. A random nonce is safe for 2^32 values per key."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plain, _bound(name))


def open_sealed(key: bytes, name: str, sealed: bytes) -> bytes:
    """The plain bytes; CannotOpen when anything about them differs."""
    version, nonce, box = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    if version != _VERSION or len(nonce) < _NONCE_BYTES:
        raise CannotOpen("Not a sealed value.")
    try:
        return AESGCM(key).decrypt(nonce, box, _bound(name))
    except InvalidTag:
        raise CannotOpen("The sealed value does not open under this key and name.") from None


def _bound(name: str) -> bytes:
    return _VERSION + name.encode()
