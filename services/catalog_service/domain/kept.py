"""What courses and sessions have in common, and who acts on them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.errors import Invalid, Stale, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Something that is stored. `version` 0: not yet; the store sets it and the times."""

    id: str
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody of a cluster. `id` is the person's, or the login's where no person belongs to it."""

    id: str
    cluster_id: str


def require_version(thing: Kept, seen: int | None) -> None:
    """Refuse a change by somebody who saw another version. None: any version will do."""
    if seen is not None and seen != thing.version:
        raise Stale(f"It is at version {thing.version} now, not {seen}; load it again.")


def refuse(kind: str, violations: Iterable[Violation]) -> None:
    """Raise Invalid with everything that is wrong at once, if anything is."""
    found = list(violations)
    if found:
        raise Invalid(f"This {kind} breaks {len(found)} rule(s): {found[0].message}", violations=found)
