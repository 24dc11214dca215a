"""Who read whose personal data: noted with each read, shown to the person and to the operator."""

from typing import Any

from tests.directory_service.calling import Directory


def audit(directory: Directory, cluster_id: str, person: str) -> list[Any]:
    """What a person is shown, the oldest first."""
    items: list[Any] = directory.call("GET", "/v1/me/audit", directory.worker(cluster_id, person)).body["items"]
    return items[::-1]


def test_a_person_sees_who_read_their_data_when_and_why(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, person = directory.company(cluster_id), directory.person(cluster_id)
    directory.employment(cluster_id, person, company)
    directory.call("GET", f"/v1/people/{person}", directory.hr(cluster_id, company))
    directory.call("GET", "/v1/people", directory.portal(cluster_id))
    directory.call("GET", f"/v1/employments?person={person}", directory.manager(cluster_id))
    seen = audit(directory, cluster_id, person)

    assert [(row["action"], row["relation"], row["scope"]) for row in seen] == [
        ("GET /v1/people/<person_id>", "employer", "directory:read"),
        ("GET /v1/people", "cluster", "directory:read"),
        ("GET /v1/employments", "cluster", "directory:read"),
    ]
    assert (seen[0]["organisation_ids"], seen[0]["cluster_id"]) == ([company], cluster_id)
    assert (seen[0]["reader_id"] is None, seen[1]["reader_id"] is None) == (False, True)


def test_one_answer_with_many_people_is_noted_for_each_of_them_and_nobody_else(directory: Directory) -> None:
    cluster_id = directory.cluster()
    people = [directory.person(cluster_id) for _ in range(3)]
    directory.call("GET", "/v1/people?limit=2", directory.portal(cluster_id))

    assert sorted(len(audit(directory, cluster_id, person)) for person in people) == [0, 1, 1]
    rows = list(directory.database["personal_reads"].find({"person_ids": {"$in": people}}))
    assert [len(row["person_ids"]) for row in rows] == [2]


def test_a_search_and_names_for_our_own_services_are_noted_too(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person = directory.person(cluster_id, family_name="Xenakis")
    directory.call("GET", "/v1/people?q=xenakis", directory.portal(cluster_id))
    service = directory.token("directory:names", cluster_id=None, person_id=None, client_id="names-certificate")
    directory.call("POST", "/v1/people/names", service, {"person_ids": [person]})

    assert [(row["relation"], row["client_id"]) for row in audit(directory, cluster_id, person)] == [
        ("cluster", f"partner-{cluster_id}"),
        ("service", "names-certificate"),
    ]


def test_nobody_is_told_of_their_own_reading_or_of_a_read_that_was_refused(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person = directory.person(cluster_id)
    directory.call("GET", "/v1/me", directory.worker(cluster_id, person))
    directory.call("GET", f"/v1/people/{person}", directory.portal(directory.cluster()))
    own = directory.token("directory:read", cluster_id=cluster_id, person_id=person)
    assert directory.call("GET", f"/v1/people/{person}", own).status == 200

    assert audit(directory, cluster_id, person) == []


def test_what_was_read_under_a_merged_record_is_shown_to_the_one_who_answers_for_it(directory: Directory) -> None:
    cluster_id = directory.cluster()
    loser, winner = directory.person(cluster_id), directory.person(cluster_id)
    portal = directory.portal(cluster_id)
    directory.call("GET", f"/v1/people/{loser}", portal)
    directory.made(f"/v1/people/{loser}/merge", portal, {"into_person_id": winner})

    assert len(audit(directory, cluster_id, winner)) == 1


def test_each_service_has_the_list_for_the_person_and_the_operator_and_for_nobody_else(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person, other = directory.person(cluster_id), directory.person(cluster_id)
    directory.call("GET", f"/v1/people/{person}", directory.portal(cluster_id))
    path = "/v1/directory/personal-reads"

    assert len(directory.call("GET", path, directory.worker(cluster_id, person)).body["items"]) == 1
    assert directory.call("GET", path, directory.worker(cluster_id, other)).body["items"] == []
    assert directory.call("GET", f"{path}?person={person}", directory.worker(cluster_id, other)).status == 404
    assert directory.call("GET", f"{path}?person={person}", directory.portal(cluster_id)).status == 404
    assert len(directory.call("GET", f"{path}?person={person}", directory.operator()).body["items"]) == 1


def test_the_list_has_pages(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person, portal = directory.person(cluster_id), directory.portal(cluster_id)
    for _ in range(5):
        directory.call("GET", f"/v1/people/{person}", portal)
    worker, seen, cursor = directory.worker(cluster_id, person), [], ""
    while cursor is not None:
        page = directory.call("GET", f"/v1/me/audit?limit=2{f'&cursor={cursor}' if cursor else ''}", worker).body
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]

    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


def test_what_cannot_be_noted_is_not_shown(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person = directory.person(cluster_id)
    directory.database.command("collMod", "personal_reads", validator={"never": {"$exists": True}})
    try:
        answer = directory.call("GET", f"/v1/people/{person}", directory.portal(cluster_id))
    finally:
        directory.database.command("collMod", "personal_reads", validator={})

    assert answer.status == 500
    assert "given_name" not in answer.body


# -- people without a login


def test_a_manager_erases_somebody_without_a_login_and_a_portals_key_does_not(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person = directory.person(cluster_id, given_name="Weg")
    path = f"/v1/people/{person}/erase"

    assert directory.call("POST", path, directory.portal(cluster_id)).status == 403
    assert directory.call("POST", path, directory.manager(directory.cluster())).status == 404
    erased = directory.call("POST", path, directory.manager(cluster_id))
    assert (erased.status, erased.body["status"]) == (200, "erased")
    assert directory.events(person)[-1] == "person.erased.v1"
    stored = directory.database["people"].find_one({"_id": person})
    assert stored is not None
    assert (stored["given_name"], stored["search"]) == (None, [])


def test_whoever_is_erased_cannot_accept_an_invitation_any_more(directory: Directory) -> None:
    cluster_id = directory.cluster()
    manager = directory.manager(cluster_id)
    body = {"given_name": "A", "family_name": "B", "email": "a@b.example", "role": "worker"}
    made = directory.made("/v1/invitations", manager, body)
    directory.made(f"/v1/people/{made['person_id']}/erase", manager, None)
    shown = directory.call("GET", f"/v1/invitations/{made['id']}", manager).body

    assert (shown["status"], shown["link"]) == ("expired", None)


def test_an_operator_narrows_the_reads_by_reader_and_time(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person, reader = directory.person(cluster_id), directory.person(cluster_id)
    as_reader = directory.token("directory:read", cluster_id=cluster_id, person_id=reader, roles=["manager"])
    directory.call("GET", f"/v1/people/{person}", as_reader)
    directory.call("GET", f"/v1/people/{person}", directory.portal(cluster_id))

    def found(query: str) -> list[str | None]:
        answer = directory.call("GET", f"/v1/directory/personal-reads?{query}", directory.operator())
        assert answer.status == 200, answer.body
        return [row["reader_id"] for row in answer.body["items"]]

    assert found(f"person={person}") == [None, reader]
    assert found(f"reader={reader}") == [reader]
    assert found(f"person={person}&from=2020-01-01T00:00:00Z") == [None, reader]
    assert found(f"person={person}&to=2020-01-01T00:00:00Z") == []
