"""All jobs of the service: who sees which, and how their progress is followed."""

import csv
import io
import json
from typing import Any

import pytest

from tests.directory_service.calling import Directory, Headers
from tests.directory_service.test_imports import carry_on, send

DATA = "external_id,given_name,family_name\n1,Jana,Keller\n"
BASE = "/v1/directory/jobs"


def begin(directory: Directory, who: Headers) -> str:
    """A job that nobody has worked on."""
    return str(send(directory, who, DATA).json["id"])


def listed(directory: Directory, who: Headers, query: str = "") -> list[str]:
    return [job["id"] for job in directory.call("GET", f"{BASE}{query}", who).body["items"]]


def follow(directory: Directory, who: Headers, job_id: str, last: str | None = None) -> Any:
    headers = {**who, **({"Last-Event-ID": last} if last else {})}
    return directory.app.test_client().get(f"{BASE}/{job_id}/progress", headers=headers)


@pytest.fixture
def cluster(directory: Directory) -> str:
    return directory.cluster()


def test_jobs_are_seen_by_who_began_them_their_cluster_and_operators(directory: Directory, cluster: str) -> None:
    hr = directory.hr(cluster, directory.company(cluster))
    mine, portals = begin(directory, hr), begin(directory, directory.portal(cluster))

    assert listed(directory, hr) == [mine]
    assert (
        listed(directory, directory.manager(cluster)) == listed(directory, directory.portal(cluster)) == [portals, mine]
    )
    assert listed(directory, directory.manager(directory.cluster())) == []
    assert {mine, portals} <= set(listed(directory, directory.operator(), "?limit=500"))
    assert directory.call("GET", f"{BASE}/{portals}", hr).status == 404
    assert follow(directory, hr, portals).status_code == 404
    assert directory.call("POST", f"{BASE}/{portals}/cancel", hr).status == 404
    carry_on(directory)


def test_jobs_are_listed_by_their_state(directory: Directory, cluster: str) -> None:
    portal = directory.portal(cluster)
    done = begin(directory, portal)
    carry_on(directory)
    waiting = begin(directory, portal)

    assert listed(directory, portal, "?state=done") == [done]
    assert listed(directory, portal, "?state=waiting&kind=people-import") == [waiting]
    assert listed(directory, portal, "?kind=another") == []
    carry_on(directory)


def test_progress_is_told_as_events_until_the_end_was_told(directory: Directory, cluster: str) -> None:
    portal = directory.portal(cluster)
    job_id = begin(directory, portal)
    first = follow(directory, portal, job_id)
    version = first.text.split("id: ")[1].split("\n")[0]
    nothing_new = follow(directory, portal, job_id, version)
    carry_on(directory)
    end = follow(directory, portal, job_id, version)
    told = json.loads(end.text.split("data: ")[1].split("\n")[0])
    over = follow(directory, portal, job_id, str(told["version"]))

    assert (first.mimetype, first.text.splitlines()[0]) == ("text/event-stream", "retry: 1000")
    assert "data:" not in nothing_new.text
    assert (told["state"], told["done"], told["counts"]) == ("done", 1, {"created": 1})
    assert over.status_code == 204


def test_a_job_is_cancelled_and_resumed_by_its_owner(directory: Directory, cluster: str) -> None:
    portal = directory.portal(cluster)
    job_id = begin(directory, portal)
    directory.made(f"{BASE}/{job_id}/cancel", portal, None)
    carry_on(directory)
    assert directory.call("GET", f"{BASE}/{job_id}", portal).body["state"] == "cancelled"
    directory.made(f"{BASE}/{job_id}/resume", portal, None)
    carry_on(directory)

    assert directory.call("GET", f"{BASE}/{job_id}", portal).body["state"] == "done"


def test_what_an_operator_does_with_somebodys_job_is_told_by_the_audit_and_what_its_owner_does_is_not(
    directory: Directory, cluster: str
) -> None:
    portal, operator = directory.portal(cluster), directory.operator()
    job_id = begin(directory, portal)
    directory.made(f"{BASE}/{job_id}/cancel", operator, None)
    carry_on(directory)
    directory.made(f"{BASE}/{job_id}/resume", operator, None)
    directory.made(f"{BASE}/{job_id}/cancel", portal, None)
    carry_on(directory)
    rows = directory.call("GET", "/v1/directory/operations/audit", operator).body["items"]

    assert [row["action"] for row in rows if row["target"] == f"job/{job_id}"] == ["resume", "cancel"]
    assert directory.call("GET", f"{BASE}/{job_id}", operator).body["cluster_id"] == cluster


def test_the_result_tells_what_became_of_each_row(directory: Directory, cluster: str) -> None:
    portal, other = directory.portal(cluster), directory.portal(directory.cluster())
    job_id = send(directory, portal, DATA + "2,,Bauer\n").json["id"]
    carry_on(directory)
    said = directory.app.test_client().get(f"{BASE}/{job_id}/result", headers=portal)
    first, second = csv.DictReader(io.StringIO(said.data.decode("utf-8-sig")))

    assert said.mimetype == "text/csv"
    assert (first["row"], first["outcome"], first["id"] != "") == ("1", "created", True)
    assert (second["row"], second["outcome"], second["column"]) == ("2", "failed", "given_name")
    assert second["message"]
    assert directory.call("GET", f"{BASE}/{job_id}/result", other).status == 404
