"""Issuing: exactly once per enrolment, whatever comes twice, early, late or at the same time."""

import time
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import new_id
from shared.errors import Transient
from shared.schemas.enrolment import EnrolmentResultCorrected as Corrected
from tests.certificate_service.service import (
    COURSE,
    SCHOOL,
    Service,
    completed,
    consented,
    corrected,
    erased,
    failed_checks,
    granted,
    merged,
    published,
    registered,
)
from tests.shared.bus.flow import switch_to


def test_a_completed_enrolment_is_certified_with_the_holders_name(service: Service) -> None:
    person = service.person("Zoë", "Müller-Ñandú")
    certificate = service.issue(person)
    credential = service.credential(certificate.id, person)

    assert credential["credentialSubject"]["identifier"][0]["identityHash"] == "Zoë Müller-Ñandú"
    assert credential["name"] == "Schweißroboter vorausschauend warten"
    assert credential["id"].endswith(f"/credentials/{certificate.id}")
    assert service.verify(credential=credential)["verified"]
    assert service.events(certificate.id) == ["issued"]


def test_no_event_carries_the_name_and_nothing_is_stored_in_the_clear(service: Service) -> None:
    person = service.person("Xaverius", "Unverwechselbar")
    service.issue(person)

    for name in service.runtime.database.list_collection_names():
        for row in service.runtime.database[name].find():
            assert "Unverwechselbar" not in repr(row), name


def test_a_redelivered_completion_has_no_second_effect(service: Service) -> None:
    event = completed(service.person())
    record = service.record(event)
    for _ in range(3):
        service.inbox("issuing").take([record, record])

    assert service.runtime.database["certificates"].count_documents({"enrolment_id": event.enrolment_id}) == 1
    certificate = service.of_enrolment(event.enrolment_id)
    assert certificate is not None
    assert service.events(certificate.id) == ["issued"]


def test_a_second_completion_of_the_same_enrolment_issues_nothing(service: Service) -> None:
    event = completed(service.person())
    service.feed(event, event)
    service.feed(event)

    assert service.runtime.database["certificates"].count_documents({"enrolment_id": event.enrolment_id}) == 1
    assert service.held() == []


def test_what_names_an_unknown_course_or_body_waits_for_it(service: Service) -> None:
    course, school = new_id(), new_id()
    event = completed(service.person(), course_id=course)
    service.feed(event)
    service.feed(published(course, provider_id=school, awarding_body_id=school))
    service.inbox("issuing").release(f"enrolment/{event.enrolment_id}")
    assert service.of_enrolment(event.enrolment_id) is None

    service.feed(registered(school))
    service.inbox("issuing").release(f"enrolment/{event.enrolment_id}")

    assert service.of_enrolment(event.enrolment_id) is not None
    assert service.held() == []


def test_without_the_directory_nothing_is_lost_and_nothing_is_issued_nameless(service: Service) -> None:
    event = completed(service.person())
    record = service.record(event)
    service.directory.down = True
    with pytest.raises(Transient):
        service.inbox("issuing").take([record])
    service.directory.down = False
    assert service.of_enrolment(event.enrolment_id) is None

    service.inbox("issuing").take([record])

    assert service.of_enrolment(event.enrolment_id) is not None


def test_a_retry_wastes_no_place_in_the_list(service: Service) -> None:
    event = completed(service.person())
    record = service.record(event)
    service.directory.down = True
    for _ in range(3):
        with pytest.raises(Transient):
            service.inbox("issuing").take([record])
    service.directory.down = False
    counted = service.runtime.database["status_lists"].find_one({"_id": f"{SCHOOL}-1"})
    service.inbox("issuing").take([record])

    assert service.runtime.database["status_lists"].find_one({"_id": f"{SCHOOL}-1"}) == counted


def test_names_of_a_batch_are_asked_once(service: Service) -> None:
    people = [service.person() for _ in range(5)]
    service.directory.asked.clear()
    service.feed(*(completed(person) for person in people))

    assert len(service.directory.asked) == 1
    assert sorted(service.directory.asked[0]) == sorted(people)


def test_one_that_cannot_be_signed_stands_aside_alone(service: Service) -> None:
    strange = service.person("Bell\x07", "Control")
    good = completed(service.person())
    bad = completed(strange)
    service.feed(bad, good)

    assert service.of_enrolment(good.enrolment_id) is not None
    assert service.of_enrolment(bad.enrolment_id) is None
    assert [row["reason"] for row in service.held()] == ["BadDocument"]
    service.runtime.database["held_events"].delete_many({})
    service.runtime.database["held_keys"].delete_many({})


def test_each_has_its_own_random_id_and_place(service: Service) -> None:
    found = [service.issue() for _ in range(8)]

    assert len({c.id for c in found}) == len({c.place for c in found}) == 8
    assert all(c.id.count("-") == 4 and c.id[14] == "4" for c in found)
    numbers = [c.place.number for c in found]
    assert numbers != sorted(numbers)


def test_a_course_without_an_end_and_one_with_one(service: Service) -> None:
    course = new_id()
    service.feed(published(course, certificate_validity_months=None))

    assert service.issue(course_id=course).valid_until is None
    limited = service.issue(course_id=COURSE)
    assert limited.valid_until is not None
    assert limited.valid_until - limited.awarded_at > timedelta(days=700)


@pytest.mark.parametrize(
    "homepage", ["www.courses.example", "https://courses.example/a course", "https://courses.example/c1"]
)
def test_a_careless_homepage_does_not_stand_in_the_way(service: Service, homepage: str) -> None:
    course, person = new_id(), service.person()
    service.feed(published(course, homepage=homepage))
    credential = service.credential(service.issue(person, course_id=course).id, person)

    assert service.verify(credential=credential)["verified"]
    assert credential["credentialSubject"]["achievement"]["criteria"].get("id") in {None, "https://courses.example/c1"}


def test_a_failed_correction_revokes_and_a_passed_one_gives_back(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    old = service.credential(certificate.id, person)
    service.feed(corrected(certificate, passed=False))
    assert failed_checks(service.verify(credential=old)) == ["revocation"]

    service.feed(corrected(certificate, passed=True, score=62.5))

    new = service.credential(certificate.id, person)
    assert service.verify(credential=new)["verified"]
    assert failed_checks(service.verify(credential=old)) == ["revocation"]
    assert new["id"] == old["id"]
    assert new["awardedDate"] == old["awardedDate"]
    assert new["credentialSubject"]["result"][0]["value"] == "62.5"
    assert service.events(certificate.id) == ["issued", "revoked", "superseded", "reinstated"]


def test_what_follows_each_other_in_one_batch_comes_out_the_same(service: Service) -> None:
    person = service.person()
    event = completed(person)
    passing: dict[str, Any] = {"passed": True, "completed_at": event.completed_at}
    common: dict[str, Any] = {name: getattr(event, name) for name in _COMMON}
    service.feed(
        event,
        Corrected(**common, **passing, score=50.0),
        Corrected(**common, passed=False, score=None, completed_at=None),
        Corrected(**common, **passing, score=60.0),
        Corrected(**common, **passing, score=60.0),
    )

    certificate = service.of_enrolment(event.enrolment_id)
    assert certificate is not None
    assert certificate.status == "issued"
    assert certificate.score == 60.0
    assert len({certificate.place, *certificate.past_places}) == 3
    credential = service.credential(certificate.id, person)
    assert credential["credentialStatus"]["statusListIndex"] == str(certificate.place.number)
    assert service.verify(credential=credential)["verified"]


_COMMON = (
    *("enrolment_id", "session_id", "course_id", "course_version"),
    *("person_id", "cluster_id", "host_cluster_id", "employer_id"),
)


def test_a_passed_correction_of_a_failed_course_issues(service: Service) -> None:
    event = completed(service.person())
    common: dict[str, Any] = {name: getattr(event, name) for name in _COMMON}
    service.feed(Corrected(**common, passed=True, score=None, completed_at=event.completed_at))

    certificate = service.of_enrolment(event.enrolment_id)
    assert certificate is not None
    assert certificate.awarded_at == event.completed_at


def test_what_somebody_revoked_no_correction_gives_back(service: Service) -> None:
    certificate = service.issue()
    assert service.act(certificate.id, "revoke", reason="it was a mistake").status_code == 200
    service.feed(corrected(certificate, passed=True, score=99.0))

    assert service.certificate(certificate.id).status == "revoked"


def test_erasure_destroys_the_credential_and_leaves_a_valid_anonymous_certificate(service: Service) -> None:
    person = service.person()
    certificate = service.issue(person)
    copy = service.credential(certificate.id, person)
    service.feed(erased(person))

    answer = service.get(f"/credentials/{certificate.id}", service.worker(person)).json
    assert answer["summary"] == "valid, holder erased"
    database: Any = service.runtime.database
    assert database["sealed_credentials"].find_one({"_id": certificate.id}) is None
    assert database["certificates"].find_one({"_id": certificate.id})["person_id"] is None
    assert database["holders"].find_one({"_id": person})["keys"] == {}
    assert service.verify(credential=copy)["verified"]


def test_nobody_is_certified_after_their_erasure(service: Service) -> None:
    person = service.person()
    service.feed(erased(person))
    event = completed(person)
    service.feed(event)
    told = completed(service.person())
    service.directory.erased.add(told.person_id)
    service.feed(told)

    assert service.of_enrolment(event.enrolment_id) is None
    assert service.of_enrolment(told.enrolment_id) is None
    assert service.held() == []


def test_erased_and_completed_in_one_batch_in_either_order(service: Service) -> None:
    first, second = service.person(), service.person()
    before, after = completed(first), completed(second)
    service.feed(before, erased(first), erased(second), after)

    certificate = service.of_enrolment(before.enrolment_id)
    assert certificate is not None
    assert certificate.erased
    assert service.of_enrolment(after.enrolment_id) is None
    assert service.runtime.database["sealed_credentials"].find_one({"_id": certificate.id}) is None


def test_a_merge_hands_the_certificates_over_and_erasing_the_winner_erases_them(service: Service) -> None:
    loser, winner = service.person(), service.person()
    mine, theirs = service.issue(loser), service.issue(winner)
    service.feed(merged(loser, winner))
    late = service.issue(loser)

    for certificate in (mine, theirs, late):
        assert service.certificate(certificate.id).person_id == winner
        assert service.credential(certificate.id, loser)["id"].endswith(certificate.id)

    service.feed(erased(winner))
    assert all(service.certificate(c.id).erased for c in (mine, theirs, late))


def test_a_merge_into_somebody_erased_erases(service: Service) -> None:
    loser, winner = service.person(), service.person()
    certificate = service.issue(loser)
    service.feed(erased(winner), merged(loser, winner))

    assert service.certificate(certificate.id).erased


def test_consent_before_and_after_the_issue(service: Service) -> None:
    before = service.issue(service.person(consents=True))
    person = service.person(consents=False)
    after = service.issue(person)

    assert before.employer_sees
    assert not after.employer_sees
    service.feed(consented(person))
    assert service.certificate(after.id).employer_sees


# -- what goes wrong around it


def test_one_broken_enrolment_event_does_not_hold_the_awarding_body_up(service: Service) -> None:
    unknown = completed(new_id())
    good = completed(service.person())
    service.feed(unknown, good)

    assert service.of_enrolment(good.enrolment_id) is not None
    assert [row["state"] for row in service.held()] == ["awaiting"]
    service.directory.names[unknown.person_id] = ("Late", "Comer")
    service.inbox("issuing").release(f"enrolment/{unknown.enrolment_id}")
    assert service.of_enrolment(unknown.enrolment_id) is not None
    assert service.held() == []


def test_issuing_reads_the_copies_that_are_in_use_after_a_rebuild(service: Service) -> None:
    """The consumer began before the rebuild and must not go on reading what nobody keeps up to date."""
    inbox, course, person = service.inbox("issuing"), new_id(), service.person()
    service.feed(granted(SCHOOL, course_id=course))
    database: Any = service.runtime.database
    model = service.plan.read_models[0]
    service.plan.ensure_indexes(model.aliases(2))
    for name in model.collections:
        database[f"{name}.g2"].insert_many(list(database[name].find()))
    switch_to(service.plan.database, "copies", 2)
    try:
        service.feed(published(course))
        time.sleep(1.1)  # processes look for another generation once a second
        event = completed(person, course_id=course)
        inbox.take([service.record(event)])

        assert database["courses"].find_one({"_id": f"{course}/1"}) is None
        assert service.of_enrolment(event.enrolment_id) is not None
    finally:
        switch_to(service.plan.database, "copies", 1)
        time.sleep(1.1)
