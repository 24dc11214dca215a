"""Claims: each belongs to one enrolment, and what died between claim and commit gives its seat back once."""

from datetime import timedelta
from typing import Any

import pytest

from services.enrolment_service.domain import Seat
from services.enrolment_service.store.desk import SeatClaims, SeatQuestion
from services.enrolment_service.store.seats import CLAIM_AGE
from shared.clock import utc_now
from shared.schemas.directory import PersonMerged
from tests.enrolment_service.conftest import EMPLOYER, Service


def ask(service: Service, *questions: SeatQuestion) -> list[Seat]:
    """What the desk gives those who ask together, as a process that dies before it commits would get it."""
    answers = SeatClaims().resolve_seats(service.runtime.work(), questions)
    return [answers[question].seat for question in questions]


def age_claims(service: Service, session_id: str) -> None:
    """Make the claims of a session old enough to be swept."""
    old = {"$set": {"claims.$[].at": utc_now() - CLAIM_AGE - timedelta(seconds=1)}}
    service.runtime.database["seats"].update_one({"_id": session_id}, old)


def seats(service: Service, session_id: str) -> dict[str, Any]:
    found = service.runtime.database["seats"].find_one({"_id": session_id})
    assert found is not None
    return found


def applied(service: Service, session_id: str, person: str) -> str:
    answer = service.apply(session_id, person, employer_id=EMPLOYER)
    assert answer.json["status"] == "applied", answer.json
    return str(answer.json["id"])


def act(service: Service, enrolment_id: str, action: str) -> Any:
    headers = service.hr() if action == "approve" else service.headers()
    return service.client.post(f"/v1/enrolments/{enrolment_id}/{action}", json={}, headers=headers)


def lost_to_a_cancel(service: Service, session_id: str, person: str) -> str:
    """An application whose approval claimed a seat and then found that it was cancelled; returns its id."""
    enrolment = applied(service, session_id, person)
    ask(service, SeatQuestion(session_id, person, enrolment, existing=True))
    assert act(service, enrolment, "cancel").json["status"] == "cancelled"
    return enrolment


def test_an_enrolment_never_inherits_the_claim_of_another_one_of_the_same_person(service: Service) -> None:
    session_id, person = service.session(capacity=2, approval_needed=True), service.person()
    former = lost_to_a_cancel(service, session_id, person)
    later = applied(service, session_id, person)

    (seat,) = ask(service, SeatQuestion(session_id, person, later, existing=True))
    act(service, later, "cancel")
    (new,) = ask(service, SeatQuestion(session_id, person, "not-stored-yet"))

    assert [seat.enrolment_id, new.enrolment_id] == [later, "not-stored-yet"]
    assert [claim["e"] for claim in seats(service, session_id)["claims"]] == [former, later, "not-stored-yet"]
    assert (seat.ticket, new.ticket) == (None, 1)


def test_a_seat_is_not_sold_twice_after_an_approval_lost_its_race_to_a_cancel(service: Service) -> None:
    session_id, person = service.session(capacity=2, approval_needed=True), service.person()
    lost_to_a_cancel(service, session_id, person)
    age_claims(service, session_id)
    actions = service.actions(service.runtime.work())
    stale = actions.store.seats.stale_claims(actions.now(), 10)

    approved = act(service, applied(service, session_id, person), "approve").json
    for session, claim in stale:
        service.decide(lambda a, s=session, c=claim: a.seats.give_back(s, c))  # type: ignore[misc]
    others = [act(service, applied(service, session_id, one), "approve").json for one in service.people(2)]

    assert [one["status"] for one in (approved, *others)] == ["confirmed", "confirmed", "waitlisted"]
    assert (seats(service, session_id)["taken"], seats(service, session_id)["waiting"]) == (2, 1)


def test_what_an_ended_application_had_claimed_is_given_back_once(service: Service) -> None:
    session_id, person = service.session(capacity=1, approval_needed=True), service.person()
    lost_to_a_cancel(service, session_id, person)
    age_claims(service, session_id)
    actions = service.actions(service.runtime.work())
    ((_, claim),) = [row for row in actions.store.seats.stale_claims(actions.now(), 10) if row[0] == session_id]

    swept = [service.decide(lambda a: a.seats.give_back(session_id, claim)) for _ in range(2)]

    assert swept == [1, 0]
    assert (seats(service, session_id)["taken"], seats(service, session_id)["claims"]) == (0, [])


def test_an_approval_that_asks_again_keeps_its_claim(service: Service) -> None:
    session_id, person = service.session(capacity=1, approval_needed=True), service.person()
    enrolment = applied(service, session_id, person)
    question = SeatQuestion(session_id, person, enrolment, existing=True)

    first, again = ask(service, question)[0], ask(service, question)[0]

    assert first == again
    assert len(seats(service, session_id)["claims"]) == seats(service, session_id)["taken"] == 1


def test_who_comes_again_after_a_process_died_takes_up_the_claim_of_their_own_application(service: Service) -> None:
    session_id, (person, other) = service.session(capacity=1), service.people(2)
    (seat,) = ask(service, SeatQuestion(session_id, person, "enrolment-of-a-dead-process"))

    again = service.apply(session_id, person).json
    late = service.apply(session_id, other).json

    assert (again["id"], again["status"]) == (seat.enrolment_id, "confirmed")
    assert late["status"] == "waitlisted"
    assert seats(service, session_id)["taken"] == 1


def test_questions_are_the_same_for_one_new_application_and_for_one_stored_enrolment_only() -> None:
    def stored(enrolment: str) -> SeatQuestion:
        return SeatQuestion("s", "p", enrolment, existing=True)

    assert SeatQuestion("s", "p", "e1") == SeatQuestion("s", "p", "e2")
    assert stored("e1") == stored("e1")
    assert len({stored("e1"), stored("e2"), SeatQuestion("s", "p", "e1"), SeatQuestion("s", "other", "e1")}) == 4


def test_two_approvals_of_one_person_asked_together_have_a_claim_each(service: Service) -> None:
    session_id, person = service.session(capacity=2, approval_needed=True), service.person()
    former = applied(service, session_id, person)
    act(service, former, "cancel")
    later = applied(service, session_id, person)

    given = ask(service, *(SeatQuestion(session_id, person, one, existing=True) for one in (former, later)))

    assert [seat.enrolment_id for seat in given] == [former, later]


@pytest.mark.parametrize("approval_needed", [False, True])
def test_a_person_of_many_records_enrols(service: Service, approval_needed: bool) -> None:
    *losers, winner = service.people(6)
    service.feed(*(PersonMerged(person_id=loser, into_person_id=winner) for loser in losers))
    service.apply(service.session(), winner)
    session_id = service.session(approval_needed=approval_needed)

    answer = service.apply(session_id, winner)

    assert answer.status_code == 201, answer.json
    assert answer.json["person_id"] == winner


def test_a_waiting_one_is_not_overtaken_by_one_that_was_stored_while_the_queue_was_looked_at(service: Service) -> None:
    session_id, people = service.session(capacity=1), service.people(4)
    winner, first = (service.apply(session_id, person).json["id"] for person in people[:2])
    act(service, winner, "cancel")
    actions = service.actions(service.runtime.work())
    actions.store.seats.settle_now(actions.store.get(first))
    actions.store.seats.ledger(session_id)  # from here on others are faster
    (slow,) = ask(service, SeatQuestion(session_id, people[2], "enrolment-of-a-slow-process"))
    fast = service.apply(session_id, people[3]).json
    act(service, first, "cancel")

    moved = actions.seats.care(session_id)

    assert (slow.place, fast["place_in_queue"]) == (2, 3)
    assert moved == 0, "the later ticket was offered while the earlier one was being stored"


def test_what_a_late_second_approval_claims_is_given_back_and_not_settled(service: Service) -> None:
    session_id, (person, other) = service.session(capacity=1, approval_needed=True), service.people(2)
    enrolment = applied(service, session_id, person)
    assert act(service, enrolment, "approve").json["status"] == "confirmed"
    actions = service.actions(service.runtime.work())
    actions.store.seats.settle_now(actions.store.get(enrolment))

    (late,) = ask(service, SeatQuestion(session_id, person, enrolment, existing=True))
    age_claims(service, session_id)
    service.tick()
    waiting = act(service, applied(service, session_id, other), "approve").json
    act(service, enrolment, "cancel")
    service.tick()

    assert (late.ticket, waiting["place_in_queue"]) == (1, 1)
    assert service.events(waiting["id"])[-1] == "offered"
    assert (seats(service, session_id)["taken"], seats(service, session_id)["waiting"]) == (1, 0)
