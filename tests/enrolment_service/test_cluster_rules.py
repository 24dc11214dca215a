"""What clusters' settings mean to applications of their people."""

from typing import Any

from shared.schemas.directory import OrganisationChanged, OrganisationRegistered, OrganisationSuspended, PortalChanged
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


def test_nobody_enrols_with_a_suspended_provider_or_employer_until_it_acts_again(service: Service) -> None:
    facts: dict[str, Any] = {"type": "sme", "legal_name": "Werk", "country": "DE"}
    provider, employer = "provider-suspended", "employer-suspended"
    service.feed(*(OrganisationRegistered(organisation_id=one, **facts) for one in (provider, employer)))
    session_id, worker = service.session(provider_id=provider), service.person()
    service.feed(*(OrganisationSuspended(organisation_id=one) for one in (provider, employer)))
    refused = service.apply(session_id, worker, employer_id=employer).json
    named = {(reason["field"], reason["code"]) for reason in refused["reasons"]}

    assert {("session_id", "ORGANISATION_SUSPENDED"), ("employer_id", "ORGANISATION_SUSPENDED")} <= named
    service.feed(OrganisationChanged(organisation_id=provider, status="active", **facts))
    assert service.apply(session_id, worker).json["status"] == "confirmed"
