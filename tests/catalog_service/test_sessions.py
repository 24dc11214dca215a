"""Sessions over HTTP, by timer and by event."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.schemas.catalog import SessionOpened, SessionRescheduled
from tests.catalog_service.calling import PROVIDER, Catalog, session_body


def test_a_session_goes_from_plan_to_completion(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer = catalog.trainer(cluster_id)
    session_id = catalog.session(cluster_id)
    path = f"/v1/sessions/{session_id}"

    assert catalog.call("GET", path).status == 404
    assert catalog.call("GET", path, trainer).body["status"] == "planned"
    assert [catalog.done(f"{path}/{step}", trainer)["status"] for step in ("open", "close", "start")] == [
        "open",
        "closed",
        "running",
    ]
    catalog.complete_roster(session_id)
    public = catalog.call("GET", path)
    assert (public.body["status"], public.headers["ETag"]) == ("completed", '"5"')
    assert catalog.events(session_id) == ["planned", "opened", "enrolment_closed", "started", "completed"]


def test_a_roster_that_is_complete_twice_completes_once(catalog: Catalog) -> None:
    session_id = catalog.session(catalog.cluster(), "open")
    catalog.complete_roster(session_id)
    catalog.complete_roster(session_id)

    assert catalog.events(session_id) == ["planned", "opened", "enrolment_closed", "completed"]


def test_opening_tells_all_terms_in_utc(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    session_id = catalog.session(
        cluster_id,
        "open",
        price="250",
        quotas={"c1": 3},
        eligible_clusters=["c1", "c2"],
        trainer_ids=["t"],
        place="Halle 3",
    )
    event = catalog.told(session_id)
    shown = catalog.call("GET", f"/v1/sessions/{session_id}").body

    assert isinstance(event, SessionOpened)
    assert event.starts_at is not None
    assert event.starts_at.isoformat() == shown["starts_at"] == "2040-03-05T08:00:00+00:00"
    assert (event.language, event.mode, event.provider_id, event.course_version) == ("de", "Blended", PROVIDER, 1)
    assert (event.price, event.quotas, event.eligible_clusters) == ("250 EUR", {"c1": 3}, ["c1", "c2"])
    assert (event.minimum_attendance, event.approval_needed, shown["place"]) == (80, True, "Halle 3")
    assert shown["links"]["seats"] == f"/v1/seats/{session_id}"


def test_all_violations_of_a_session_come_at_once(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    body = session_body(
        ends_at="2040-03-05T08:00:00+01:00",
        application_deadline="2040-03-07T00:00:00+01:00",
        timezone="Europe/Heilbronn",
        language="german",
        capacity=0,
        min_capacity=2,
        waitlist_limit=-1,
        minimum_attendance=101,
        quotas={"c9": 5},
        eligible_clusters=["c1"],
    )
    answer = catalog.call(
        "POST", f"/v1/courses/{catalog.course(cluster_id)}/sessions", catalog.trainer(cluster_id), body
    )

    assert answer.codes == [
        ("timezone", "TIMEZONE_UNKNOWN"),
        ("ends_at", "DATE_ORDER"),
        ("application_deadline", "DATE_ORDER"),
        ("capacity", "OUT_OF_RANGE"),
        ("min_capacity", "OUT_OF_RANGE"),
        ("waitlist_limit", "OUT_OF_RANGE"),
        ("quotas", "QUOTA_ABOVE_CAPACITY"),
        ("quotas", "NOT_ELIGIBLE_CLUSTER"),
        ("language", "LANGUAGE_UNKNOWN"),
        ("minimum_attendance", "OUT_OF_RANGE"),
    ]


@pytest.mark.parametrize("moment", ["2040-03-05T09:00:00", "yesterday", "0001-01-01T00:00:00+14:00", 7])
def test_a_moment_needs_an_offset_and_a_place_in_time(catalog: Catalog, moment: Any) -> None:
    cluster_id = catalog.cluster()
    path = f"/v1/courses/{catalog.course(cluster_id)}/sessions"
    answer = catalog.call("POST", path, catalog.trainer(cluster_id), session_body(starts_at=moment))

    assert [field for field, _ in answer.codes] == ["starts_at"]


def test_a_plain_date_of_a_deadline_is_the_end_of_that_day_in_the_sessions_time_zone(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    session_id = catalog.session(cluster_id, application_deadline="2040-03-01", approve_by="2040-02-29")
    found = catalog.call("GET", f"/v1/sessions/{session_id}", catalog.trainer(cluster_id)).body

    assert found["application_deadline"] == "2040-03-01T22:59:59+00:00"
    assert found["approve_by"] == "2040-02-29T22:59:59+00:00"


def test_sessions_are_filtered_by_plain_dates(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    session_id = catalog.session(cluster_id, "open")
    query = f"/v1/sessions?cluster={cluster_id}"

    assert [one["id"] for one in catalog.call("GET", f"{query}&from=2020-01-01").body["items"]] == [session_id]
    assert catalog.call("GET", f"{query}&to=2020-01-01").body["items"] == []


def test_a_draft_has_no_sessions(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    path = f"/v1/courses/{catalog.draft(cluster_id)}/sessions"

    assert (
        catalog.call("POST", path, catalog.trainer(cluster_id), session_body()).body["code"] == "COURSE_NOT_PUBLISHED"
    )


def test_a_session_of_a_retired_course_cannot_open_but_an_open_one_finishes(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer, course_id = catalog.trainer(cluster_id), catalog.course(cluster_id)
    planned, running = (
        catalog.done(f"/v1/courses/{course_id}/sessions", trainer, session_body())["id"] for _ in range(2)
    )
    catalog.done(f"/v1/sessions/{running}/open", trainer)
    catalog.done(f"/v1/courses/{course_id}/retire", trainer)

    assert catalog.call("POST", f"/v1/sessions/{planned}/open", trainer).body["code"] == "COURSE_NOT_PUBLISHED"
    assert catalog.done(f"/v1/sessions/{running}/close", trainer)["status"] == "closed"


def test_a_session_keeps_the_version_it_was_planned_with(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer, course_id = catalog.trainer(cluster_id), catalog.course(cluster_id)
    session_id = catalog.done(f"/v1/courses/{course_id}/sessions", trainer, session_body())["id"]
    catalog.done(f"/v1/courses/{course_id}/revise", trainer)
    catalog.publish(cluster_id, course_id)

    assert catalog.done(f"/v1/sessions/{session_id}/open", trainer)["course_version"] == 1


def test_after_opening_dates_are_rescheduled_and_seats_are_the_enrolment_services(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer = catalog.trainer(cluster_id)
    session_id = catalog.session(cluster_id)
    path = f"/v1/sessions/{session_id}"
    assert catalog.call("PATCH", path, trainer, {"capacity": 12}, If_Match='"1"').body["capacity"] == 12
    assert catalog.call("PATCH", path, trainer, {"capacity": 12}).status == 428
    catalog.done(f"{path}/open", trainer)

    seats = catalog.call("PATCH", path, trainer, {"capacity": 20}, If_Match='"3"')
    dates = catalog.call("PATCH", path, trainer, {"ends_at": "2041-01-01T00:00:00Z"}, If_Match='"3"')
    assert [seats.body["code"], dates.body["code"]] == ["SEATS_ARE_ENROLMENTS", "RESCHEDULE_INSTEAD"]
    assert catalog.call("PATCH", path, trainer, {"place": "Halle 4"}, If_Match='"3"').body["place"] == "Halle 4"
    assert catalog.call("PATCH", path, trainer, {"place": "Halle 4"}, If_Match='"4"').headers["ETag"] == '"4"'
    assert catalog.events(session_id) == ["planned", "changed", "opened", "changed"]


def test_new_dates_may_ask_for_confirmation(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer = catalog.trainer(cluster_id)
    session_id = catalog.session(cluster_id, "open")
    path = f"/v1/sessions/{session_id}/reschedule"
    dates = {"starts_at": "2040-04-05T09:00:00Z", "ends_at": "2040-04-06T09:00:00Z"}

    late = catalog.call("POST", path, trainer, {**dates, "reconfirm_until": "2020-01-01T00:00:00Z"})
    after = catalog.call("POST", path, trainer, {**dates, "reconfirm_until": "2040-05-01T00:00:00Z"})
    assert late.codes == after.codes == [("reconfirm_until", "DATE_ORDER")]
    moved = catalog.done(path, trainer, {**dates, "reconfirm_until": "2040-04-01T00:00:00Z"})
    assert moved["starts_at"] == "2040-04-05T09:00:00+00:00"
    event = catalog.told(session_id)
    assert isinstance(event, SessionRescheduled)
    assert event.reconfirm_until is not None


def test_cancelling_tells_and_is_final(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer = catalog.trainer(cluster_id)
    session_id = catalog.session(cluster_id, "open")
    path = f"/v1/sessions/{session_id}"

    assert catalog.done(f"{path}/cancel", trainer, {"reason": "Nobody came."})["reason"] == "Nobody came."
    again = catalog.call("POST", f"{path}/open", trainer)
    assert again.body["violations"][0]["actual"] == {"from": "cancelled", "to": "open"}
    assert catalog.events(session_id) == ["planned", "opened", "cancelled"]


def test_a_passed_deadline_keeps_a_session_from_opening(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    session_id = catalog.session(cluster_id, application_deadline="2020-01-01T00:00:00Z")
    answer = catalog.call("POST", f"/v1/sessions/{session_id}/open", catalog.trainer(cluster_id))

    assert answer.codes == [("application_deadline", "DEADLINE_PASSED")]


def test_the_timer_closes_what_is_due_and_nothing_else(catalog: Catalog) -> None:
    cluster_id, due_at = catalog.cluster(), datetime(2040, 2, 1, tzinfo=UTC)
    due = catalog.session(cluster_id, "open", application_deadline=due_at.isoformat())
    later = catalog.session(cluster_id, "open")
    self_paced = catalog.session(cluster_id, "open", starts_at=None, ends_at=None, application_deadline=None)
    catalog.tick(due_at - timedelta(seconds=1))
    assert catalog.events(due) == ["planned", "opened"]

    for _ in range(2):
        catalog.tick(due_at)
    assert catalog.events(due) == ["planned", "opened", "enrolment_closed"]
    assert catalog.events(later) == catalog.events(self_paced) == ["planned", "opened"]


def test_sessions_are_listed_by_start_and_filtered(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer = catalog.trainer(cluster_id)
    last = catalog.session(cluster_id, "open", starts_at=None, ends_at=None, application_deadline=None)
    first = catalog.session(cluster_id, "open")
    second = catalog.session(
        cluster_id,
        "open",
        starts_at="2040-03-10T00:00:00Z",
        ends_at="2040-03-11T00:00:00Z",
        language="en",
        mode="Online",
    )
    planned = catalog.session(cluster_id)

    def listed(query: str = "", who: dict[str, str] | None = None) -> list[str]:
        path: str | None = f"/v1/sessions?cluster={cluster_id}&limit=2{query}"
        ids: list[str] = []
        while path:
            page = catalog.call("GET", path, who).body
            ids += [item["id"] for item in page["items"]]
            path = page["next"] and f"/v1/sessions?cluster={cluster_id}&limit=2{query}&cursor={page['next']}"
        return ids

    assert listed() == [first, second, last]
    assert set(listed(who=trainer)) == {first, second, last, planned}
    assert listed("&status=planned") == []
    assert listed("&from=2040-03-09T00:00:00Z") == [second]
    assert listed("&to=2040-03-09T00:00:00Z") == [first]
    assert listed("&language=en&mode=Online") == [second]
    course_id = catalog.call("GET", f"/v1/sessions/{first}").body["course_id"]
    assert listed(f"&course={course_id}&provider={PROVIDER}&status=open") == [first]
