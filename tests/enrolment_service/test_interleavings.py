"""Every interleaving of applying, approving, cancelling, offers, crashes and sweeps: the counters stay what is there.

Each action is taken apart as processes take it: it begins (reads and decides), its questions are answered (the claim),
it commits. Between any two steps others may act, or it may die. What the seats must come to is counted by a plain
model from the enrolments and the claims that stand there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from services.enrolment_service import domain
from services.enrolment_service.actions import Actions
from services.enrolment_service.store import Store
from services.enrolment_service.store.calendar import BusyQuestion, resolve_busy
from services.enrolment_service.store.claiming import forgetting
from services.enrolment_service.store.desk import (
    SeatClaims,
    SeatQuestion,
    SlotQuestion,
    resolve_slots,
)
from services.enrolment_service.store.seats import CLAIM_AGE
from shared.auth.caller import Caller
from shared.clock import new_id, utc_now
from shared.errors import ServiceError
from shared.storage.transaction import in_transaction
from shared.storage.work import Asked, Duplicate, Raced, UnitOfWork
from tests.enrolment_service.conftest import HOME, Service

RESOLVERS: dict[type, Callable[[UnitOfWork, Any], Any]] = {
    SeatQuestion: SeatClaims().resolve_seats,
    SlotQuestion: resolve_slots,
    BusyQuestion: resolve_busy,
}
EXAMPLES, STEPS = 20, 30
TO_THE_END = 9
ACTIONS = (
    *("apply", "apply", "approve", "approve", "cancel", "accept", "decline"),
    *("change_of_mind", "resize", "care", "care", "sweep", "settle"),
)
FAR = st.sampled_from([TO_THE_END, TO_THE_END, 1, 0])
"""How many steps an action takes before others come in between."""
PORTAL = Caller(subject="portal", client_id="portal", cluster_id=HOME)


@dataclass
class Process:
    """An action on its way: its unit of work, and how it goes on."""

    work: UnitOfWork
    actions: Actions
    act: Callable[[Actions], object]
    asked: Any = None


class Interleavings(RuleBasedStateMachine):
    """One session of few seats, a few people, and processes that may stop anywhere."""

    service: Service
    people: list[str]
    session = ""
    processes: Bundle[Process] = Bundle("processes")

    @initialize(capacity=st.integers(1, 2), limit=st.integers(0, 3), approval=st.booleans())
    def open(self, capacity: int, limit: int, approval: bool) -> None:
        self.late = timedelta()
        self.offered: set[str] = set()
        self.session = self.service.session(
            cluster_id=HOME,
            capacity=capacity,
            waitlist_limit=limit,
            approval_needed=approval,
            application_deadline=None,
            starts_at=None,
            ends_at=None,
        )

    # -- steps of processes

    @rule(target=processes, action=st.sampled_from(ACTIONS), which=st.integers(0, 2), far=FAR)
    def act(self, action: str, which: int, far: int) -> Any:
        """One rule for all, as rules are left out by whole examples."""
        return getattr(self, action)(which, far)

    def apply(self, which: int, far: int) -> Any:
        person = self.people[which]
        return self.begin(lambda a: a.applying.apply(PORTAL, self.session, a.store.copies.person(person), None), far)

    def approve(self, which: int, far: int) -> Any:
        return self.on_one([domain.APPLIED], which, lambda a, e: a.applying.approve(PORTAL, e, None), far)

    def cancel(self, which: int, far: int) -> Any:
        return self.on_one(sorted(domain.OPEN), which, lambda a, e: a.applying.cancel(PORTAL, e, None, None), far)

    def accept(self, which: int, far: int) -> Any:
        return self.on_one([domain.OFFERED], which, lambda a, e: a.applying.accept_offer(PORTAL, e, None), far)

    def decline(self, which: int, far: int) -> Any:
        return self.on_one([domain.OFFERED], which, lambda a, e: a.applying.decline_offer(PORTAL, e, None), far)

    def change_of_mind(self, which: int, _far: int) -> Any:
        """Cancelled between the claim and the commit of its approval, applied for again, and approved."""
        undecided = self.ids_in([domain.APPLIED])
        if not undecided:
            return self.apply(which, TO_THE_END)
        enrolment = undecided[which % len(undecided)]
        person = self.people.index(self.enrolments()[enrolment]["person_id"])
        process = self.begin(lambda a: a.applying.approve(PORTAL, enrolment, None), 1)
        self.begin(lambda a: a.applying.cancel(PORTAL, enrolment, None, None), TO_THE_END)
        self.apply(person, TO_THE_END)
        self.approve(which, TO_THE_END)
        return process

    def resize(self, which: int, far: int) -> Any:
        return self.begin(lambda a: a.seats.set_seats(PORTAL, self.session, which + 1, None, None), far)

    def care(self, _which: int, far: int) -> Any:
        return self.begin(lambda a: a.seats.care(self.session), far)

    def sweep(self, which: int, far: int) -> Any:
        """All claims are old from now on."""
        self.late += 2 * CLAIM_AGE
        stale = self.stale_claims()
        return (
            self.begin(lambda a: a.seats.give_back(self.session, stale[which % len(stale)]), far)
            if stale
            else multiple()
        )

    def settle(self, _which: int, _far: int) -> Any:
        """What was committed is forgotten by the seats."""
        stored = self.service.runtime.database["enrolments"].find(
            {"session_id": self.session, "slot": {"$exists": True}}
        )
        ids = [row["claim"] for row in stored if row["status"] != domain.APPLIED]
        self.service.runtime.database["seats"].update_one({"_id": self.session}, forgetting(ids))
        return multiple()

    @rule(target=processes, process=consumes(processes), far=FAR)
    def go_on(self, process: Process, far: int) -> Any:
        return self.walk(process, max(1, far))

    @rule(process=consumes(processes))
    def die(self, process: Process) -> None:
        """The process is gone with what it knew."""

    # -- what must hold

    @invariant()
    def the_counters_are_what_is_there(self) -> None:
        if not self.session:
            return
        seats, enrolments = self.seats(), self.enrolments()
        counted = {row["claim"] for row in enrolments.values() if row["status"] not in domain.INACTIVE}
        claims = [claim for claim in seats["claims"] if claim["c"] not in counted]
        statuses = [row["status"] for row in enrolments.values()]
        in_seats = sum(status in domain.HOLDS_SEAT for status in statuses)
        assert seats["taken"] == in_seats + sum(claim["t"] is None for claim in claims)
        assert seats["waiting"] == statuses.count(domain.WAITLISTED) + sum(c["t"] is not None for c in claims)
        assert seats["offered"] == statuses.count(domain.OFFERED)
        assert in_seats <= seats["capacity"], "oversold"

    @invariant()
    def nobody_is_enrolled_twice_or_overtaken(self) -> None:
        if not self.session:
            return
        active = [row for row in self.enrolments().values() if row["status"] not in domain.INACTIVE]
        assert len({row["person_id"] for row in active}) == len(active)
        waiting = [row["ticket"] for row in active if row["status"] == domain.WAITLISTED]
        known = self.enrolments()
        waiting += [c["t"] for c in self.seats()["claims"] if c["t"] is not None and c["e"] not in known]
        for row in active:
            if row["status"] == domain.OFFERED and row["_id"] not in self.offered:
                self.offered.add(row["_id"])
                assert all(row["ticket"] < ticket for ticket in waiting), "overtaken"

    def teardown(self) -> None:
        """All processes die; then nothing is leaked, and whoever can move has moved."""
        if not self.session:
            return
        for _ in range(10):
            self.late += 2 * CLAIM_AGE
            for claim in self.stale_claims():
                self.service.decide(lambda a, c=claim: a.seats.give_back(self.session, c))  # type: ignore[misc]
            while self.service.decide(lambda a: a.seats.care(self.session)):
                pass
        seats = self.seats()
        self.the_counters_are_what_is_there()
        assert seats["claims"] == []
        assert seats["waiting"] == 0 or seats["taken"] >= seats["capacity"], "a seat is left empty"

    # -- inside

    def begin(self, act: Callable[[Actions], object], far: int) -> Any:
        work = self.service.runtime.work()
        process = Process(work, self.actions(work), act)
        return self.walk(process, far) if self.run(process) else multiple()

    def on_one(self, statuses: list[str], which: int, act: Callable[[Actions, str], object], far: int) -> Any:
        """Begin with one of the enrolments in these statuses; where there is none, apply."""
        ids = self.ids_in(statuses)
        return self.begin(lambda a: act(a, ids[which % len(ids)]), far) if ids else self.apply(which, far)

    def ids_in(self, statuses: list[str]) -> list[str]:
        return sorted(row["_id"] for row in self.enrolments().values() if row["status"] in statuses)

    def walk(self, process: Process, far: int) -> Any:
        """So many times, have the question answered that it asked, or commit what it decided."""
        for _ in range(far):
            if process.asked is None:
                self.commit(process)
                return multiple()
            process.work.answers.update(RESOLVERS[type(process.asked)](process.work, [process.asked]))
            if not self.run(process):
                return multiple()
        return process

    def run(self, process: Process) -> bool:
        """Run the act until it asks or has decided. False when it is refused."""
        process.asked = None
        try:
            with process.work.savepoint():
                process.act(process.actions)
        except Asked as asked:
            process.asked = asked.question
        except ServiceError:
            return False
        return True

    def commit(self, process: Process) -> None:
        # Without what follows a commit: `settle` does that, and not a thread after a second.
        with suppress(Raced, Duplicate):
            in_transaction(self.service.runtime.client, process.work.flush)

    def stale_claims(self) -> list[domain.Claim]:
        stale = self.actions(self.service.runtime.work()).store.seats.stale_claims(self.now(), 100)
        return [claim for session, claim in stale if session == self.session]

    def actions(self, work: UnitOfWork) -> Actions:
        return Actions(Store(work), self.now, new_id)

    def now(self) -> datetime:
        return utc_now() + self.late

    def seats(self) -> dict[str, Any]:
        found = self.service.runtime.database["seats"].find_one({"_id": self.session})
        assert found is not None
        return found

    def enrolments(self) -> dict[str, Any]:
        rows = self.service.runtime.database["enrolments"].find({"session_id": self.session})
        return {row["_id"]: row for row in rows}


def on(service: Service) -> type[Interleavings]:
    """The machine on this service, with people of its own."""

    class Here(Interleavings):
        pass

    Here.service, Here.people = service, service.people(4)
    return Here


def test_whatever_comes_in_between_nothing_is_oversold_leaked_or_overtaken(service: Service) -> None:
    run_state_machine_as_test(
        on(service),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def an_approval_loses_its_race(service: Service) -> None:
    """An approval dies after its claim; the person cancels, applies and is approved anew; the old claim is swept."""
    machine = on(service)()
    machine.open(capacity=1, limit=0, approval=True)
    machine.apply(0, TO_THE_END)
    machine.change_of_mind(0, TO_THE_END)
    machine.the_counters_are_what_is_there()
    machine.sweep(0, TO_THE_END)
    machine.the_counters_are_what_is_there()
    machine.teardown()


def test_an_approval_that_lost_its_race_leaves_its_seat_to_the_next(service: Service) -> None:
    an_approval_loses_its_race(service)


def test_the_counters_show_a_claim_that_is_inherited(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SeatQuestion, "key", property(lambda question: question.person_id))

    with pytest.raises(AssertionError):
        an_approval_loses_its_race(service)
