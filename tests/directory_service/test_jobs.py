"""All jobs of the service: who sees which, and how their progress is followed."""

import json
from typing import Any

import pytest

from tests.directory_service.desk import Desk, Headers
from tests.directory_service.test_imports import carry_on, send

DATA = "external_id,given_name,family_name\n1,Jana,Keller\n"
BASE = "/v1/directory/jobs"


def begin(desk: Desk, who: Headers) -> str:
    """A job that nobody has worked on."""
    return str(send(desk, who, DATA).json["id"])


def listed(desk: Desk, who: Headers, query: str = "") -> list[str]:
    return [job["id"] for job in desk.call("GET", f"{BASE}{query}", who).body["items"]]


def follow(desk: Desk, who: Headers, job_id: str, last: str | None = None) -> Any:
    headers = {**who, **({"Last-Event-ID": last} if last else {})}
    return desk.app.test_client().get(f"{BASE}/{job_id}/progress", headers=headers)


@pytest.fixture
def cluster(desk: Desk) -> str:
    return desk.cluster()


def test_jobs_are_seen_by_who_began_them_their_cluster_and_operators(desk: Desk, cluster: str) -> None:
    hr = desk.hr(cluster, desk.company(cluster))
    mine, portals = begin(desk, hr), begin(desk, desk.portal(cluster))

    assert listed(desk, hr) == [mine]
    assert listed(desk, desk.manager(cluster)) == listed(desk, desk.portal(cluster)) == [portals, mine]
    assert listed(desk, desk.manager(desk.cluster())) == []
    assert {mine, portals} <= set(listed(desk, desk.operator(), "?limit=500"))
    assert desk.call("GET", f"{BASE}/{portals}", hr).status == 404
    assert follow(desk, hr, portals).status_code == 404
    assert desk.call("POST", f"{BASE}/{portals}/cancel", hr).status == 404
    carry_on(desk)


def test_jobs_are_listed_by_their_state(desk: Desk, cluster: str) -> None:
    portal = desk.portal(cluster)
    done = begin(desk, portal)
    carry_on(desk)
    waiting = begin(desk, portal)

    assert listed(desk, portal, "?state=done") == [done]
    assert listed(desk, portal, "?state=waiting&kind=people-import") == [waiting]
    assert listed(desk, portal, "?kind=another") == []
    carry_on(desk)


def test_progress_is_told_as_events_until_the_end_was_told(desk: Desk, cluster: str) -> None:
    portal = desk.portal(cluster)
    job_id = begin(desk, portal)
    first = follow(desk, portal, job_id)
    version = first.text.split("id: ")[1].split("\n")[0]
    nothing_new = follow(desk, portal, job_id, version)
    carry_on(desk)
    end = follow(desk, portal, job_id, version)
    told = json.loads(end.text.split("data: ")[1].split("\n")[0])
    over = follow(desk, portal, job_id, str(told["version"]))

    assert (first.mimetype, first.text.splitlines()[0]) == ("text/event-stream", "retry: 1000")
    assert "data:" not in nothing_new.text
    assert (told["state"], told["done"], told["counts"]) == ("done", 1, {"created": 1})
    assert over.status_code == 204


def test_a_job_is_cancelled_and_resumed_by_its_owner(desk: Desk, cluster: str) -> None:
    portal = desk.portal(cluster)
    job_id = begin(desk, portal)
    desk.made(f"{BASE}/{job_id}/cancel", portal, None)
    carry_on(desk)
    assert desk.call("GET", f"{BASE}/{job_id}", portal).body["state"] == "cancelled"
    desk.made(f"{BASE}/{job_id}/resume", portal, None)
    carry_on(desk)

    assert desk.call("GET", f"{BASE}/{job_id}", portal).body["state"] == "done"
