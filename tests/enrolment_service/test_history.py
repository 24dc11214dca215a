"""The seat desk judged by its history: what was asked and answered must be possible one after the other."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from services.enrolment_service.app import create_app
from services.enrolment_service.store import Store
from services.enrolment_service.store.claiming import CLAIM
from services.enrolment_service.store.desk import CLAIM_SECONDS, SeatClaims, SeatQuestion
from shared.http.app import ServiceApp
from tests.chaos.arena import wait_for
from tests.chaos.checker import Verdict, judge
from tests.chaos.desk import desk, open_place, open_places, queues_move
from tests.chaos.history import Case, Operation, Recorder, at_rest
from tests.chaos.players import Place, Players
from tests.chaos.story import judged, story
from tests.enrolment_service.conftest import Service
from tests.stack import Stack

MOST_ROUNDS = 12
"""A planted bug needs some luck to do harm: an inherited claim was seen in two of three rounds."""


def players(service: Service, other: ServiceApp, recorder: Recorder | None = None) -> Players:
    """Clients of two applications with a group commit each: as two processes, they know of each other by MongoDB."""

    def send(method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        app = random.choice((service.app, other))
        answer = app.test_client().open(path, method=method, json=body, headers=dict(headers))
        return answer.status_code, answer.json

    scopes = ["enrolment:read", "enrolment:write", "enrolment:approve", "catalog:write"]
    token = service.headers(scopes=scopes)
    return Players(send, lambda: token, Recorder() if recorder is None else recorder)


def history(service: Service, other: ServiceApp, operations: int) -> list[Case]:
    """Play at random while queues move and claims are swept; then come to rest."""
    places, many = open_places(service, hot=2, cold=8), players(service, other)
    with queues_move(service):
        many.play(places, operations)
    return at_rest(service.runtime.database, [place.case for place in places], many.recorder)


@pytest.fixture(scope="module")
def other(service: Service) -> Iterator[ServiceApp]:
    """A second application on the same database."""
    app = create_app()
    app.extensions["runtime"].wait()
    yield app
    app.extensions["runtime"].close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims are swept so early that many are still under way."""
    monkeypatch.setattr("services.enrolment_service.store.seats.CLAIM_AGE", timedelta(seconds=0.05))


def test_the_history_of_two_api_processes_is_possible(engines: Stack, tmp_path: Path) -> None:
    with desk(engines.mongo, engines.kafka, tmp_path) as made:
        places = open_places(made.service, hot=2, cold=8)
        with queues_move(made.service):
            made.players().play(places, 2_000)
        verdict = made.verdict(places)

    assert verdict == Verdict()


@pytest.mark.usefixtures("impatient")
def test_a_history_in_which_claims_under_way_are_swept_is_possible(service: Service, other: ServiceApp) -> None:
    verdict = judged(service.runtime.database, history(service, other, 1_000))

    assert verdict == Verdict()


# -- what comes between the claim and the commit of an operation, as it was seen once by chance


@pytest.fixture
def place(service: Service, impatient: None) -> Place:
    """A session of one seat."""
    return open_place(service, capacity=1, limit=1, people=2)


def ask(app: Any, service: Service, recorder: Recorder, case: Case, person: str) -> Operation:
    """One application, by this application's process."""

    def send(method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        answer = app.test_client().open(path, method=method, json=body, headers=dict(headers))
        return answer.status_code, answer.json

    return Players(send, service.headers, recorder).ask("apply", case, person)


def once_before(patch: pytest.MonkeyPatch, owner: str, name: str, act: Callable[[], object]) -> None:
    """Do this before the next call of that function, and only then."""
    function, first = getattr(import_module(owner), name), [act]

    def wrapped(*args: Any, **options: Any) -> Any:
        if first:
            first.pop()()
        return function(*args, **options)

    patch.setattr(f"{owner}.{name}", wrapped)


def sweep_until(service: Service, case: Case, taken: int, offered: int) -> None:
    """Let claims get old and queues move until the seats count so much."""

    def counted() -> bool:
        service.tick()
        seats = service.runtime.database["seats"].find_one({"_id": case.session}) or {}
        return (seats["taken"], seats["offered"]) == (taken, offered)

    assert wait_for(counted, 60), "the claim was not swept"


def verdict(service: Service, case: Case, recorder: Recorder) -> Verdict:
    """The verdict when all has come to rest."""
    with queues_move(service):
        pass
    return judged(service.runtime.database, at_rest(service.runtime.database, [case], recorder))


def test_a_claim_that_was_swept_under_way_and_made_again_keeps_the_history_possible(
    service: Service, other: ServiceApp, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slow, quick), recorder, case = place.people, Recorder(), place.case

    def meanwhile() -> None:
        waits = ask(other, service, recorder, case, quick)
        assert (waits.answer, waits.place) == ("waitlisted", 1)
        sweep_until(service, case, taken=1, offered=1)

    once_before(monkeypatch, "shared.storage.group", "commit", meanwhile)
    late = ask(service.app, service, recorder, case, slow)

    assert (late.answer, late.tries) == ("waitlisted", 1)
    assert verdict(service, case, recorder) == Verdict()


def test_a_claim_that_mongodb_made_after_its_time_was_over_may_be_taken_up_by_the_next_application(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, recorder = open_place(service, capacity=2, limit=2, people=3), Recorder()
    (tardy, quick, waits), case, claimed = place.people, place.case, SeatClaims._claimed
    under_way: list[Callable[[], object]] = []

    def too_late(*update: Any) -> bool:
        monkeypatch.setattr(SeatClaims, "_claimed", claimed)
        under_way.append(partial(claimed, *update))
        time.sleep(CLAIM_SECONDS)
        return False

    def apply(person: str) -> Operation:
        return ask(service.app, service, recorder, case, person)

    monkeypatch.setattr(SeatClaims, "_claimed", too_late)
    first = apply(tardy)
    players(service, service.app, recorder).ask("cancel", case, first.enrolment)
    under_way.pop()()  # nobody has this seat now
    others = [apply(person) for person in (quick, quick, waits)]
    players(service, service.app, recorder).ask("cancel", case, others[0].enrolment)
    again = apply(tardy)

    answers = [done.answer for done in (first, *others, again)]
    assert answers == ["confirmed", "confirmed", "DUPLICATE_ENROLMENT", "waitlisted", "confirmed"]
    assert verdict(service, case, recorder) == Verdict()


def after_the_claim(patch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Once, do this before the process reads what the seats say after its claim."""
    claimed = SeatClaims._claimed

    def slowly(*args: Any) -> bool:
        patch.setattr(SeatClaims, "_claimed", claimed)
        done = claimed(*args)
        act()
        return done

    patch.setattr(SeatClaims, "_claimed", slowly)


def test_who_is_told_that_it_is_full_was_not_given_a_seat_that_was_swept_before_the_answer(
    service: Service, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, case = Recorder(), place.case
    after_the_claim(monkeypatch, lambda: sweep_until(service, case, taken=0, offered=0))

    asked = ask(service.app, service, recorder, case, place.people[0])

    assert asked.answer == "confirmed"
    assert verdict(service, case, recorder) == Verdict()


def test_who_was_enrolled_by_another_process_meanwhile_is_told_so_and_not_that_it_is_full(
    service: Service, other: ServiceApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, recorder = open_place(service, capacity=3, limit=0, people=2), Recorder()
    (person, next_one), case = place.people, place.case
    quick: list[Operation] = []

    def meanwhile() -> None:
        quick.append(ask(other, service, recorder, case, person))
        ask(other, service, recorder, case, next_one)  # takes the settled claim of the first along

    after_the_claim(monkeypatch, meanwhile)
    slow = ask(service.app, service, recorder, case, person)

    assert [quick[0].answer, slow.answer] == ["confirmed", "DUPLICATE_ENROLMENT"]
    assert verdict(service, case, recorder) == Verdict()


def test_the_story_of_a_session_tells_what_was_asked_and_what_was_written(service: Service, place: Place) -> None:
    recorder = Recorder()
    asked = ask(service.app, service, recorder, place.case, place.people[0])
    (case,) = at_rest(service.runtime.database, [place.case], recorder)

    lines = story(service.runtime.database, case).splitlines()

    assert [line for line in lines if "kind='apply'" in line and asked.enrolment in line]
    assert [line for line in lines if f"u seats {case.session}" in line and "'taken': 1" in line]
    assert [line for line in lines if f"i enrolments {asked.enrolment}" in line]


def give_without_condition(patch: pytest.MonkeyPatch) -> None:
    pipeline = copy.deepcopy(CLAIM)
    hand_out = pipeline[1]["$set"]["r"]["$reduce"]["in"]["$switch"]
    hand_out["branches"][1]["case"] = "$open"
    patch.setattr("services.enrolment_service.store.desk.CLAIM", pipeline)


def inherit_foreign_claims(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SeatQuestion, "key", property(lambda question: question.person_id))


def offer_out_of_order(patch: pytest.MonkeyPatch) -> None:
    def last_waiting(store: Store, session_id: str) -> Any:
        waiting = store.of_session(session_id, ["waitlisted"])
        return max(waiting, key=lambda enrolment: enrolment.ticket or 0, default=None)

    patch.setattr(Store, "next_waiting", last_waiting)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "plant",
    [
        give_without_condition,
        pytest.param(inherit_foreign_claims, marks=pytest.mark.slow),
        pytest.param(offer_out_of_order, marks=pytest.mark.slow),
    ],
)
def test_a_planted_bug_makes_the_history_impossible(
    service: Service, other: ServiceApp, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    plant(monkeypatch)

    verdicts = (judge(history(service, other, 400)) for _ in range(MOST_ROUNDS))
    caught = next((verdict for verdict in verdicts if not verdict.possible), None)

    assert caught is not None
    print("\n".join(caught.violations))
