"""Time and identifiers, injected so that rules stay pure and tests can move the clock."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils

Clock = Callable[[], datetime]
Ids = Callable[[], str]


def utc_now() -> datetime:
    """Now in UTC, cut to milliseconds: MongoDB stores no finer time, and what is stored must equal what was said."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def made_at(identifier: str) -> datetime | None:
    """When `new_id` made this one, in UTC; None for anything else."""
    try:
        found = UUID(identifier)
        return datetime.fromtimestamp((found.int >> 80) / 1000, UTC) if found.version == 7 else None
    except (ValueError, OverflowError):
        return None


def new_id() -> str:
    """A UUIDv7 (RFC 9562): ordered by time, so that indexes grow at their end. Not for public ids that must be random."""
    return str(uuid_utils.uuid7())
