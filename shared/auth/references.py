"""Keyed hashes that stand for partners' own numbers wherever the number itself must not go."""

import hashlib
import hmac
from dataclasses import dataclass

from shared.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSettings:
    """What services that are given partners' numbers need to know."""

    external_ref_secret: str = setting(
        "EXTERNAL_REF_SECRET",
        "Keys the hashes of partners' own numbers; the same in every service",
        example="32 random bytes",
        secret=True,
    )


def external_ref(secret: str, cluster_id: str, external_id: str) -> str:
    """The reference of a cluster's own employee number: the same everywhere, of no use without the secret."""
    message = f"{cluster_id}\0{external_id}".encode()
    return hmac.digest(secret.encode(), message, hashlib.sha256).hex()[:32]
