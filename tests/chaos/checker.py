"""Judges a history of the seat desk: possible one after the other, nobody overtaken, nothing oversold, lost or leaked.

What an operation did is read off the stored enrolment that it made or changed, so that also one whose answer got lost
is known to have happened or not. Three things are looked at: each enrolment (every answer stands there, once), each
worker (one active enrolment per session, refused as a duplicate only then), and the seats of each session as a whole
(`tests/chaos/linear.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from services.enrolment_service import domain
from services.enrolment_service.store.desk import CLAIM_SECONDS
from tests.chaos.history import NEVER, UNKNOWN, Case, Operation, Step, Track
from tests.chaos.linear import (
    CAPACITY,
    FREE_SEAT,
    FREE_TICKET,
    FULL,
    OFFER,
    SEAT,
    TICKET,
    TOO_FEW,
    Desk,
    Effect,
    TooManyStates,
    impossible,
)

GHOST_SECONDS: Final = 60.0
"""How long a claim that came to nothing may last after its operation ended: it gets old, and the sweep must come by."""
_TICK: Final = 0.002
"""Stamps are cut to milliseconds."""
_MAKES: Final = {
    "apply": frozenset({"applied", "confirmed", "waitlisted"}),
    "approve": frozenset({"confirmed", "waitlisted"}),
    "cancel": frozenset({"cancelled"}),
    "accept": frozenset({"confirmed"}),
    "decline": frozenset({"declined"}),
}
_NEEDS: Final = {
    "approve": frozenset({domain.APPLIED}),
    "cancel": domain.OPEN,
    "accept": frozenset({domain.OFFERED}),
    "decline": frozenset({domain.OFFERED}),
}
_REFUSED_AS_FULL: Final = frozenset({"SESSION_FULL", "WAITLIST_FULL"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What speaks against the history. `unjudged`: sessions that leave too much open to be judged."""

    violations: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.violations


def judge(cases: Sequence[Case]) -> Verdict:
    """The verdict on all sessions."""
    violations: list[str] = []
    unjudged: list[str] = []
    for case in cases:
        view = _View(case)
        found = [*view.of_enrolments(), *view.of_workers(), *view.at_rest()]
        try:
            found += filter(None, [impossible(view.effects(), Desk(case.capacity, case.waitlist_limit))])
        except TooManyStates as open_:
            unjudged.append(f"{case.session}: {open_}")
        violations += [f"{case.session}: {sentence}" for sentence in found]
    return Verdict(tuple(violations), tuple(unjudged))


class _View:
    """One case, sorted by enrolment and worker."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.tracks = {track.id: track for track in case.tracks}
        self._by_enrolment: dict[str, list[Operation]] = defaultdict(list)
        self._applied: dict[str, list[Operation]] = defaultdict(list)
        for operation in case.operations:
            if operation.kind == "apply":
                self._applied[operation.subject].append(operation)
            elif operation.kind != "capacity":
                self._by_enrolment[operation.subject].append(operation)
        claims = "approve" if case.approval else "apply"
        self._haunting = [o for o in case.operations if o.kind == claims and self._haunts_until(o) > o.called]
        self._made = {o.enrolment: o for o in case.operations if o.kind == "apply" and o.enrolment}

    def _haunts_until(self, operation: Operation) -> float:
        """Until when something may stand there that it claimed and that came to nothing; its call if it had no time for
        that. What was swept while it was under way is gone before it claims again."""
        if _left_open(operation) or not _at_once(operation):
            return operation.answered + GHOST_SECONDS
        return operation.answered if operation.lasted >= self.case.swept_after else operation.called

    # -- each enrolment

    def of_enrolments(self) -> Iterator[str]:
        """Answers that do not stand there, or stand there twice, and refusals for no reason."""
        for enrolment, operation in self._made.items():
            if enrolment not in self.tracks:
                yield f"{operation} was answered, and its enrolment is not there"
        for enrolment, operations in self._by_enrolment.items():
            track = self.tracks.get(enrolment)
            for kind, makes in _MAKES.items():
                done = [o for o in operations if o.kind == kind and o.answer in makes]
                if len(done) > 1:
                    yield f"{kind} of {enrolment} was answered as done {len(done)} times"
                if done and (track is None or not any(step.status == done[0].answer for step in track.steps)):
                    yield f"{done[0]} was answered, and does not stand in {track}"
            illegal = [o for o in operations if o.answer == "ILLEGAL_TRANSITION"]
            yield from (f"{o} was refused for no reason" for o in illegal if track and not self._forbidden(o, track))

    def _forbidden(self, operation: Operation, track: Track) -> bool:
        """Whether the enrolment may have been in a status in which this is not allowed."""
        for number, step in enumerate(track.steps):
            until = self._committed_by(track, number + 1) if number + 1 < len(track.steps) else NEVER
            overlaps = step.at - _TICK <= operation.answered and operation.called <= until
            if overlaps and step.status not in _NEEDS[operation.kind]:
                return True
        return False

    def _committed_by(self, track: Track, number: int) -> float:
        """When its nth step was in force at the latest, as far as answers tell."""
        step, known = track.steps[number], []
        operation = self._doer(track, step)
        if operation is not None and operation.answer != UNKNOWN:
            known.append(operation.answered)
        if number + 1 < len(track.steps):
            known.append(track.steps[number + 1].at + _TICK)
        return min(known, default=NEVER)

    def _doer(self, track: Track, step: Step) -> Operation | None:
        """The operation that was answered with this step."""
        first = step in track.steps[:2] and not self.case.approval
        if step is track.steps[0] or first:
            return self._made.get(track.id)
        operations = self._by_enrolment[track.id]
        return next((o for o in operations if o.answer == step.status and _in(step, o)), None)

    # -- each worker

    def of_workers(self) -> Iterator[str]:
        """Two active enrolments of one worker, and refusals of a duplicate where there was none."""
        theirs: dict[str, list[Track]] = defaultdict(list)
        for track in self.tracks.values():
            theirs[track.person].append(track)
        for person, tracks in theirs.items():
            times = sorted(self._surely_active(track) for track in tracks)
            for (_, until), (begin, _) in pairwise(times):
                if begin < until:
                    yield f"{person} had two active enrolments from {begin:.3f} to {until:.3f}"
        for person, operations in self._applied.items():
            for operation in operations:
                if operation.answer == "DUPLICATE_ENROLMENT" and not self._may_be_duplicate(operation, theirs[person]):
                    yield f"{operation} was refused, and {person} had no other enrolment then"

    def _surely_active(self, track: Track) -> tuple[float, float]:
        return self._committed_by(track, 0), self._ended(track)

    def _ended(self, track: Track) -> float:
        return next((step.at - _TICK for step in track.steps if step.status in domain.INACTIVE), NEVER)

    def _may_be_duplicate(self, operation: Operation, tracks: Sequence[Track]) -> bool:
        for track in tracks:
            end = next((n for n, step in enumerate(track.steps) if step.status in domain.INACTIVE), None)
            until = NEVER if end is None else self._committed_by(track, end)
            if track.steps[0].at - _TICK <= operation.answered and operation.called <= until:
                return True
        return False

    # -- what stands there at the end

    def at_rest(self) -> Iterator[str]:
        """Counters that are not what the enrolments come to, claims left behind, a queue that stands still."""
        seats, statuses = self.case.seats, [track.status for track in self.tracks.values()]
        counted = {
            "taken": sum(status in domain.HOLDS_SEAT for status in statuses),
            "offered": statuses.count(domain.OFFERED),
            "waiting": statuses.count(domain.WAITLISTED),
        }
        for name, number in counted.items():
            if seats[name] != number:
                yield f"{name} says {seats[name]}, and {number} are there"
        if seats["claims"]:
            yield f"claims are left: {seats['claims']}"
        if counted["taken"] > seats["capacity"]:
            yield f"oversold: {counted['taken']} of {seats['capacity']}"
        if counted["waiting"] and counted["taken"] < seats["capacity"]:
            yield f"{counted['waiting']} wait although a seat is free"

    # -- the seats as a whole

    def effects(self) -> list[Effect]:
        """What happened to the seats, each with the time in which it did."""
        effects: list[Effect] = []
        for track in self.tracks.values():
            last: int | None = None
            for effect in self._of(track):
                effects.append(replace(effect, after=last))
                last = len(effects) - 1
        for operation in self.case.operations:
            if operation.answer in _REFUSED_AS_FULL:
                effects.append(self._seen(FULL, operation))
            elif operation.kind == "capacity" and operation.answer == "CAPACITY_BELOW_CONFIRMED":
                effects.append(self._seen(TOO_FEW, operation))
            elif operation.kind == "capacity" and operation.answer == "ok":
                effects.append(self._seen(CAPACITY, operation))
        return effects

    def _seen(self, kind: str, operation: Operation) -> Effect:
        begin, end = operation.called, operation.answered
        ghosts = self._ghosts(begin, end, operation)
        return Effect(
            kind=kind, begin=begin, end=end, who=operation.subject, capacity=operation.capacity, ghosts=ghosts
        )

    def _of(self, track: Track) -> Iterator[Effect]:
        """The effects of one enrolment, in their order."""
        for number, (before, step) in enumerate(pairwise(track.steps), start=1):
            if before.status == domain.APPLIED and step.status in (domain.CONFIRMED, domain.WAITLISTED):
                yield self._claimed(track, step)
                continue
            kind = _kind(before.status, step.status)
            if kind is not None:
                end = self._committed_by(track, number)
                yield Effect(kind=kind, begin=step.at - _TICK, end=end, who=track.id, ticket=_ticket(kind, track))

    def _claimed(self, track: Track, step: Step) -> Effect:
        """A claim: after the first request that may have made it was sent, and before it was decided on."""
        kind = SEAT if step.status == domain.CONFIRMED else TICKET
        operation = self._doer(track, step)
        tries = self._by_enrolment[track.id] if self.case.approval else self._applied[track.person]
        calls = [o.called for o in tries if o.called <= step.at + _TICK and (o is operation or self._may_lend(o, step))]
        place = operation.place if operation is not None and kind == TICKET else None
        begin, end = min(calls, default=track.steps[0].at - _TICK), step.at + _TICK
        ghosts = self._ghosts(begin, end, operation)
        ticket = _ticket(kind, track)
        return Effect(kind=kind, begin=begin, end=end, who=track.id, ticket=ticket, place=place, ghosts=ghosts)

    def _may_lend(self, operation: Operation, step: Step) -> bool:
        """Whether it may have claimed what another operation for the same enrolment, or worker, took up. So may a try
        of one that was answered long ago: its process was frozen."""
        return operation in self._haunting and step.at <= self._haunts_until(operation)

    def _ghosts(self, begin: float, end: float, but: Operation | None) -> int:
        """How many operations may have held a seat or a ticket between these times, and came to nothing."""
        return sum(
            o.called <= end and begin <= self._haunts_until(o) and (o is not but or not _at_once(o))
            for o in self._haunting
        )


def _left_open(operation: Operation) -> bool:
    """Whether it may have claimed something and come to nothing."""
    return operation.answer not in _MAKES[operation.kind] and operation.answer not in _REFUSED_AS_FULL


def _at_once(operation: Operation) -> bool:
    """Whether it was tried once, and had no time for more: MongoDB does an update also after its process gave it up."""
    return operation.tries == 1 and operation.lasted < CLAIM_SECONDS


def _in(step: Step, operation: Operation) -> bool:
    return operation.called - _TICK <= step.at <= operation.answered + _TICK


def _kind(before: str, after: str) -> str | None:
    """What this transition does to the seats."""
    if after == domain.OFFERED:
        return OFFER
    if after in domain.INACTIVE and before in domain.HOLDS_SEAT:
        return FREE_SEAT
    return FREE_TICKET if after in domain.INACTIVE and before == domain.WAITLISTED else None


def _ticket(kind: str, track: Track) -> int:
    return (track.ticket or 0) if kind in (TICKET, OFFER, FREE_TICKET) else 0
