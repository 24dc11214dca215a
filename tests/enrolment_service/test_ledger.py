"""The counting rules of a session's seats, and the model that judges histories: pure, no engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.enrolment_service import domain
from services.enrolment_service.domain import Claim, Enrolment, Ledger
from shared.errors import Conflict
from shared.schemas.enrolment import SeatsAvailabilityChanged, SeatsCapacityChanged
from tests.chaos.checker import Verdict, judge
from tests.chaos.history import Case, Operation, Step, Track
from tests.chaos.linear import FREE_SEAT, FREE_TICKET, FULL, OFFER, SEAT, TICKET, Desk, Effect, impossible

EMPTY = Ledger(id="s", cluster_id="host", open=True, capacity=3, waitlist_limit=2)


def enrolment(name: str, status: str, claim: str | None = None) -> Enrolment:
    facts: dict[str, Any] = {"session_id": "s", "course_id": "c", "course_version": 1, "person_id": name}
    return Enrolment(
        id=name, status=status, claim=claim, cluster_id="home", host_cluster_id="host", employer_id=None, **facts
    )


def test_what_is_claimed_or_offered_is_held_and_the_rest_is_confirmed() -> None:
    claims = (Claim(id="c1", enrolment_id="e1", ticket=None), Claim(id="c2", enrolment_id="e2", ticket=1))
    ledger = replace(EMPTY, taken=3, offered=1, waiting=1, next_ticket=2, claims=claims)

    assert (ledger.held, ledger.confirmed) == (2, 1)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, "open"),
        ({"taken": 3}, "waitlist_only"),
        ({"taken": 2, "waiting": 1}, "waitlist_only"),
        ({"taken": 3, "waiting": 2}, "full"),
        ({"open": False}, "closed"),
    ],
)
def test_a_newcomer_finds(changes: dict[str, Any], found: str) -> None:
    assert replace(EMPTY, **changes).availability == found


def test_next_is_the_lowest_ticket_unless_a_lower_one_may_be_on_its_way() -> None:
    claimed = replace(EMPTY, next_ticket=5, claims=(Claim(id="c", enrolment_id="e", ticket=2),))

    assert [claimed.is_next(ticket) for ticket in (1, 2, 3, 5)] == [True, True, False, False]


def test_a_cancelled_session_counts_each_enrolment_and_what_its_approval_claimed_once() -> None:
    claims = (
        Claim(id="settles", enrolment_id="confirmed", ticket=None),
        Claim(id="late", enrolment_id="confirmed", ticket=None),
        Claim(id="approving", enrolment_id="applied", ticket=1),
    )
    ledger = replace(EMPTY, taken=3, offered=1, waiting=2, next_ticket=3, claims=claims)

    left = ledger.without(
        [
            enrolment("confirmed", domain.CONFIRMED, "settles"),
            enrolment("applied", domain.APPLIED),
            enrolment("offered", domain.OFFERED, "gone"),
            enrolment("waiting", domain.WAITLISTED, "gone-too"),
        ]
    )

    assert (left.taken, left.offered, left.waiting) == (1, 0, 0)
    assert left.claims == (Claim(id="late", enrolment_id="confirmed", ticket=None),)


@pytest.mark.parametrize("status", ["applied", "waitlisted", "offered", "confirmed", "attending", "cancelled"])
def test_what_an_enrolment_holds_is_what_is_freed_when_it_ends(status: str) -> None:
    held = domain.held_by(enrolment("e", status))
    full = replace(EMPTY, taken=2, offered=1, waiting=1)
    left = full.without([enrolment("e", status)])

    assert (full.taken - left.taken, full.offered - left.offered, full.waiting - left.waiting) == (
        held.taken,
        held.offered,
        held.waiting,
    )


def test_a_capacity_below_what_is_taken_is_refused_and_another_one_tells_what_is_free() -> None:
    ledger = replace(EMPTY, taken=2, waiting=1)
    with pytest.raises(Conflict) as refused:
        domain.resize(ledger, 1, None)
    resized, happened = domain.resize(ledger, 2, None)
    told = [event for event in happened if isinstance(event, SeatsCapacityChanged)]

    assert refused.value.error_code == "CAPACITY_BELOW_CONFIRMED"
    assert (resized.capacity, resized.waitlist_limit, resized.needs_care) == (2, 2, True)
    assert [(event.capacity, event.waitlist_limit, event.free, event.waiting) for event in told] == [(2, 2, 0, 1)]


def test_availability_is_told_when_it_changed_and_then_nobody_need_look() -> None:
    full = replace(EMPTY, taken=3, needs_care=True)
    told, happened = domain.announce(full)
    again, nothing = domain.announce(told)

    assert [e.availability for e in happened if isinstance(e, SeatsAvailabilityChanged)] == ["waitlist_only"]
    assert (told.announced, told.needs_care) == ("waitlist_only", False)
    assert (again, nothing) == (told, [])


# -- the model that judges histories


def seat(begin: float, end: float, **more: Any) -> Effect:
    return Effect(kind=SEAT, begin=begin, end=end, **more)


def ticket(number: int, begin: float, end: float, **more: Any) -> Effect:
    return Effect(kind=TICKET, begin=begin, end=end, ticket=number, **more)


ONE = Desk(capacity=1, limit=2)


def test_effects_that_overlap_may_come_in_either_order() -> None:
    assert impossible([ticket(1, 0, 5, place=1), seat(1, 3)], ONE) is None


def test_what_ended_before_something_began_came_first() -> None:
    assert impossible([ticket(1, 0, 1, place=1), seat(2, 3)], ONE) is not None


def test_a_seat_too_many_is_impossible_unless_one_came_free_in_between() -> None:
    twice = [seat(0, 1), seat(4, 5)]

    assert impossible(twice, ONE) is not None
    assert impossible([*twice, Effect(kind=FREE_SEAT, begin=2, end=4.5, after=0)], ONE) is None


def test_an_offer_that_passes_over_a_lower_ticket_is_impossible_unless_that_one_left() -> None:
    waiting = [seat(0, 1), ticket(1, 2, 3, place=1), ticket(2, 4, 5, place=2)]
    offered = [Effect(kind=FREE_SEAT, begin=6, end=7, after=0), Effect(kind=OFFER, begin=8, end=9, ticket=2, after=2)]

    assert impossible([*waiting, *offered], ONE) is not None
    assert impossible([*waiting, *offered, Effect(kind=FREE_TICKET, begin=6, end=12, ticket=1, after=1)], ONE) is None


def test_of_two_that_overlap_the_one_that_must_be_gone_again_comes_first_though_it_ends_later() -> None:
    both = [seat(0, 10), seat(0, 11), Effect(kind=FREE_SEAT, begin=8, end=9, after=1)]

    assert impossible(both, ONE) is None


def test_a_refusal_for_a_free_seat_is_possible_only_while_a_claim_may_have_come_to_nothing() -> None:
    no_queue = Desk(capacity=1, limit=0)

    assert impossible([Effect(kind=FULL, begin=0, end=1)], no_queue) is not None
    assert impossible([Effect(kind=FULL, begin=0, end=1, ghosts=1)], no_queue) is None


def test_a_ticket_that_nobody_has_was_claimed_and_came_to_nothing() -> None:
    assert impossible([seat(0, 1), ticket(2, 2, 3, place=2)], ONE) is None
    assert impossible([seat(0, 1), ticket(2, 2, 3, place=3)], ONE) is not None


# -- the checker: what it makes of operations and of what stands there


def applied(person: str, called: float, answered: float, answer: str, place: int) -> Operation:
    return Operation(
        session="s",
        kind="apply",
        subject=person,
        called=called,
        answered=answered,
        answer=answer,
        enrolment=person,
        place=place,
    )


def track(who: str, *steps: tuple[str, float], ticket: int | None = None) -> Track:
    begun = Step("applied", steps[0][1])
    return Track(id=who, person=who, ticket=ticket, steps=(begun, *(Step(*step) for step in steps)))


def test_a_ticket_beside_a_seat_that_nobody_has_is_possible_only_while_a_claim_may_be_swept_under_way() -> None:
    operations = (applied("swept", 1.0, 1.2, "waitlisted", 1), applied("waits", 1.1, 1.15, "waitlisted", 1))
    tracks = (
        track("waits", ("waitlisted", 1.14), ("offered", 1.17), ticket=1),
        track("swept", ("waitlisted", 1.19), ticket=2),
    )
    seats = {"capacity": 1, "taken": 1, "offered": 1, "waiting": 1, "claims": []}
    case = Case(
        session="s", capacity=1, waitlist_limit=2, approval=False, operations=operations, tracks=tracks, seats=seats
    )

    assert len(judge([case]).violations) == 1
    assert judge([replace(case, swept_after=0.05)]) == Verdict()
