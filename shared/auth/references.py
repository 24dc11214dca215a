"""Keyed hashes that stand for partners' own numbers wherever the number itself must not go."""

import hashlib
import hmac


def external_ref(secret: str, cluster_id: str, external_id: str) -> str:
    """The reference of a cluster's own employee number: the same everywhere, of no use without the secret."""
    message = f"{cluster_id}\0{external_id}".encode()
    return hmac.digest(secret.encode(), message, hashlib.sha256).hex()[:32]
