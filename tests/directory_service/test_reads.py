"""Who read whose personal data: noted with each read, shown to the person and to the operator."""

from typing import Any

from tests.directory_service.desk import Desk


def audit(desk: Desk, cluster_id: str, person: str) -> list[Any]:
    """What a person is shown, the oldest first."""
    items: list[Any] = desk.call("GET", "/v1/me/audit", desk.worker(cluster_id, person)).body["items"]
    return items[::-1]


def test_a_person_sees_who_read_their_data_when_and_why(desk: Desk) -> None:
    cluster_id = desk.cluster()
    company, person = desk.company(cluster_id), desk.person(cluster_id)
    desk.employment(cluster_id, person, company)
    desk.call("GET", f"/v1/people/{person}", desk.hr(cluster_id, company))
    desk.call("GET", "/v1/people", desk.portal(cluster_id))
    desk.call("GET", f"/v1/employments?person={person}", desk.manager(cluster_id))
    seen = audit(desk, cluster_id, person)

    assert [(row["action"], row["relation"], row["scope"]) for row in seen] == [
        ("GET /v1/people/<person_id>", "employer", "directory:read"),
        ("GET /v1/people", "cluster", "directory:read"),
        ("GET /v1/employments", "cluster", "directory:read"),
    ]
    assert (seen[0]["organisation_ids"], seen[0]["cluster_id"]) == ([company], cluster_id)
    assert (seen[0]["reader_id"] is None, seen[1]["reader_id"] is None) == (False, True)


def test_one_answer_with_many_people_is_noted_for_each_of_them_and_nobody_else(desk: Desk) -> None:
    cluster_id = desk.cluster()
    people = [desk.person(cluster_id) for _ in range(3)]
    desk.call("GET", "/v1/people?limit=2", desk.portal(cluster_id))

    assert sorted(len(audit(desk, cluster_id, person)) for person in people) == [0, 1, 1]
    rows = list(desk.database["personal_reads"].find({"person_ids": {"$in": people}}))
    assert [len(row["person_ids"]) for row in rows] == [2]


def test_a_search_and_names_for_our_own_services_are_noted_too(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person = desk.person(cluster_id, family_name="Xenakis")
    desk.call("GET", "/v1/people?q=xenakis", desk.portal(cluster_id))
    service = desk.token("directory:names", cluster_id=None, person_id=None, client_id="names-certificate")
    desk.call("POST", "/v1/people/names", service, {"person_ids": [person]})

    assert [(row["relation"], row["client_id"]) for row in audit(desk, cluster_id, person)] == [
        ("cluster", f"partner-{cluster_id}"),
        ("service", "names-certificate"),
    ]


def test_nobody_is_told_of_their_own_reading_or_of_a_read_that_was_refused(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person = desk.person(cluster_id)
    desk.call("GET", "/v1/me", desk.worker(cluster_id, person))
    desk.call("GET", f"/v1/people/{person}", desk.portal(desk.cluster()))
    own = desk.token("directory:read", cluster_id=cluster_id, person_id=person)
    assert desk.call("GET", f"/v1/people/{person}", own).status == 200

    assert audit(desk, cluster_id, person) == []


def test_what_was_read_under_a_merged_record_is_shown_to_the_one_who_answers_for_it(desk: Desk) -> None:
    cluster_id = desk.cluster()
    loser, winner = desk.person(cluster_id), desk.person(cluster_id)
    portal = desk.portal(cluster_id)
    desk.call("GET", f"/v1/people/{loser}", portal)
    desk.made(f"/v1/people/{loser}/merge", portal, {"into_person_id": winner})

    assert len(audit(desk, cluster_id, winner)) == 1


def test_each_service_has_the_list_for_the_person_and_the_operator_and_for_nobody_else(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person, other = desk.person(cluster_id), desk.person(cluster_id)
    desk.call("GET", f"/v1/people/{person}", desk.portal(cluster_id))
    path = "/v1/directory/personal-reads"

    assert len(desk.call("GET", path, desk.worker(cluster_id, person)).body["items"]) == 1
    assert desk.call("GET", path, desk.worker(cluster_id, other)).body["items"] == []
    assert desk.call("GET", f"{path}?person={person}", desk.worker(cluster_id, other)).status == 404
    assert desk.call("GET", f"{path}?person={person}", desk.portal(cluster_id)).status == 404
    assert len(desk.call("GET", f"{path}?person={person}", desk.operator()).body["items"]) == 1


def test_the_list_has_pages(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person, portal = desk.person(cluster_id), desk.portal(cluster_id)
    for _ in range(5):
        desk.call("GET", f"/v1/people/{person}", portal)
    worker, seen, cursor = desk.worker(cluster_id, person), [], ""
    while cursor is not None:
        page = desk.call("GET", f"/v1/me/audit?limit=2{f'&cursor={cursor}' if cursor else ''}", worker).body
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]

    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


def test_what_cannot_be_noted_is_not_shown(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person = desk.person(cluster_id)
    desk.database.command("collMod", "personal_reads", validator={"never": {"$exists": True}})
    try:
        answer = desk.call("GET", f"/v1/people/{person}", desk.portal(cluster_id))
    finally:
        desk.database.command("collMod", "personal_reads", validator={})

    assert answer.status == 500
    assert "given_name" not in answer.body


# -- people without a login


def test_a_manager_erases_somebody_without_a_login_and_a_portals_key_does_not(desk: Desk) -> None:
    cluster_id = desk.cluster()
    person = desk.person(cluster_id, given_name="Weg")
    path = f"/v1/people/{person}/erase"

    assert desk.call("POST", path, desk.portal(cluster_id)).status == 403
    assert desk.call("POST", path, desk.manager(desk.cluster())).status == 404
    erased = desk.call("POST", path, desk.manager(cluster_id))
    assert (erased.status, erased.body["status"]) == (200, "erased")
    assert desk.events(person)[-1] == "person.erased.v1"
    stored = desk.database["people"].find_one({"_id": person})
    assert stored is not None
    assert (stored["given_name"], stored["search"]) == (None, [])


def test_whoever_is_erased_cannot_accept_an_invitation_any_more(desk: Desk) -> None:
    cluster_id = desk.cluster()
    manager = desk.manager(cluster_id)
    body = {"given_name": "A", "family_name": "B", "email": "a@b.example", "role": "worker"}
    made = desk.made("/v1/invitations", manager, body)
    desk.made(f"/v1/people/{made['person_id']}/erase", manager, None)
    shown = desk.call("GET", f"/v1/invitations/{made['id']}", manager).body

    assert (shown["status"], shown["link"]) == ("expired", None)
