"""The seats of a session: how they are counted, how many there may be, what a newcomer finds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.enrolment_service.domain.enrolment import Enrolment
from services.enrolment_service.domain.states import APPLIED, HOLDS_SEAT, OFFERED, WAITLISTED
from shared.errors import Conflict, Violation
from shared.schemas.enrolment import SeatsAvailabilityChanged, SeatsCapacityChanged
from shared.schemas.event import Event
from shared.versioned import Versioned


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What was claimed: a seat, or a ticket of the queue with the place in it."""

    enrolment_id: str
    claim: str | None = None
    ticket: int | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """By how much the numbers of a ledger change."""

    taken: int = 0
    offered: int = 0
    waiting: int = 0

    def __neg__(self) -> "Counts":
        """The other way round."""
        return Counts(taken=-self.taken, offered=-self.offered, waiting=-self.waiting)


AVAILABILITIES: Final = ("open", "waitlist_only", "full", "closed")
OFFERS: Final = Counts(taken=1, offered=1, waiting=-1)
"""Somebody who waits is offered a seat."""
ACCEPTS: Final = Counts(offered=-1)
"""An offered seat is accepted."""


def held_by(enrolment: Enrolment) -> Counts:
    """What an enrolment counts for: a seat, an offered seat, a place in the queue, or nothing."""
    return Counts(
        taken=int(enrolment.status in HOLDS_SEAT),
        offered=int(enrolment.status == OFFERED),
        waiting=int(enrolment.status == WAITLISTED),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A seat, or a ticket of the queue with the place in it, given to an enrolment that is not known to be stored yet.

    `key` is what it is idempotent by in its session; earlier releases had none.
    """

    id: str
    enrolment_id: str
    ticket: int | None
    place: int | None = None
    key: str | None = None
    person_id: str | None = None
    at: datetime | None = None

    @property
    def counts(self) -> Counts:
        """What it counts for."""
        return Counts(taken=1) if self.ticket is None else Counts(waiting=1)

    def is_same(self, other: "Claim") -> bool:
        """Whether it is that very claim, given at that moment."""
        return (self.enrolment_id, self.at) == (other.enrolment_id, other.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger(Versioned):
    """The seats of one session (its id), in numbers. `cluster_id` is the host.

    taken = confirmed + offered + claimed seats; waiting = tickets without a seat, claimed ones included. `announced` is
    the availability that was published last; with `needs_care` somebody must look whether the queue can move, whether
    something is to be announced, and whether enrolments of a cancelled session are left.
    """

    cluster_id: str
    open: bool
    capacity: int
    waitlist_limit: int
    taken: int = 0
    offered: int = 0
    waiting: int = 0
    next_ticket: int = 1
    claims: tuple[Claim, ...] = ()
    announced: str = "open"
    needs_care: bool = False
    cancelled: bool = False

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
        """What a newcomer finds, one of AVAILABILITIES. Derived, never stored."""
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

    def has(self, claim: Claim) -> bool:
        """Whether this very claim still stands."""
        return any(claim.is_same(other) for other in self.claims)

    def without(self, gone: Iterable[Enrolment]) -> "Ledger":
        """After these were cancelled, together with what was claimed for those whose approval is on its way."""
        known = list(gone)
        undecided = {enrolment.id for enrolment in known if enrolment.status == APPLIED}
        lost = [claim for claim in self.claims if claim.enrolment_id in undecided]
        over = {claim.id for claim in lost} | {enrolment.claim_id for enrolment in known}
        freed = [*(held_by(enrolment) for enrolment in known), *(claim.counts for claim in lost)]
        return replace(
            self,
            taken=self.taken - sum(counts.taken for counts in freed),
            offered=self.offered - sum(counts.offered for counts in freed),
            waiting=self.waiting - sum(counts.waiting for counts in freed),
            claims=tuple(claim for claim in self.claims if claim.id not in over),
        )


def hand_out(ledger: Ledger, enrolment_id: str) -> tuple[Ledger, Seat]:
    """A seat, or the next ticket while somebody waits, for who is stored together with the ledger; Conflict when there
    is neither."""
    cared = replace(ledger, needs_care=True)
    if ledger.availability == "open":
        return replace(cared, taken=ledger.taken + 1), Seat(enrolment_id=enrolment_id)
    if ledger.availability != "waitlist_only":
        raise no_seat(ledger.open, ledger.waitlist_limit)
    seat = Seat(enrolment_id=enrolment_id, ticket=ledger.next_ticket, place=ledger.waiting + 1)
    return replace(cared, waiting=ledger.waiting + 1, next_ticket=ledger.next_ticket + 1), seat


def resize(ledger: Ledger, capacity: int, waitlist_limit: int | None) -> tuple[Ledger, list[Event]]:
    """Another capacity, never below what is taken, and another limit of the queue unless it is None."""
    if capacity < ledger.taken:
        raise _below(capacity, ledger.taken)
    limit = ledger.waitlist_limit if waitlist_limit is None else waitlist_limit
    resized = replace(ledger, capacity=capacity, waitlist_limit=limit, needs_care=True)
    changed = SeatsCapacityChanged(
        session_id=ledger.id,
        cluster_id=ledger.cluster_id,
        capacity=capacity,
        waitlist_limit=limit,
        free=resized.free,
        waiting=resized.waiting,
    )
    return resized, [changed]


def close(ledger: Ledger) -> Ledger:
    """The session takes no more applications."""
    return replace(ledger, open=False, needs_care=True)


def call_off(ledger: Ledger) -> Ledger:
    """The session is cancelled; its enrolments follow."""
    return replace(ledger, open=False, cancelled=True, needs_care=True)


def announce(ledger: Ledger) -> tuple[Ledger, list[Event]]:
    """Publish what a newcomer finds, if that is not what was published last. Nothing is left to look after."""
    now_is = ledger.availability
    calm = replace(ledger, announced=now_is, needs_care=False)
    if now_is == ledger.announced:
        return calm, []
    changed = SeatsAvailabilityChanged(
        session_id=ledger.id,
        cluster_id=ledger.cluster_id,
        availability=now_is,
        free=ledger.free,
        waiting=ledger.waiting,
    )
    return calm, [changed]


def no_seat(is_open: bool, waitlist_limit: int) -> Conflict:
    """Why there is neither a seat nor a place in the queue."""
    if not is_open:
        return Conflict("The session takes no more applications.", code="SESSION_NOT_OPEN")
    if waitlist_limit == 0:
        return Conflict("All seats are taken and there is no waiting list.", code="SESSION_FULL")
    return Conflict("All seats are taken and the waiting list is full.", code="WAITLIST_FULL")


def _below(capacity: int, taken: int) -> Conflict:
    """A capacity cut may not evict anybody who has a seat or an offer."""
    violation = Violation(
        field="capacity",
        code="CAPACITY_BELOW_CONFIRMED",
        message=f"{taken} seats are taken.",
        actual=capacity,
        required=taken,
    )
    return Conflict("More seats are taken than that.", code="CAPACITY_BELOW_CONFIRMED", violations=[violation])
