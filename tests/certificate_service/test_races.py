"""Erasure, consent and issue at the same time, from several processes: none of them crosses another."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from bson import encode

from shared.bus.inbox import Inbox
from shared.schemas.codec import decode
from shared.schemas.event import Event
from shared.storage.transaction import commit
from shared.storage.work import Raced, UnitOfWork
from tests.certificate_service.service import (
    SCHOOL,
    Service,
    completed,
    consented,
    employed,
    erased,
    published,
    registered,
)

ROUNDS = 12


def _together(*acts: Callable[[], Any]) -> None:
    barrier = threading.Barrier(len(acts))
    failures: list[BaseException] = []

    def run(act: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            act()
        except BaseException as error:  # noqa: BLE001 (told to the test)
            failures.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def _taking(service: Service, name: str, *events: Event) -> Callable[[], None]:
    records = [service.record(event) for event in events]
    inbox = service.inbox(name)
    return lambda: inbox.take(records)


def test_erased_while_a_certificate_is_issued_leaves_nothing_readable(service: Service) -> None:
    outcomes = set()
    for _ in range(ROUNDS):
        person = service.person()
        event = completed(person)
        _together(_taking(service, "issuing", event), _taking(service, "issuing", erased(person)))

        certificate = service.of_enrolment(event.enrolment_id)
        holder = service.runtime.database["holders"].find_one({"_id": person})
        assert holder is not None
        assert (holder["erased"], holder["keys"], holder["certificates"]) == (True, {}, [])
        if certificate is not None:
            assert certificate.erased
            assert service.runtime.database["sealed_credentials"].find_one({"_id": certificate.id}) is None
        outcomes.add(certificate is None)
    assert service.held() == []
    assert outcomes


def test_the_same_completion_taken_by_two_at_once_is_issued_once(service: Service) -> None:
    for _ in range(ROUNDS):
        event = completed(service.person())
        record = service.record(event)
        inboxes = [service.inbox("issuing") for _ in range(3)]
        _together(*(lambda inbox=inbox, record=record: inbox.take([record]) for inbox in inboxes))

        found = list(service.runtime.database["certificates"].find({"enrolment_id": event.enrolment_id}))
        assert len(found) == 1
        assert service.events(found[0]["_id"]) == ["issued"]
    assert service.held() == []


def test_consent_while_a_certificate_is_issued_is_never_overlooked(service: Service) -> None:
    for _ in range(ROUNDS):
        person = service.person(consents=False)
        event = completed(person)
        _together(_taking(service, "issuing", event), _taking(service, "copies", consented(person)))

        certificate = service.of_enrolment(event.enrolment_id)
        assert certificate is not None
        assert certificate.employer_sees


def test_first_certificates_of_a_body_at_once_share_one_key(service: Service) -> None:
    for round_ in range(3):
        school, course = f"{SCHOOL}-{round_}", f"course-of-{round_}"
        service.feed(registered(school), published(course, provider_id=school, awarding_body_id=school))
        events = [completed(service.person(), course_id=course) for _ in range(4)]
        _together(*(_taking(service, "issuing", event) for event in events))

        found = [service.of_enrolment(event.enrolment_id) for event in events]
        issuer = service.runtime.database["issuers"].find_one({"_id": school})
        assert issuer is not None
        assert len(issuer["keys"]) == 1
        assert len({c.place for c in found if c is not None}) == 4
        for certificate in found:
            assert certificate is not None
            credential = service.credential(certificate.id, certificate.person_id or "")
            assert service.verify(credential=credential)["verified"]


def test_a_revocation_while_the_holder_is_erased(service: Service) -> None:
    for _ in range(ROUNDS):
        person = service.person()
        certificate = service.issue(person)
        answers: list[Any] = []
        _together(
            _taking(service, "issuing", erased(person)),
            lambda certificate=certificate, answers=answers: answers.append(  # type: ignore[misc]
                service.act(certificate.id, "revoke", reason="a reason that must go, too")
            ),
        )
        assert answers[0].status_code == 200, answers[0].json
        after = service.certificate(certificate.id)
        assert (after.status, after.erased) == ("revoked", True)
        assert service.runtime.database["sealed_credentials"].find_one({"_id": certificate.id}) is None


def test_a_full_list_is_followed_by_the_next(service: Service) -> None:
    first = service.issue()
    lists = service.runtime.database["status_lists"]
    lists.update_one({"_id": first.place.list_id}, {"$set": {"next": 131_071}})
    person = service.person()
    events = [completed(person) for _ in range(3)]
    service.feed(*events)

    found = [service.of_enrolment(event.enrolment_id) for event in events]
    assert {c.place.list_id for c in found if c is not None} == {f"{SCHOOL}-2"}
    again = service.issue(person)
    assert service.verify(credential=service.credential(again.id, person))["verified"]


@pytest.mark.parametrize("order", ["jobs first", "consents first", "erasures first"])
def test_copies_come_out_the_same_in_whatever_order_the_topics_are_read(service: Service, order: str) -> None:
    """Byte by byte: the raw documents of a model built in one order, and of one built in another."""
    people = [service.person() for _ in range(3)]
    jobs = [service.record(employed(person, "another")) for person in people]
    consents = [service.record(consented(person, "another")) for person in people]
    gone = [service.record(erased(people[0]))]
    chosen = {
        "jobs first": [*jobs, *consents, *gone],
        "consents first": [*consents, *gone, *jobs],
        "erasures first": [*gone, *jobs, *consents],
    }[order]
    subscription = next(s for s in service.plan.subscriptions if s.name == "copies")
    models: list[bytes] = []
    for number, records in ((901, [*jobs, *gone, *consents]), (902, chosen)):
        aliases = service.plan.read_models[0].aliases(number)
        inbox = Inbox(
            service.runtime.client,
            service.runtime.database,
            "/certificate",
            subscription,
            generation=number,
            aliases=aliases,
        )
        service.runtime.database.drop_collection(aliases["people"])
        service.runtime.database["inbox"].delete_many({"_id": {"$regex": rf"^copies\.g{number}/"}})
        for record in records:
            inbox.take([record])
        models.append(
            b"".join(encode(row) for row in service.runtime.database[aliases["people"]].find().sort("_id", 1))
        )
    assert models[0] == models[1]
    assert models[0]


def _decided(service: Service, name: str, event: Event) -> UnitOfWork:
    """What a consumer has decided about the event and not committed yet."""
    subscription = next(s for s in service.plan.subscriptions if s.name == name)
    record = service.record(event)
    envelope = decode(record.headers, record.value)
    work = service.runtime.work()
    assert subscription.prepare is not None
    subscription.prepare([envelope], work)
    subscription.handlers[type(envelope.event)](envelope.event, work)
    return work


@pytest.mark.parametrize("late", ["issue", "other"])
@pytest.mark.parametrize("other", [consented, erased])
def test_whoever_decided_on_what_has_changed_must_decide_again(
    service: Service, other: Callable[[str], Event], late: str
) -> None:
    person = service.person(consents=False)
    issue = ("issuing", completed(person))
    crossing = ("copies" if other is consented else "issuing", other(person))
    first, second = (crossing, issue) if late == "issue" else (issue, crossing)

    decided = _decided(service, *second)
    service.inbox(first[0]).take([service.record(first[1])])

    with pytest.raises(Raced):
        commit(service.runtime.client, decided)
