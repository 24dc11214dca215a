"""What every resource of the directory has in common."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from shared.errors import Invalid, Stale, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Something that is stored. `version` 0: not yet; the store sets it and the times."""

    id: str
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


def require_version(thing: Kept, seen: int | None) -> None:
    """Refuse a change by somebody who saw another version. None: any version will do."""
    if seen is not None and seen != thing.version:
        raise Stale(f"It is at version {thing.version} now, not {seen}; load it again.")


def refuse(kind: str, violations: Iterable[Violation]) -> None:
    """Raise Invalid with everything that is wrong at once, if anything is."""
    found = list(violations)
    if found:
        raise Invalid(f"This {kind} breaks {len(found)} rule(s): {found[0].message}", violations=found)


def blank(field: str, text: str | None) -> list[Violation]:
    """A text that holds nothing but space."""
    if text is None or text.strip():
        return []
    return [Violation(field=field, code="BLANK", message="It holds nothing but space.", actual=text)]


def out_of_order(valid_from: date, valid_until: date | None) -> list[Violation]:
    """DATE_ORDER: nothing ends before it begins."""
    if valid_until is None or valid_until >= valid_from:
        return []
    message = "It cannot end before it begins."
    return [
        Violation(
            field="valid_until",
            code="DATE_ORDER",
            message=message,
            actual=valid_until.isoformat(),
            required={"min": valid_from.isoformat()},
        )
    ]
