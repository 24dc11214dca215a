"""What enrolments and seats tell from now on, because nobody could find it out later."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.schemas.directory import OrganisationChanged, OrganisationRegistered
from tests.enrolment_service.conftest import HOME, Service


def registered(kind: type[Any], organisation_id: str, size_class: str) -> Any:
    return kind(
        organisation_id=organisation_id,
        type="sme",
        legal_name="Maschinenbau Muster",
        country="DE",
        nuts2="DE21",
        region_category="more_developed",
        size_class=size_class,
        cluster_id=HOME,
    )


def told(service: Service, key: str) -> list[dict[str, Any]]:
    rows = service.runtime.database["outbox"].find({"key": key}).sort("sequence", 1)
    return [msgspec.json.decode(row["data"]) for row in rows]


def test_an_enrolment_tells_what_the_employer_was_and_the_session_cost_when_the_worker_applied(
    service: Service,
) -> None:
    session, worker = service.session(price="250.00 EUR"), service.person()
    service.feed(registered(OrganisationRegistered, "employer-1", "small"))
    enrolment = service.apply(session, worker, employer_id="employer-1").json["id"]
    service.feed(registered(OrganisationChanged, "employer-1", "medium"))
    service.client.post(f"/v1/enrolments/{enrolment}/cancel", json={}, headers=service.headers())

    facts = ("employer_size_class", "employer_nuts2", "employer_region_category", "cost")
    happened = told(service, enrolment)
    assert len(happened) == 3
    assert {tuple(data[name] for name in facts) for data in happened} == {
        ("small", "DE21", "more_developed", "250.00 EUR")
    }


def test_an_employer_that_is_not_known_yet_holds_up_nobody(service: Service) -> None:
    session, worker = service.session(), service.person()
    enrolment = service.apply(session, worker, employer_id="employer-1").json
    alone = service.apply(session, service.person()).json

    assert enrolment["status"] == alone["status"] == "confirmed"
    assert told(service, alone["id"])[0]["employer_size_class"] is None


def test_seats_tell_how_many_are_free_and_how_many_wait(service: Service) -> None:
    session = service.session(capacity=2, waitlist_limit=1)
    for worker in service.people(3):
        service.apply(session, worker)
    service.tick()
    version = service.client.get(f"/v1/seats/{session}").headers["ETag"]
    service.client.put(
        f"/v1/seats/{session}",
        json={"capacity": 5, "waitlist_limit": 1},
        headers={**service.trainer(), "If-Match": version},
    )

    happened = [(data["free"], data["waiting"]) for data in told(service, session)]
    assert happened == [(0, 1), (3, 1)]
