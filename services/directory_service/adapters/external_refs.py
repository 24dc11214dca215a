"""Partners' own numbers of people, kept as a keyed hash only: HMAC-SHA256 of the cluster's id, a NUL, and the number.

Every service that is given such a number makes the same reference with the same secret (EXTERNAL_REF_SECRET).
"""

import hashlib
import hmac
import unicodedata


class ExternalRefs:
    """Makes references with one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def __call__(self, cluster_id: str, external_id: str) -> str:
        """The reference of a number within a cluster, 64 hexadecimal digits."""
        number = unicodedata.normalize("NFC", external_id.strip())
        return hmac.new(self._secret, f"{cluster_id}\0{number}".encode(), hashlib.sha256).hexdigest()
