"""What the portal keeps in MongoDB is found by a keyed hash of a secret and can be read only with that secret.

The secret (a session id, a sign-in's state) is in the browser alone: a copy of the database opens no session and names
nobody.
"""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Seal:
    """Keys derived from the portal's own secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def digest(self, purpose: str, value: str) -> str:
        """A name for a secret value that does not tell it, different for each purpose."""
        return hmac.digest(self._secret, f"{purpose}:{value}".encode("utf-8", "surrogateescape"), hashlib.sha256).hex()

    def close(self, value: str, content: bytes) -> bytes:
        """Content that only who knows the value can open."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher(value).encrypt(nonce, content, None)

    def open(self, value: str, box: bytes) -> bytes:
        """The content again. ValueError when it was closed with another value or changed."""
        try:
            return self._cipher(value).decrypt(box[:_NONCE], box[_NONCE:], None)
        except InvalidTag as error:
            raise ValueError("the box was closed with another key") from error

    def _cipher(self, value: str) -> AESGCM:
        return AESGCM(bytes.fromhex(self.digest("key", value)))
