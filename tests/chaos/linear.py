"""Whether effects on one session's seats can have happened one after the other, each at a moment of its own interval.

The model of a session is `Desk`: capacity, seats taken, tickets that wait, the next ticket. The search goes through
beginnings and ends in the order of time and keeps every state that is possible so far; at the end of an effect that
has not happened yet it looks for all ways in which those under way let it happen (Wing and Gong's search, in time
order, without repeats). It is quick, because effects alike are exchanged for the one that must happen first, and
because tickets tell their order.

What was claimed and never became an enrolment (a *ghost*) takes a seat or a ticket for a while. No answer tells of
it, so the model allows as many as there were operations that may have left one, for as long as one may last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

SEAT, TICKET, FULL = "seat given", "ticket given", "refused as full"
FREE_SEAT, FREE_TICKET, OFFER = "seat freed", "ticket freed", "seat offered"
CAPACITY, TOO_FEW = "capacity changed", "capacity refused"
_ONLY_SEEN: Final = frozenset({FULL, TOO_FEW})
"""What changes nothing: as soon as it can have happened, it has."""
_MOST_STATES: Final = 50_000
_NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Something that happened to the seats at one moment between `begin` and `end`.

    `after`: the place in the list of what must have happened before. `ghosts`: how many seats may have been held at
    that time by claims that came to nothing.
    """

    kind: str
    begin: float
    end: float
    who: str = ""
    ticket: int = 0
    place: int | None = None
    capacity: int = 0
    after: int | None = None
    ghosts: int = 0

    @property
    def alike(self) -> tuple[str, int]:
        """Effects alike do the same to every state."""
        return self.kind, self.capacity or self.ticket

    def __str__(self) -> str:
        number = self.ticket or self.capacity or ""
        return f"{self.kind} {number} for {self.who} in [{self.begin:.3f}, {self.end:.3f}]"


@dataclass(frozen=True, slots=True)
class Desk:
    """A session's seats. `ghosts`: at most so many of those that wait are tickets that came to nothing."""

    capacity: int
    limit: int
    taken: int = 0
    waiting: frozenset[int] = frozenset()
    next_ticket: int = 1
    ghosts: int = 0

    def after(self, effect: Effect, owned: frozenset[int]) -> Desk | None:
        """The desk once this has happened, or None when it cannot happen now. `owned`: the tickets of enrolments."""
        return _RULES[effect.kind](self, effect, owned)


def _seat(desk: Desk, _effect: Effect, _owned: frozenset[int]) -> Desk | None:
    if desk.waiting or desk.taken >= desk.capacity:
        return None
    return replace(desk, taken=desk.taken + 1, ghosts=0)


def _ticket(desk: Desk, effect: Effect, owned: frozenset[int]) -> Desk | None:
    skipped = range(desk.next_ticket, effect.ticket)
    if effect.ticket < desk.next_ticket or not owned.isdisjoint(skipped):
        return None
    real, ghosts = len(desk.waiting), desk.ghosts + len(skipped)
    if effect.place is not None:
        if not 0 <= effect.place - 1 - real <= ghosts:
            return None
        ghosts = effect.place - 1 - real
    nobody_waits = real + ghosts == 0
    if real >= desk.limit or (nobody_waits and desk.taken + effect.ghosts < desk.capacity):
        return None
    return replace(
        desk, waiting=desk.waiting | {effect.ticket}, next_ticket=effect.ticket + 1, ghosts=min(ghosts, desk.limit)
    )


def _full(desk: Desk, effect: Effect, _owned: frozenset[int]) -> Desk | None:
    real = len(desk.waiting)
    no_seat = real + desk.ghosts > 0 or desk.taken + effect.ghosts >= desk.capacity
    return desk if no_seat and real + desk.ghosts + effect.ghosts >= desk.limit else None


def _free_seat(desk: Desk, _effect: Effect, _owned: frozenset[int]) -> Desk | None:
    return replace(desk, taken=desk.taken - 1)


def _free_ticket(desk: Desk, effect: Effect, _owned: frozenset[int]) -> Desk | None:
    return replace(desk, waiting=desk.waiting - {effect.ticket}) if effect.ticket in desk.waiting else None


def _offer(desk: Desk, effect: Effect, _owned: frozenset[int]) -> Desk | None:
    if desk.taken >= desk.capacity or min(desk.waiting, default=0) != effect.ticket:
        return None
    return replace(desk, taken=desk.taken + 1, waiting=desk.waiting - {effect.ticket})


def _capacity(desk: Desk, effect: Effect, _owned: frozenset[int]) -> Desk | None:
    return replace(desk, capacity=effect.capacity) if effect.capacity >= desk.taken else None


def _too_few(desk: Desk, effect: Effect, _owned: frozenset[int]) -> Desk | None:
    return desk if effect.capacity < desk.taken + effect.ghosts else None


_RULES: Final = {
    SEAT: _seat,
    TICKET: _ticket,
    FULL: _full,
    FREE_SEAT: _free_seat,
    FREE_TICKET: _free_ticket,
    OFFER: _offer,
    CAPACITY: _capacity,
    TOO_FEW: _too_few,
}


class TooManyStates(Exception):
    """The history leaves so much open that it was not judged."""


@dataclass(frozen=True, slots=True)
class _State:
    """A possible state: the desk, and which of those under way have happened."""

    desk: Desk
    happened: frozenset[int]


class _Search:
    def __init__(self, effects: Sequence[Effect], desk: Desk) -> None:
        self._effects = effects
        self._owned = frozenset(e.ticket for e in effects if e.kind == TICKET)
        self._followed = {e.after: e.begin for e in effects if e.after is not None}
        self._under_way: set[int] = set()
        self._over: set[int] = set()
        self._states = {_State(desk, frozenset())}

    def impossible(self) -> str | None:
        """The first effect that cannot have happened in its time, with what was possible then; None: all can."""
        for _, is_end, number in sorted(self._moments()):
            if not is_end:
                self._under_way.add(number)
                continue
            states = self._with(number)
            if not states:
                return self._explained(number)
            self._under_way.discard(number)
            self._over.add(number)
            self._states = {_State(s.desk, s.happened - {number}) for s in states}
        return None

    def _moments(self) -> Iterator[tuple[float, bool, int]]:
        for number, effect in enumerate(self._effects):
            yield effect.begin, False, number
            yield effect.end, True, number

    def _with(self, number: int) -> set[_State]:
        """Every state in which this has happened, too."""
        found: set[_State] = set()
        seen, open_ = set(self._states), list(self._states)
        while open_:
            state = open_.pop()
            if number in state.happened:
                found.add(state)
                continue
            for later in self._next(state):
                if later not in seen:
                    seen.add(later)
                    open_.append(later)
            if len(seen) > _MOST_STATES:
                raise TooManyStates(str(self._effects[number]))
        return found

    def _next(self, state: _State) -> Iterator[_State]:
        candidates = self._candidates(state)
        desks = {number: state.desk.after(self._effects[number], self._owned) for number in candidates}
        possible = [number for number in candidates if desks[number] is not None]
        seen = [number for number in possible if self._effects[number].kind in _ONLY_SEEN]
        for number in seen[:1] or possible:
            desk = desks[number]
            if desk is not None:
                yield _State(desk, state.happened | {number})

    def _candidates(self, state: _State) -> list[int]:
        """What may happen next: of those alike the one whose time ends first. Another one comes into question only where
        what follows on it may have to happen before that end: the two could not change places then."""
        able = [number for number in self._under_way - state.happened if self._may_follow(number, state)]
        soonest: dict[object, int] = {}
        for number in sorted(able, key=lambda number: (self._effects[number].end, number)):
            soonest.setdefault(self._effects[number].alike, number)
        return [number for number in able if self._cannot_wait_for(soonest[self._effects[number].alike], number)]

    def _may_follow(self, number: int, state: _State) -> bool:
        before = self._effects[number].after
        return before is None or before in state.happened or before in self._over

    def _cannot_wait_for(self, other: int, number: int) -> bool:
        return number == other or self._followed.get(number, _NEVER) < self._effects[other].end

    def _explained(self, number: int) -> str:
        some = sorted({str(state.desk) for state in self._states})[:3]
        others = [str(self._effects[other]) for other in sorted(self._under_way - {number})][:8]
        return f"{self._effects[number]} is not possible; the desk then: {some}; under way: {others}"


def impossible(effects: Sequence[Effect], desk: Desk) -> str | None:
    """Why these effects cannot have happened in any order that respects their times; None when they can.

    Raises TooManyStates when that was not found out.
    """
    return _Search(effects, desk).impossible()
