"""Who must act next, and until when, without any engine."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.enrolment_service import domain
from services.enrolment_service.domain import ARROWS, WAITING_FOR, Session, Waiting
from shared.errors import Conflict
from tests.enrolment_service.test_domain import APPLICATION, DAY, HOUR, NOW, SESSION, against, at

BEGUN = replace(SESSION, status="running")


def waits(status: str, session: Session | None = SESSION, **facts: Any) -> Waiting:
    return domain.waits_for(at(status, **facts), session, NOW)


def test_an_application_waits_for_the_employer_until_the_session_takes_no_more() -> None:
    assert waits("applied") == Waiting("employer", SESSION.application_deadline)


def test_without_an_employer_the_clusters_manager_decides() -> None:
    assert waits("applied", employer_id=None).who == "manager"


def test_without_consent_the_worker_acts_first() -> None:
    assert waits("applied", awaits_consent=True) == Waiting("worker", SESSION.application_deadline)


def test_the_session_says_until_when_it_is_decided_and_never_past_its_deadline() -> None:
    assert waits("applied", replace(SESSION, approve_by=NOW + DAY)).until == NOW + DAY
    assert waits("applied", replace(SESSION, approve_by=NOW + 9 * DAY)).until == SESSION.application_deadline


def test_who_waits_for_a_seat_waits_for_the_queue_while_it_moves() -> None:
    assert waits("waitlisted") == Waiting("queue", SESSION.application_deadline)


def test_an_offer_waits_for_the_worker() -> None:
    assert waits("offered", offer_expires_at=NOW + HOUR) == Waiting("worker", NOW + HOUR)


def test_with_a_seat_nobody_must_act_until_the_session_begins_then_its_trainer() -> None:
    assert waits("confirmed") == Waiting("nobody")
    assert waits("confirmed", BEGUN) == waits("attending", BEGUN) == Waiting("trainer")


@pytest.mark.parametrize("status", sorted({one for targets in ARROWS.values() for one in targets} - set(ARROWS)))
def test_what_is_over_waits_for_nobody(status: str) -> None:
    assert waits(status) == Waiting("nobody")


@pytest.mark.parametrize("status", sorted(ARROWS))
def test_each_status_says_who_must_act_also_before_the_session_is_known(status: str) -> None:
    assert waits(status, None).who in WAITING_FOR


@pytest.mark.parametrize(("seconds", "late"), [(0, False), (1, True)])
def test_an_application_is_approved_in_time_or_not_at_all(seconds: int, late: bool) -> None:
    session = replace(SESSION, approve_by=NOW - timedelta(seconds=seconds))

    assert session.is_too_late_to_decide(NOW) is late
    if late:
        with pytest.raises(Conflict) as refused:
            domain.must_be_in_time(session, NOW)
        assert refused.value.error_code == "DEADLINE_PASSED"
    else:
        domain.must_be_in_time(session, NOW)


def test_nobody_applies_for_what_would_lapse_at_once() -> None:
    session = replace(SESSION, approve_by=NOW - HOUR)

    assert against(session=session, approval_needed=True) == ["DEADLINE_PASSED"]
    assert against(session=session) == [], "no approval is needed, so none can come too late"
    assert APPLICATION.approval_needed is False
