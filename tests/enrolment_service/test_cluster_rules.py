"""What clusters' settings mean to applications of their people."""

from shared.schemas.directory import PortalChanged
from tests.enrolment_service.conftest import EMPLOYER, HOST, Service


def test_a_cluster_that_always_asks_approves_also_where_the_session_needs_no_approval(service: Service) -> None:
    home = "cluster-that-asks"
    session_id = service.session(approval_needed=False)
    worker = service.person(home)
    portal = service.headers(cluster_id=home)
    body = {"session_id": session_id, "worker": {"person_id": worker}, "employer_id": EMPLOYER}
    service.feed(PortalChanged(cluster_id=home, approval="always"))
    applied = service.client.post("/v1/enrolments", json=body, headers=portal).json
    stranger = service.apply(session_id, service.person()).json

    assert (applied["status"], stranger["status"]) == ("applied", "confirmed")
    hr = service.headers(
        scopes=["enrolment:approve"], cluster_id=home, person_id="hr", roles=["hr"], organisation_ids=[EMPLOYER]
    )
    approved = service.client.post(f"/v1/enrolments/{applied['id']}/approve", headers=hr)
    assert approved.json["status"] == "confirmed"


def test_the_hosts_settings_say_nothing_about_other_clusters_people(service: Service) -> None:
    service.feed(PortalChanged(cluster_id=HOST, approval="always"))

    assert service.apply(service.session(), service.person()).json["status"] == "confirmed"


def test_a_cluster_that_asks_no_longer_lets_its_people_in_again(service: Service) -> None:
    home = "cluster-that-asked"
    service.feed(PortalChanged(cluster_id=home, approval="always"), PortalChanged(cluster_id=home, approval="session"))
    body = {"session_id": service.session(), "worker": {"person_id": service.person(home)}}
    answer = service.client.post("/v1/enrolments", json=body, headers=service.headers(cluster_id=home))

    assert answer.json["status"] == "confirmed"
