"""Seats: what the desk gives, how many there may be, what a newcomer finds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.enrolment_service.domain.enrolment import Enrolment
from services.enrolment_service.domain.states import APPLIED, HOLDS_SEAT, OFFERED, WAITLISTED
from shared.errors import Conflict, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What the seat desk gave: a seat, or a ticket of the queue with the place in it."""

    enrolment_id: str
    claim: str | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A seat, or a ticket of the queue, given to an enrolment that is not known to be stored yet."""

    id: str
    enrolment_id: str
    ticket: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The seats of one session, in numbers.

    taken = confirmed + offered + claimed seats; waiting = tickets without a seat, claimed ones included.
    """

    open: bool
    capacity: int
    waitlist_limit: int
    taken: int
    offered: int
    waiting: int
    next_ticket: int
    claims: tuple[Claim, ...]

    @property
    def held(self) -> int:
        """Seats offered, or claimed and not confirmed yet."""
        return self.offered + sum(claim.ticket is None for claim in self.claims)

    @property
    def confirmed(self) -> int:
        """Seats of enrolments that are stored and were not offered."""
        return self.taken - self.held

    @property
    def availability(self) -> str:
        """What a newcomer finds: open, waitlist_only, full or closed. Derived, never stored."""
        if not self.open:
            return "closed"
        if self.waiting == 0 and self.taken < self.capacity:
            return "open"
        return "waitlist_only" if self.waiting < self.waitlist_limit else "full"

    @property
    def free(self) -> int:
        """Seats that nobody has. While people wait they are for those."""
        return max(self.capacity - self.taken, 0)

    @property
    def queue_can_move(self) -> bool:
        """Whether a seat is free for somebody who waits."""
        return self.waiting > 0 and self.taken < self.capacity

    def is_next(self, ticket: int) -> bool:
        """Whether who waits with this ticket, the lowest that was found stored after this ledger was read, is next.

        Not while a lower ticket is claimed, as its enrolment may be about to be stored; nor if the ticket was given
        after this ledger was read: lower ones may have been claimed since.
        """
        claimed = (claim.ticket for claim in self.claims if claim.ticket is not None)
        return ticket < self.next_ticket and all(other >= ticket for other in claimed)

    def without(self, gone: Iterable[Enrolment]) -> "Ledger":
        """After these were cancelled, together with what was claimed for those whose approval is on its way."""
        known = list(gone)
        statuses = [enrolment.status for enrolment in known]
        undecided = {enrolment.id for enrolment in known if enrolment.status == APPLIED}
        lost = {claim.id for claim in self.claims if claim.enrolment_id in undecided}
        tickets = [claim.ticket for claim in self.claims if claim.id in lost]
        seats, over = tickets.count(None), lost | {enrolment.claim_id for enrolment in known}
        return replace(
            self,
            taken=self.taken - sum(s in HOLDS_SEAT for s in statuses) - seats,
            offered=self.offered - statuses.count(OFFERED),
            waiting=self.waiting - statuses.count(WAITLISTED) - (len(tickets) - seats),
            claims=tuple(claim for claim in self.claims if claim.id not in over),
        )
