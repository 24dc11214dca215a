"""Which sessions a list asks for. Without a value everything matches."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCriteria:
    """Sessions. They start at `starts_from` or later, and before `starts_before`."""

    course: str | None = None
    cluster: str | None = None
    provider: str | None = None
    status: str | None = None
    language: str | None = None
    mode: str | None = None
    starts_from: datetime | None = None
    starts_before: datetime | None = None
