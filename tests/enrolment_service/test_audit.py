"""Seats = enrolments, for every session; what is wrong is found and set right."""

from dataclasses import replace

import pytest

from services.enrolment_service import domain
from services.enrolment_service.checking import findings
from services.enrolment_service.domain import Claim, Counts
from tests.enrolment_service.conftest import Service
from tests.enrolment_service.test_ledger import EMPTY, enrolment

FOUR = [enrolment(one, one) for one in ("confirmed", "offered", "waitlisted", "applied")]
RIGHT = replace(EMPTY, taken=2, offered=1, waiting=1, next_ticket=2)
ACTUAL = Counts(taken=2, offered=1, waiting=1)


def test_seats_that_are_counted_as_the_enrolments_say_are_right() -> None:
    assert domain.audit(RIGHT, FOUR) is None
    assert domain.audit(EMPTY, []) is None


@pytest.mark.parametrize("wrong", [{"taken": 3}, {"taken": 1}, {"offered": 0}, {"waiting": 0}, {"waiting": 2}])
def test_each_wrong_number_is_found_and_set_right(wrong: dict[str, int]) -> None:
    ledger = replace(RIGHT, **wrong)  # type: ignore[arg-type]

    finding = domain.audit(ledger, FOUR)

    assert finding is not None
    assert (finding.session_id, finding.actual) == ("s", ACTUAL)
    repaired = domain.repair(ledger, finding)
    assert repaired == replace(RIGHT, needs_care=True)


def test_a_claim_counts_until_its_enrolment_has_the_seat() -> None:
    on_its_way = Claim(id="c1", enrolment_id="new", ticket=None)
    approving = Claim(id="c2", enrolment_id="applied", ticket=2)
    settles = Claim(id="confirmed", enrolment_id="confirmed", ticket=None)
    ledger = replace(RIGHT, taken=3, waiting=2, claims=(on_its_way, approving, settles))

    assert domain.audit(ledger, FOUR) is None


def test_every_session_is_looked_at_and_repair_sets_right_what_is_wrong(service: Service) -> None:
    good, wrong = service.session(capacity=1), service.session(capacity=2)
    for person in service.people(2):
        for session_id in (good, wrong):
            service.apply(session_id, person)
    seats = service.runtime.database["seats"]
    seats.update_one({"_id": wrong}, {"$inc": {"taken": -1, "waiting": 1}})

    found = list(findings(service.runtime, repair=False))
    list(findings(service.runtime, repair=True))

    assert [(one.session_id, one.counted.taken, one.actual.taken) for one in found] == [(wrong, 1, 2)]
    assert list(findings(service.runtime, repair=False)) == []
    assert [seats.find_one({"_id": one})["taken"] for one in (good, wrong)] == [1, 2]  # type: ignore[index]
