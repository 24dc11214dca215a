"""Who acts on courses and sessions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody of a cluster. `id` is the person's, or the login's where no person belongs to it."""

    id: str
    cluster_id: str
