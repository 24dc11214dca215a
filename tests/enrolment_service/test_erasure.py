"""A person is erased: what was open of theirs ends, what they held comes free, whatever happens at the same time."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from deploy.local.processes import wait_until
from services.enrolment_service import domain
from services.enrolment_service.domain import Application
from services.enrolment_service.store.desk import SeatClaims, SeatQuestion
from services.enrolment_service.store.erasures import LONGEST
from services.enrolment_service.store.seats import CLAIM_AGE
from shared.auth.references import external_ref
from shared.clock import new_id, utc_now
from shared.schemas.catalog import SessionCancelled
from shared.schemas.codec import decode_data
from shared.schemas.directory import PersonErased, PersonMerged, PersonRegistered
from shared.schemas.enrolment import EnrolmentCancelled
from shared.storage.transaction import commit
from shared.storage.work import UnitOfWork
from tests.enrolment_service.conftest import EMPLOYER, HOME, HOST, Service
from tests.leftovers import holding


def seats(service: Service, session_id: str) -> tuple[int, int, int]:
    """Confirmed, held and waiting."""
    count = service.client.get(f"/v1/seats/{session_id}").json
    return count["confirmed"], count["held"], count["waiting"]


def status(service: Service, enrolment_id: str) -> str:
    found: str = service.runtime.database["enrolments"].find_one({"_id": enrolment_id})["status"]  # type: ignore[index]
    return found


def cancellation(service: Service, enrolment_id: str) -> EnrolmentCancelled:
    """The event that was published of it."""
    query = {"key": enrolment_id, "type": EnrolmentCancelled.TYPE}
    row = service.runtime.database["outbox"].find_one(query)
    assert row is not None
    event = decode_data(EnrolmentCancelled.TYPE, row["data"])
    assert isinstance(event, EnrolmentCancelled)
    return event


ENOUGH_LOOKS = 20


def look_again(service: Service) -> None:
    """The time for the next look has come."""
    erasures = service.runtime.database["erasures"]
    erasures.update_many({"look_at": {"$exists": True}}, {"$set": {"look_at": utc_now()}})
    service.tick()


def attend(service: Service, session_id: str, enrolment_id: str, percent: int = 100) -> None:
    service.begin(session_id)
    items = [{"enrolment_id": enrolment_id, "attendance": percent}]
    service.client.put(f"/v1/rosters/{session_id}/attendance", json={"items": items}, headers=service.trainer())


def finish(service: Service, session_id: str, enrolment_id: str, *, passed: bool) -> None:
    items = [{"enrolment_id": enrolment_id, "passed": passed}]
    service.client.post(f"/v1/rosters/{session_id}/results", json={"items": items}, headers=service.trainer())


def test_everything_open_of_an_erased_person_is_cancelled_and_the_queue_moves(service: Service) -> None:
    person, other = service.people(2)
    awaiting = service.apply(service.session(approval_needed=True), person).json["id"]
    with_seat = service.session(capacity=1)
    confirmed = service.apply(with_seat, person).json["id"]
    next_in_line = service.apply(with_seat, other).json["id"]
    with_queue = service.session(capacity=1)
    service.apply(with_queue, other)
    waiting = service.apply(with_queue, person).json["id"]
    begun = service.session()
    attending = service.apply(begun, person).json["id"]
    attend(service, begun, attending)

    service.feed(PersonErased(person_id=person))
    service.tick()
    service.tick()

    ended = {"applied": awaiting, "confirmed": confirmed, "waitlisted": waiting, "attending": attending}
    assert {status(service, enrolment) for enrolment in ended.values()} == {"cancelled"}
    happened = {name: cancellation(service, enrolment) for name, enrolment in ended.items()}
    assert {name: event.from_status for name, event in happened.items()} == {name: name for name in ended}
    assert {event.cause for event in happened.values()} == {"erased"}
    assert status(service, next_in_line) == "offered"
    assert seats(service, with_seat) == (0, 1, 0)
    assert seats(service, with_queue)[2] == 0
    assert seats(service, begun) == (0, 0, 0)


def test_an_offer_to_an_erased_person_goes_to_the_next_in_line(service: Service) -> None:
    session_id = service.session(capacity=1)
    first, person, third = service.people(3)
    winner, offered, last = (service.apply(session_id, one).json["id"] for one in (first, person, third))
    service.client.post(f"/v1/enrolments/{winner}/cancel", json={}, headers=service.headers())
    service.tick()
    assert status(service, offered) == "offered"

    service.feed(PersonErased(person_id=person))
    service.tick()
    service.tick()

    assert (status(service, offered), status(service, last)) == ("cancelled", "offered")
    assert seats(service, session_id) == (0, 1, 0)


def test_results_of_an_erased_person_stay_as_they_are(service: Service) -> None:
    person = service.person()
    sessions = [service.session() for _ in range(2)]
    done = [service.apply(session_id, person).json["id"] for session_id in sessions]
    for session_id, enrolment, passed in zip(sessions, done, (True, False), strict=True):
        attend(service, session_id, enrolment)
        finish(service, session_id, enrolment, passed=passed)

    service.feed(PersonErased(person_id=person))
    service.tick()

    assert [status(service, enrolment) for enrolment in done] == ["completed", "failed"]
    assert [service.events(enrolment)[-1] for enrolment in done] == ["completed", "failed"]


def test_hundreds_of_enrolments_end_chunk_by_chunk(service: Service) -> None:
    person, session_id = service.person(), service.session()
    enrolment = service.apply(session_id, person).json["id"]
    _copy_to_many_sessions(service, session_id, enrolment, 230)
    service.feed(PersonErased(person_id=person))

    moved = [service.decide(lambda actions: actions.people.end_of_erased(person)) for _ in range(6)]
    service.tick()
    service.tick()  # one takes care of no more than two hundred sessions

    rows = list(service.runtime.database["enrolments"].find({"person_id": person}))
    assert moved == [50, 50, 50, 50, 31, 0]
    assert Counter(row["status"] for row in rows) == {"cancelled": 231}
    assert not any("slot" in row for row in rows)
    taken = service.runtime.database["seats"].find({"_id": {"$in": [row["session_id"] for row in rows]}})
    assert {row["taken"] for row in taken} == {0}
    assert service.runtime.database["outbox"].count_documents({"type": EnrolmentCancelled.TYPE, "key": enrolment}) == 1


def test_what_was_written_about_an_erased_person_is_nowhere_any_more(service: Service) -> None:
    loser, person = service.people(2)
    decided = [("reject", loser), ("cancel", person), ("reject", person)]
    for number, (verb, who) in enumerate(decided):
        session_id = service.session(approval_needed=True)
        enrolment = service.apply(session_id, who, employer_id=EMPLOYER).json["id"]
        headers = service.hr() | {"Idempotency-Key": f"{verb}-{person}-{number}"}
        body = {"reason": f"nobody-should-keep-this {person}"}
        assert service.client.post(f"/v1/enrolments/{enrolment}/{verb}", json=body, headers=headers).status_code == 201
    before = holding(service.runtime.database, f"nobody-should-keep-this {person}")

    service.feed(PersonMerged(person_id=loser, into_person_id=person), PersonErased(person_id=person))
    service.tick()

    assert before == ["enrolments"]
    assert holding(service.runtime.database, f"nobody-should-keep-this {person}") == []


def test_what_is_written_about_somebody_who_is_being_erased_is_forgotten_too(service: Service) -> None:
    person = service.person()
    enrolment = service.apply(service.session(), person).json["id"]
    service.feed(PersonErased(person_id=person))
    service.tick()
    text = f"written-late {person}"
    service.runtime.database["enrolments"].update_one({"_id": enrolment}, {"$set": {"cancel_reason": text}})

    look_again(service)

    assert holding(service.runtime.database, text) == []


def test_an_erasure_told_twice_has_one_effect(service: Service) -> None:
    person, session_id = service.person(), service.session(capacity=1)
    enrolment = service.apply(session_id, person).json["id"]
    for _ in range(2):
        service.feed(PersonErased(person_id=person))
        look_again(service)

    assert service.events(enrolment) == ["applied", "confirmed", "cancelled"]
    assert seats(service, session_id) == (0, 0, 0)


def test_an_erased_person_cannot_apply_by_id_or_by_the_partners_number(service: Service) -> None:
    person, session_id = new_id(), service.session()
    ref = external_ref("reference-secret-of-a-test", HOME, f"emp-{person}")
    service.feed(PersonRegistered(person_id=person, cluster_id=HOME, external_ref=ref))
    service.feed(PersonErased(person_id=person))

    by_id = service.apply(session_id, person)
    by_number = service.apply(session_id, person, worker={"external_id": f"emp-{person}"})

    assert (by_id.status_code, by_number.status_code) == (404, 404)
    stored = service.runtime.database["person_refs"].find_one({"_id": f"{HOME}/{ref}"})
    assert stored is not None
    assert stored["person_id"] is None


def test_the_number_of_an_erased_person_may_belong_to_somebody_else_later(service: Service) -> None:
    gone, newcomer, session_id = new_id(), new_id(), service.session()
    ref = external_ref("reference-secret-of-a-test", HOME, f"emp-{gone}")
    service.feed(PersonRegistered(person_id=gone, cluster_id=HOME, external_ref=ref))
    service.feed(PersonRegistered(person_id=newcomer, cluster_id=HOME, external_ref=ref))
    service.feed(PersonErased(person_id=gone))

    answer = service.apply(session_id, gone, worker={"external_id": f"emp-{gone}"})

    assert answer.json["person_id"] == newcomer


def test_an_application_decided_before_the_erasure_and_committed_after_it_ends_cancelled(service: Service) -> None:
    person, session_id = service.person(), service.session(approval_needed=True)
    late = service.runtime.work()
    application = _application(service, late, session_id, person)
    service.feed(PersonErased(person_id=person))
    service.tick()

    service.actions(late).store.save(*domain.await_approval(application, "late", utc_now()))
    commit(service.runtime.client, late)
    look_again(service)

    assert service.events(application.enrolment_id) == ["applied", "cancelled"]


def test_many_applications_at_the_moment_of_erasure_leave_nothing_open(service: Service) -> None:
    people = service.people(24)
    sessions = [service.session(capacity=5) for _ in range(4)]
    asked = [(session_id, person) for person in people for session_id in sessions]
    facts = [PersonErased(person_id=person) for person in people]

    with ThreadPoolExecutor(9) as pool:
        erasing = pool.submit(_feed_one_by_one, service, facts)
        answers = list(pool.map(lambda pair: service.apply(*pair), asked))
        erasing.result()
    theirs = {"person_id": {"$in": people}}
    still_open = {**theirs, "status": {"$nin": ["cancelled", "ineligible"]}}
    for _ in range(ENOUGH_LOOKS):  # a turn ends after two seconds, however little a busy machine did in them
        look_again(service)
        if service.runtime.database["enrolments"].find_one(still_open) is None:
            break

    assert {answer.status_code for answer in answers} <= {201, 404}
    rows = service.runtime.database["enrolments"].find(theirs)
    assert {row["status"] for row in rows} <= {"cancelled", "ineligible"}
    assert [seats(service, session_id) for session_id in sessions] == [(0, 0, 0)] * 4


def test_nobody_looks_any_more_after_a_day(service: Service) -> None:
    person = service.person()
    service.feed(PersonErased(person_id=person))
    service.tick()
    erasures = service.runtime.database["erasures"]
    soon = erasures.find_one({"_id": person})
    erasures.update_one({"_id": person}, {"$set": {"since": utc_now() - LONGEST}})
    look_again(service)

    assert soon is not None
    assert timedelta() < soon["look_at"] - utc_now() < timedelta(seconds=5)
    assert "look_at" not in (erasures.find_one({"_id": person}) or {})


def test_erasure_reaches_records_that_were_merged_by_way_of_another(service: Service) -> None:
    first, second, last = service.people(3)
    session_id = service.session()
    enrolment = service.apply(session_id, first).json["id"]
    service.feed(PersonMerged(person_id=second, into_person_id=last))
    service.feed(PersonMerged(person_id=first, into_person_id=second))

    service.feed(PersonErased(person_id=last))
    service.tick()

    assert status(service, enrolment) == "cancelled"


def test_a_seat_claimed_for_an_approval_that_froze_comes_free_though_the_application_ended(service: Service) -> None:
    person, session_id = service.person(), service.session(capacity=1, approval_needed=True)
    enrolment = service.apply(session_id, person, employer_id=EMPLOYER).json["id"]
    frozen = service.runtime.work()
    SeatClaims().resolve_seats(frozen, [SeatQuestion(session_id, person, enrolment, existing=True)])
    service.feed(PersonErased(person_id=person))
    service.tick()
    assert seats(service, session_id) == (0, 1, 0)

    _grow_old(service, session_id)
    service.tick()
    service.tick()

    assert service.events(enrolment) == ["applied", "cancelled"]
    assert seats(service, session_id) == (0, 0, 0)


def test_an_enrolment_that_comes_of_a_claim_made_before_its_session_was_cancelled_is_cancelled(
    service: Service,
) -> None:
    person, session_id = service.person(), service.session(capacity=1)
    late = service.runtime.work()
    application = _application(service, late, session_id, person)
    question = SeatQuestion(session_id, person, application.enrolment_id)
    seat = SeatClaims().resolve_seats(late, [question])[question].seat
    service.feed(SessionCancelled(session_id=session_id, course_id="course-1", course_version=1, cluster_id=HOST))
    service.tick()

    service.actions(late).store.save(*domain.admit(application, seat, "late", utc_now()))
    commit(service.runtime.client, late)

    def ended() -> bool:
        service.tick()  # on a busy machine a timer's turn may end before it comes to this session
        return service.events(application.enrolment_id) == ["applied", "confirmed", "cancelled"]

    assert wait_until(ended, 60)
    assert seats(service, session_id) == (0, 0, 0)


def _application(service: Service, work: UnitOfWork, session_id: str, person: str) -> Application:
    copies = service.actions(work).store.copies
    return Application(
        enrolment_id=new_id(),
        session=copies.session(session_id),
        person=copies.person(person),
        employer_id=None,
        prerequisites=[],
    )


def _feed_one_by_one(service: Service, facts: Sequence[PersonErased]) -> None:
    for fact in facts:
        service.feed(fact)


def _grow_old(service: Service, session_id: str) -> None:
    old = {"$set": {"claims.0.at": utc_now() - 2 * CLAIM_AGE}}
    service.runtime.database["seats"].update_one({"_id": session_id}, old)


def _copy_to_many_sessions(service: Service, session_id: str, enrolment_id: str, count: int) -> None:
    """As if the same person had been confirmed in so many other sessions."""
    database = service.runtime.database
    seat, row = database["seats"].find_one({"_id": session_id}), database["enrolments"].find_one({"_id": enrolment_id})
    assert seat is not None
    assert row is not None
    ids = [new_id() for _ in range(count)]
    database["seats"].insert_many([{**seat, "_id": i, "claims": []} for i in ids])
    slots = [{"_id": i, "session_id": i, "slot": f"{i}/{row['person_id']}"} for i in ids]
    database["enrolments"].insert_many([row | slot for slot in slots])
