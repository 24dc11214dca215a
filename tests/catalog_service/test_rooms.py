"""The address of a meeting room is for those who teach there or have a seat."""

from typing import Any

import pytest

from services.catalog_service import handlers
from shared.bus.inbox import Inbox
from shared.clock import new_id, utc_now
from shared.schemas import enrolment as events
from shared.schemas.event import Event
from tests.catalog_service.calling import Catalog, Headers, acting
from tests.records import incoming

ROOM = "https://meet.example.org/secret-room"


def enrolment(session_id: str, person_id: str, cluster_id: str) -> dict[str, Any]:
    return {
        "enrolment_id": new_id(),
        "session_id": session_id,
        "course_id": "course",
        "course_version": 1,
        "person_id": person_id,
        "cluster_id": cluster_id,
        "host_cluster_id": "host",
        "employer_id": None,
    }


def confirmed(facts: dict[str, Any]) -> Event:
    return events.EnrolmentConfirmed(**facts, confirmed_at=utc_now())


def feed(catalog: Catalog, *happened: Event) -> None:
    records = [incoming(event, number, source="/enrolment") for number, event in enumerate(happened, start=1)]
    for subscription in handlers.subscriptions(acting):
        Inbox(catalog.runtime.client, catalog.runtime.database, "/catalog", subscription).take(records)


def urls(catalog: Catalog, session_id: str, who: Headers | None = None) -> set[str | None]:
    """What the caller is shown in the single session and in the list."""
    single = catalog.call("GET", f"/v1/sessions/{session_id}", who).body
    course = single["course_id"]
    lists = [f"/v1/sessions?course={course}", f"/v1/sessions?ids={session_id}"]
    listed = [one for path in lists for one in catalog.call("GET", path, who).body["items"] if one["id"] == session_id]
    assert len(listed) == len(lists)
    return {single["url"], *(one["url"] for one in listed)}


def worker(catalog: Catalog, person_id: str, cluster_id: str) -> dict[str, str]:
    return catalog.issuer.authorization(
        scopes=["enrolment:read"], cluster_id=cluster_id, person_id=person_id, subject=person_id, roles=["worker"]
    )


def portal(catalog: Catalog, cluster_id: str) -> dict[str, str]:
    return catalog.issuer.authorization(scopes=["enrolment:read"], cluster_id=cluster_id, person_id=None)


def test_strangers_see_no_meeting_room_and_the_hosts_staff_and_participants_do(catalog: Catalog) -> None:
    host, home, person = catalog.cluster(), catalog.cluster(), new_id()
    session_id = catalog.session(host, "open", url=ROOM)
    feed(catalog, confirmed(enrolment(session_id, person, home)))

    assert urls(catalog, session_id) == {None}
    assert urls(catalog, session_id, worker(catalog, new_id(), home)) == {None}
    assert urls(catalog, session_id, worker(catalog, new_id(), host)) == {None}
    assert urls(catalog, session_id, portal(catalog, catalog.cluster())) == {None}
    assert urls(catalog, session_id, catalog.trainer(catalog.cluster())) == {None}
    assert urls(catalog, session_id, catalog.trainer(host)) == {ROOM}
    assert urls(catalog, session_id, worker(catalog, person, home)) == {ROOM}
    assert urls(catalog, session_id, portal(catalog, home)) == {ROOM}


@pytest.mark.parametrize(
    "leave",
    [
        lambda facts: events.EnrolmentCancelled(**facts, from_status="confirmed", cause="worker"),
        lambda facts: events.EnrolmentNoShow(**facts),
        lambda facts: events.EnrolmentFailed(**facts, attendance=100, score=1.0),
        lambda facts: events.EnrolmentCompleted(**facts, attendance=100, score=1.0, completed_at=utc_now()),
    ],
)
def test_who_gave_the_seat_up_or_is_done_sees_the_room_no_more(catalog: Catalog, leave: Any) -> None:
    home, person = catalog.cluster(), new_id()
    session_id = catalog.session(catalog.cluster(), "open", url=ROOM)
    facts = enrolment(session_id, person, home)
    feed(catalog, confirmed(facts))
    before = urls(catalog, session_id, worker(catalog, person, home))

    feed(catalog, confirmed(facts), leave(facts))

    assert before == {ROOM}
    assert urls(catalog, session_id, worker(catalog, person, home)) == {None}
    assert catalog.runtime.database["participants"].count_documents({"person_id": person}) == 0
