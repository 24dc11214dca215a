"""Seats: what the desk gives, how many there may be, what a newcomer finds."""

from dataclasses import dataclass

from shared.errors import Conflict, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What the seat desk gave: a seat, or a ticket of the queue with the place in it."""

    enrolment_id: str
    ticket: int | None = None
    place: int | None = None


def check_capacity(capacity: int, taken: int) -> None:
    """A capacity cut may not evict anybody who has a seat or an offer."""
    if capacity < taken:
        raise Conflict(
            "More seats are taken than that.",
            code="CAPACITY_BELOW_CONFIRMED",
            violations=[
                Violation(
                    field="capacity",
                    code="CAPACITY_BELOW_CONFIRMED",
                    message=f"{taken} seats are taken.",
                    actual=capacity,
                    required=taken,
                )
            ],
        )


def availability(*, open_: bool, capacity: int, taken: int, waiting: int, waitlist_limit: int) -> str:
    """What a newcomer finds: open, waitlist_only, full or closed. Derived, never stored."""
    if not open_:
        return "closed"
    if waiting == 0 and taken < capacity:
        return "open"
    return "waitlist_only" if waiting < waitlist_limit else "full"
