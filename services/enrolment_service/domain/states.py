"""The statuses of an enrolment, what may follow what, and what they have in common."""

from typing import Final

APPLIED, INELIGIBLE, REJECTED, LAPSED = "applied", "ineligible", "rejected", "lapsed"
WAITLISTED, OFFERED, DECLINED, EXPIRED = "waitlisted", "offered", "declined", "expired"
CONFIRMED, ATTENDING, CANCELLED = "confirmed", "attending", "cancelled"
COMPLETED, FAILED, NO_SHOW = "completed", "failed", "no_show"

ARROWS: Final[dict[str, frozenset[str]]] = {
    APPLIED: frozenset({CONFIRMED, WAITLISTED, INELIGIBLE, REJECTED, LAPSED, CANCELLED}),
    WAITLISTED: frozenset({OFFERED, LAPSED, CANCELLED}),
    OFFERED: frozenset({CONFIRMED, DECLINED, EXPIRED, CANCELLED}),
    CONFIRMED: frozenset({ATTENDING, NO_SHOW, CANCELLED}),
    ATTENDING: frozenset({COMPLETED, FAILED, CANCELLED}),
    COMPLETED: frozenset(),
    FAILED: frozenset(),
    NO_SHOW: frozenset(),
}
"""Allowed transitions; a status that is not a key is final. Corrections of a result have a rule of their own."""

STATUSES: Final = (
    *(APPLIED, INELIGIBLE, REJECTED, LAPSED, WAITLISTED, OFFERED, DECLINED, EXPIRED),
    *(CONFIRMED, ATTENDING, COMPLETED, FAILED, NO_SHOW, CANCELLED),
)

INACTIVE: Final = frozenset({INELIGIBLE, REJECTED, LAPSED, DECLINED, EXPIRED, CANCELLED})
"""Statuses that leave the worker free to apply again."""
OPEN: Final = frozenset(status for status, targets in ARROWS.items() if CANCELLED in targets)
"""Statuses that can still be cancelled."""
HOLDS_SEAT: Final = frozenset({OFFERED, CONFIRMED, ATTENDING, COMPLETED, FAILED, NO_SHOW})
TAKES_TIME: Final = frozenset({OFFERED, CONFIRMED, ATTENDING})
ON_ROSTER: Final = frozenset({CONFIRMED, ATTENDING, COMPLETED, FAILED, NO_SHOW})
WITH_OUTCOME: Final = frozenset({COMPLETED, FAILED, NO_SHOW})
