"""The address of a meeting room is for those who teach there or have a seat."""

from typing import Any

import pytest

from services.catalog_service import handlers
from shared.bus.inbox import Inbox
from shared.clock import new_id, utc_now
from shared.schemas import enrolment as events
from shared.schemas.event import Event
from tests.catalog_service.office import Headers, Office, acting
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


def feed(office: Office, *happened: Event) -> None:
    records = [incoming(event, number, source="/enrolment") for number, event in enumerate(happened, start=1)]
    for subscription in handlers.subscriptions(acting):
        Inbox(office.house.client, office.house.database, "/catalog", subscription).take(records)


def urls(office: Office, session_id: str, who: Headers | None = None) -> set[str | None]:
    """What the caller is shown in the single session and in the list."""
    single = office.call("GET", f"/v1/sessions/{session_id}", who).body
    course = single["course_id"]
    lists = [f"/v1/sessions?course={course}", f"/v1/sessions?ids={session_id}"]
    listed = [one for path in lists for one in office.call("GET", path, who).body["items"] if one["id"] == session_id]
    assert len(listed) == len(lists)
    return {single["url"], *(one["url"] for one in listed)}


def worker(office: Office, person_id: str, cluster_id: str) -> dict[str, str]:
    return office.issuer.authorization(
        scopes=["enrolment:read"], cluster_id=cluster_id, person_id=person_id, subject=person_id, roles=["worker"]
    )


def portal(office: Office, cluster_id: str) -> dict[str, str]:
    return office.issuer.authorization(scopes=["enrolment:read"], cluster_id=cluster_id, person_id=None)


def test_strangers_see_no_meeting_room_and_the_hosts_staff_and_participants_do(office: Office) -> None:
    host, home, person = office.cluster(), office.cluster(), new_id()
    session_id = office.session(host, "open", url=ROOM)
    feed(office, confirmed(enrolment(session_id, person, home)))

    assert urls(office, session_id) == {None}
    assert urls(office, session_id, worker(office, new_id(), home)) == {None}
    assert urls(office, session_id, worker(office, new_id(), host)) == {None}
    assert urls(office, session_id, portal(office, office.cluster())) == {None}
    assert urls(office, session_id, office.trainer(office.cluster())) == {None}
    assert urls(office, session_id, office.trainer(host)) == {ROOM}
    assert urls(office, session_id, worker(office, person, home)) == {ROOM}
    assert urls(office, session_id, portal(office, home)) == {ROOM}


@pytest.mark.parametrize(
    "leave",
    [
        lambda facts: events.EnrolmentCancelled(**facts, from_status="confirmed", cause="worker"),
        lambda facts: events.EnrolmentNoShow(**facts),
        lambda facts: events.EnrolmentFailed(**facts, attendance=100, score=1.0),
        lambda facts: events.EnrolmentCompleted(**facts, attendance=100, score=1.0, completed_at=utc_now()),
    ],
)
def test_who_gave_the_seat_up_or_is_done_sees_the_room_no_more(office: Office, leave: Any) -> None:
    home, person = office.cluster(), new_id()
    session_id = office.session(office.cluster(), "open", url=ROOM)
    facts = enrolment(session_id, person, home)
    feed(office, confirmed(facts))
    before = urls(office, session_id, worker(office, person, home))

    feed(office, confirmed(facts), leave(facts))

    assert before == {ROOM}
    assert urls(office, session_id, worker(office, person, home)) == {None}
    assert office.house.database["participants"].count_documents({"person_id": person}) == 0
