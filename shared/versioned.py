"""What every stored thing has: an id, a version that its ETag shows, and its times."""

from dataclasses import dataclass
from datetime import datetime

from shared.errors import Stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned:
    """Base of what a store keeps. `version` 0: not stored yet; the store sets it and the times."""

    id: str
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @classmethod
    def word(cls) -> str:
        """What such a thing is called in a sentence."""
        return cls.__name__.lower()


def require_version(thing: Versioned, seen: int | None) -> None:
    """Refuse, as Stale, a change by somebody who saw another version (If-Match). None: any version will do."""
    if seen is not None and seen != thing.version:
        raise Stale(f"It is at version {thing.version} now, not {seen}; load it again.")
