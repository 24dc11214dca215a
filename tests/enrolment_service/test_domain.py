"""The rules of enrolment, without any engine."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.enrolment_service import domain
from services.enrolment_service.domain import Application, Enrolment, Seat, Session, Worker
from shared.errors import Conflict, IllegalTransition, Invalid
from shared.people.person import Employment
from shared.schemas.event import Event

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SESSION = Session(
    id="s1",
    course_id="k1",
    course_version=1,
    cluster_id="host",
    status="open",
    application_deadline=NOW + 5 * DAY,
    starts_at=NOW + 10 * DAY,
    ends_at=NOW + 11 * DAY,
    timezone="Europe/Berlin",
    capacity=10,
    minimum_attendance=80,
)
PERSON = Worker(
    id="p1",
    cluster_id="home",
    employments={"e1": Employment(organisation_id="employer", valid_from=date(2020, 1, 1))},
    consents={"c1": "employer"},
)
APPLICATION = Application(
    enrolment_id="n1", session=SESSION, person=PERSON, employer_id="employer", prerequisites=[], busy=[]
)
APPLIED, _ = domain.await_approval(APPLICATION, "portal", NOW)
SEAT, TICKET = Seat(enrolment_id="n1"), Seat(enrolment_id="n1", ticket=7, place=2)


def at(status: str, **facts: Any) -> Enrolment:
    return replace(APPLIED, status=status, **facts)


def verbs(happened: list[Event]) -> list[str]:
    return [event.TYPE.split(".")[1] for event in happened]


def against(now: datetime = NOW, *, by_employer: bool = False, **changes: Any) -> list[str]:
    application = replace(APPLICATION, **changes)
    return [reason.code for reason in domain.reasons_against(application, now, by_employer=by_employer)]


# -- eligibility


def test_nothing_speaks_against_a_good_application() -> None:
    assert against() == []


def test_all_reasons_come_at_once() -> None:
    busy = replace(SESSION, id="s2", status="running")
    session = replace(SESSION, status="closed", application_deadline=NOW - HOUR, eligible_clusters=["other"])
    person = replace(PERSON, employments={}, consents={})

    found = against(session=session, person=person, busy=[busy], prerequisites=["basics"])

    assert found == [
        "SESSION_NOT_OPEN",
        "DEADLINE_PASSED",
        "SCHEDULE_CLASH",
        "NOT_ELIGIBLE_CLUSTER",
        "NOT_EMPLOYEE",
        "CONSENT_MISSING",
        "PREREQUISITE_MISSING",
    ]


def test_an_employer_who_may_not_see_the_worker_is_told_that_and_what_everybody_knows_of_the_session() -> None:
    session = replace(SESSION, status="closed", eligible_clusters=["other"])
    facts: dict[str, Any] = {"session": session, "busy": [replace(SESSION, id="s2")], "prerequisites": ["basics"]}

    found = against(by_employer=True, person=replace(PERSON, consents={}), **facts)

    assert found == ["SESSION_NOT_OPEN", "CONSENT_MISSING"]
    assert "PREREQUISITE_MISSING" in against(by_employer=True, **facts), "who may see the worker is told all"


@pytest.mark.parametrize(("seconds", "late"), [(-1, False), (0, False), (1, True)])
def test_an_application_is_in_time_up_to_its_deadline(seconds: int, late: bool) -> None:
    assert SESSION.application_deadline is not None
    moment = SESSION.application_deadline + timedelta(seconds=seconds)

    assert (against(moment) == ["DEADLINE_PASSED"]) is late


@pytest.mark.parametrize(
    ("day", "works"),
    [(date(2024, 2, 28), False), (date(2024, 2, 29), True), (date(2024, 3, 1), False)],
)
def test_an_employment_of_one_leap_day_holds_on_that_day_alone(day: date, works: bool) -> None:
    job = Employment(organisation_id="employer", valid_from=date(2024, 2, 29), valid_until=date(2024, 2, 29))
    person = replace(PERSON, employments={"e1": job})
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    session = replace(SESSION, application_deadline=None)

    assert ("NOT_EMPLOYEE" not in against(now, person=person, session=session)) is works


def test_sessions_on_the_night_when_clocks_go_back_clash_by_real_time_not_by_what_clocks_show() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first_two, second_two = (datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1))
    early = replace(SESSION, id="s2", starts_at=_utc(first_two) - HOUR, ends_at=_utc(first_two))
    late = replace(SESSION, starts_at=_utc(second_two), ends_at=_utc(second_two) + HOUR)
    asked = replace(
        APPLICATION, session=replace(late, starts_at=_utc(first_two)), busy=[replace(early, ends_at=_utc(second_two))]
    )

    (reason,) = domain.reasons_against(asked, NOW)

    assert _utc(second_two) - _utc(first_two) == HOUR
    assert against(session=late, busy=[early]) == []
    assert reason.actual == ["2026-10-25T01:30:00+02:00/2026-10-25T02:30:00+01:00"]


def test_who_only_touches_or_has_no_dates_or_is_over_takes_no_time() -> None:
    assert SESSION.starts_at is not None
    assert SESSION.ends_at is not None
    others = [
        replace(SESSION, id="a", starts_at=SESSION.ends_at, ends_at=SESSION.ends_at + DAY),
        replace(SESSION, id="b", starts_at=SESSION.starts_at - DAY, ends_at=SESSION.starts_at),
        replace(SESSION, id="c", starts_at=None, ends_at=None),
        replace(SESSION, id="d", status="cancelled"),
        replace(SESSION, id="e", status="completed"),
        SESSION,
    ]

    assert against(busy=others) == []


@pytest.mark.parametrize(("until", "missing"), [(None, False), (NOW + HOUR, False), (NOW, True), (NOW - HOUR, True)])
def test_a_certificate_satisfies_a_prerequisite_until_it_expires(until: datetime | None, missing: bool) -> None:
    ends = {} if until is None else {"x": until}
    person = replace(PERSON, certified={"x": "basics"}, certified_until=ends)

    assert (against(person=person, prerequisites=["basics"]) == ["PREREQUISITE_MISSING"]) is missing


# -- deciding


def test_who_is_refused_keeps_all_reasons() -> None:
    reasons = domain.reasons_against(replace(APPLICATION, prerequisites=["basics"]), NOW)
    refused, happened = domain.refuse(APPLICATION, reasons, "portal", NOW)

    assert (refused.status, refused.reasons, refused.active) == ("ineligible", reasons, False)
    assert verbs(happened) == ["applied", "ineligible"]


def test_without_approval_a_seat_confirms_and_a_ticket_waits() -> None:
    confirmed, first = domain.admit(APPLICATION, SEAT, "portal", NOW)
    waiting, second = domain.admit(APPLICATION, TICKET, "portal", NOW)

    assert (confirmed.status, confirmed.ticket, verbs(first)) == ("confirmed", None, ["applied", "confirmed"])
    assert (waiting.status, waiting.ticket, verbs(second)) == ("waitlisted", 7, ["applied", "waitlisted"])


def test_approval_names_who_gave_it_and_the_seat_follows() -> None:
    approved, happened = domain.approve(APPLIED, TICKET, "hr", NOW)

    assert (approved.status, approved.approver, approved.ticket) == ("waitlisted", "hr", 7)
    assert verbs(happened) == ["approved", "waitlisted"]


def test_a_rejection_keeps_its_reason_out_of_the_event() -> None:
    rejected, (event,) = domain.reject(APPLIED, "too busy", "hr", NOW)

    assert (rejected.status, rejected.cancel_reason) == ("rejected", "too busy")
    assert "too busy" not in str(event)


# -- offers


@pytest.mark.parametrize(
    ("deadline", "start", "hours"),
    [(100, 200, 48), (5, 200, 5), (None, 7, 7), (9, 7, 7), (None, None, 48)],
)
def test_an_offer_ends_after_48_hours_at_the_deadline_or_at_the_start(
    deadline: int | None, start: int | None, hours: int
) -> None:
    moments = [None if hours is None else NOW + hours * HOUR for hours in (deadline, start)]
    session = replace(SESSION, application_deadline=moments[0], starts_at=moments[1])

    offered, (event,) = domain.offer(at("waitlisted", ticket=1), session, NOW)

    assert offered.offer_expires_at == NOW + hours * HOUR
    assert event.offer_expires_at == offered.offer_expires_at  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", ["planned", "running", "completed", "cancelled"])
def test_no_offer_is_made_or_accepted_in_a_session_that_is_not_to_come(status: str) -> None:
    session = replace(SESSION, status=status)
    offered = at("offered", offer_expires_at=NOW + HOUR)

    with pytest.raises(Conflict) as not_made:
        domain.offer(at("waitlisted"), session, NOW)
    with pytest.raises(Conflict) as not_accepted:
        domain.accept_offer(offered, session, "worker", NOW)

    assert [e.value.error_code for e in (not_made, not_accepted)] == ["OFFER_EXPIRED"] * 2


def test_an_offer_of_48_hours_over_the_change_of_clocks_lasts_48_real_hours() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    session = replace(SESSION, application_deadline=None, starts_at=before + 30 * DAY)

    offered, _ = domain.offer(at("waitlisted"), session, before)

    assert offered.offer_expires_at == before + 48 * HOUR
    assert offered.offer_expires_at.astimezone(ZoneInfo("Europe/Berlin")).hour == 13


@pytest.mark.parametrize(("seconds", "good"), [(-1, True), (0, True), (1, False)])
def test_an_offer_is_accepted_up_to_its_end(seconds: int, good: bool) -> None:
    offered, moment = at("offered", offer_expires_at=NOW), NOW + timedelta(seconds=seconds)
    if good:
        confirmed, happened = domain.accept_offer(offered, SESSION, "worker", moment)
        assert (confirmed.status, confirmed.offer_expires_at, verbs(happened)) == ("confirmed", None, ["confirmed"])
    else:
        with pytest.raises(Conflict):
            domain.accept_offer(offered, SESSION, "worker", moment)


# -- leaving


def test_of_two_records_of_one_worker_what_is_furthest_along_stays() -> None:
    first, second = at("waitlisted", id="a", ticket=2), at("waitlisted", id="b", ticket=1, person_id="p2")
    done, running = at("completed", id="c"), at("attending", id="d", person_id="p2")
    other = at("applied", id="e", session_id="another")

    assert [e.id for e in domain.surplus([first, second], "p1")] == ["a"]
    assert [e.id for e in domain.surplus([done, running, other], "p1")] == ["d"]
    assert [e.id for e in domain.surplus([at("applied", id="f", person_id="p2"), at("applied", id="g")], "p1")] == ["f"]
    assert domain.surplus([done, at("failed", id="h", person_id="p2")], "p1") == [], "what has a result stays"


def test_a_cancellation_says_from_where_and_keeps_its_reason_to_itself() -> None:
    cancelled, (event,) = domain.cancel(at("offered"), "worker", "on leave", "worker", NOW)

    assert (event.from_status, event.cause, cancelled.cancel_reason) == ("offered", "worker", "on leave")  # type: ignore[attr-defined]
    assert "on leave" not in str(event)
    assert domain.without_words(cancelled) == replace(cancelled, cancel_reason=None)


# -- results


@pytest.mark.parametrize(("attendance", "good"), [(79, False), (80, True), (100, True)])
def test_passing_needs_the_minimum_attendance_and_failing_does_not(attendance: int, good: bool) -> None:
    attending = at("attending", attendance=attendance)
    failed, _ = domain.record_result(attending, SESSION, False, 10, "trainer", NOW)
    assert failed.status == "failed"
    if good:
        done, happened = domain.record_result(attending, SESSION, True, 90, "trainer", NOW)
        assert (done.status, done.completed_at, done.score, verbs(happened)) == ("completed", NOW, 90, ["completed"])
    else:
        with pytest.raises(Invalid) as refused:
            domain.record_result(attending, SESSION, True, 90, "trainer", NOW)
        assert [v.code for v in refused.value.violations] == ["ATTENDANCE_TOO_LOW"]


def test_the_same_attendance_again_is_no_news_and_another_one_is() -> None:
    attending, first = domain.record_attendance(at("confirmed"), 50, "trainer", NOW)

    assert verbs(first) == ["attended"]
    assert domain.record_attendance(attending, 50, "trainer", NOW) == (attending, [])
    assert domain.record_attendance(attending, 60, "trainer", NOW)[0].attendance == 60


def test_a_roster_lists_all_who_have_no_outcome() -> None:
    roster = [at("completed", id="a"), at("confirmed", id="b"), at("attending", id="c"), at("no_show", id="d")]

    with pytest.raises(Conflict) as refused:
        domain.must_be_complete(roster)
    event = domain.roster_completed(SESSION, [roster[0], roster[3], at("failed", id="e")])

    assert [v.message for v in refused.value.violations] == ["Enrolment b is confirmed.", "Enrolment c is attending."]
    assert (event.completed, event.failed, event.no_show) == (1, 1, 1)


@pytest.mark.parametrize(
    ("status", "starts", "taught"),
    [
        ("planned", -1, False),
        ("open", 1, False),
        ("open", -1, True),
        ("open", None, True),
        ("closed", 1, False),
        ("closed", 0, True),
        ("running", 1, True),
        ("completed", -1, False),
        ("cancelled", -1, False),
    ],
)
def test_a_roster_is_kept_while_the_session_runs(status: str, starts: int | None, taught: bool) -> None:
    session = replace(SESSION, status=status, starts_at=None if starts is None else NOW + starts * HOUR)

    assert session.is_taught(NOW) is taught


# -- states

DECISIONS: dict[str, tuple[str, Callable[[Enrolment], tuple[Enrolment, list[Event]]]]] = {
    "approve": ("applied", lambda e: domain.approve(e, SEAT, "hr", NOW)),
    "reject": ("applied", lambda e: domain.reject(e, None, "hr", NOW)),
    "lapse": ("applied waitlisted", lambda e: domain.lapse(e, NOW)),
    "offer": ("waitlisted", lambda e: domain.offer(e, SESSION, NOW)),
    "accept": ("offered", lambda e: domain.accept_offer(e, SESSION, "worker", NOW)),
    "decline": ("offered", lambda e: domain.decline_offer(e, "worker", NOW)),
    "expire": ("offered", lambda e: domain.expire_offer(e, NOW)),
    "attend": ("confirmed attending", lambda e: domain.record_attendance(e, 90, "trainer", NOW)),
    "absent": ("confirmed", lambda e: domain.record_no_show(e, "trainer", NOW)),
    "pass": ("attending", lambda e: domain.record_result(e, SESSION, True, 90, "trainer", NOW)),
    "fail": ("attending", lambda e: domain.record_result(e, SESSION, False, 10, "trainer", NOW)),
    "cancel": (
        "applied waitlisted offered confirmed attending",
        lambda e: domain.cancel(e, "worker", None, "worker", NOW),
    ),
}
STATUSES = sorted({*domain.ARROWS, *domain.INACTIVE})


@pytest.mark.parametrize("name", DECISIONS)
@pytest.mark.parametrize("status", STATUSES)
def test_a_decision_is_allowed_from_its_statuses_and_from_no_other(name: str, status: str) -> None:
    allowed, decide = DECISIONS[name]
    enrolment = at(status, attendance=90)
    if status in allowed.split():
        decide(enrolment)
    else:
        with pytest.raises(IllegalTransition):
            decide(enrolment)


@given(some.lists(some.sampled_from(sorted(DECISIONS)), max_size=12), some.sampled_from([SEAT, TICKET, None]))
def test_whatever_is_decided_in_whatever_order_every_step_is_an_arrow_and_what_is_final_stays(
    names: list[str], seat: Seat | None
) -> None:
    enrolment = APPLIED if seat is None else domain.admit(APPLICATION, seat, "portal", NOW)[0]
    for name in names:
        before = enrolment
        try:
            enrolment, happened = DECISIONS[name][1](before)
        except IllegalTransition:
            assert name == "attend" or before.status not in DECISIONS[name][0].split()
            continue
        assert all(event.enrolment_id == enrolment.id for event in happened)  # type: ignore[attr-defined]
        steps = [step.status for step in enrolment.history]
        assert all(later in domain.ARROWS[earlier] for earlier, later in pairwise(steps))
        assert steps[-1] == enrolment.status
        assert before.status in domain.ARROWS, "nothing follows a final status"
        assert enrolment.active == (enrolment.status not in domain.INACTIVE)


def test_the_sets_of_statuses_fit_each_other() -> None:
    final = {status for status in STATUSES if not domain.ARROWS.get(status)}

    assert final == domain.WITH_OUTCOME | domain.INACTIVE
    assert set(STATUSES) - final == domain.OPEN
    assert domain.TAKES_TIME < domain.HOLDS_SEAT
    assert domain.ON_ROSTER < domain.HOLDS_SEAT
    assert not domain.HOLDS_SEAT & domain.INACTIVE


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
