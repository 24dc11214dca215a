"""People over HTTP: registered, put by the partner's number, named, merged, erased."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bson import encode

from shared.auth.references import external_ref
from tests.directory_service.calling import Directory, Headers, new_uuid

NAME = {"given_name": "Jana", "family_name": "Keller"}


def test_a_person_is_made_once_by_the_partners_number_and_updated_after(directory: Directory) -> None:
    cluster_id = directory.cluster()
    path, portal = "/v1/people/by-external-id/4711", directory.portal(cluster_id)

    made = directory.call("PUT", path, portal, NAME)
    same = directory.call("PUT", path, portal, NAME)
    other = directory.call("PUT", path, portal, {**NAME, "family_name": "Graf"})

    assert [made.status, same.status, other.status] == [201, 200, 200]
    assert made.body["id"] == same.body["id"] == other.body["id"]
    assert [made.body["version"], same.body["version"], other.body["version"]] == [1, 1, 2]
    person = directory.call("GET", f"/v1/people/{made.body['id']}", portal)
    assert person.body["family_name"] == "Graf"
    assert directory.events(made.body["id"]) == ["person.registered.v1"]


def test_the_number_itself_is_kept_nowhere_and_no_event_carries_a_name(directory: Directory) -> None:
    cluster_id = directory.cluster()
    body = {**NAME, "family_name": "Unverwechselbar", "email": "jana@werk.example"}
    path = "/v1/people/by-external-id/EMP-0815"
    made = directory.call("PUT", path, directory.portal(cluster_id), body, Idempotency_Key=new_uuid())

    reference = external_ref("reference-secret-of-a-test", cluster_id, "EMP-0815")
    event = directory.database["outbox"].find_one({"key": made.body["id"]})
    assert event is not None
    assert reference.encode() in bytes(event["data"])
    everything = {name: list(directory.database[name].find()) for name in directory.database.list_collection_names()}
    assert "EMP-0815" not in str(everything)
    beside = {name: rows for name, rows in everything.items() if name != "people"}
    assert "Unverwechselbar" not in str(beside)
    assert "jana@werk.example" not in str(beside)


def test_two_requests_for_one_number_at_once_make_one_person(directory: Directory) -> None:
    portal, path = directory.portal(directory.cluster()), "/v1/people/by-external-id/hurry"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: directory.call("PUT", path, portal, NAME), range(16)))

    assert sorted(answer.status for answer in answers) == [200] * 15 + [201]
    assert len({answer.body["id"] for answer in answers}) == 1


def test_a_number_that_is_taken_cannot_be_registered_again(directory: Directory) -> None:
    cluster_id = directory.cluster()
    directory.person(cluster_id, external_id="7")
    answer = directory.call("POST", "/v1/people", directory.portal(cluster_id), {**NAME, "external_id": "7"})

    assert (answer.status, answer.body["code"]) == (409, "EXTERNAL_ID_TAKEN")
    assert directory.person(directory.cluster(), external_id="7")  # another cluster counts for itself


def test_ids_may_be_chosen_and_are_unique(directory: Directory) -> None:
    cluster_id, chosen = directory.cluster(), new_uuid()

    assert directory.person(cluster_id, id=chosen) == chosen
    again = directory.call("POST", "/v1/people", directory.portal(cluster_id), {**NAME, "id": chosen})
    assert (again.status, again.body["code"]) == (409, "ALREADY_EXISTS")
    odd = directory.call("POST", "/v1/people", directory.portal(cluster_id), {**NAME, "id": "seven"})
    assert [field for field, _ in odd.codes] == ["id"]


def test_what_a_write_answers_holds_no_personal_data(directory: Directory) -> None:
    answer = directory.call(
        "POST", "/v1/people", directory.portal(directory.cluster()), {**NAME, "email": "jana@werk.example"}
    )

    assert set(answer.body) == {
        "id",
        "version",
        "created_at",
        "updated_at",
        "links",
        "cluster_id",
        "status",
        "merged_into",
    }


def test_the_operator_names_the_cluster_and_nobody_else_may_name_another(directory: Directory) -> None:
    cluster_id = directory.cluster()

    assert (
        directory.made("/v1/people", directory.operator(), {**NAME, "cluster_id": cluster_id})["cluster_id"]
        == cluster_id
    )
    assert directory.call("POST", "/v1/people", directory.operator(), NAME).codes == [
        ("cluster_id", "NOT_YOUR_CLUSTER")
    ]
    foreign = directory.call(
        "POST", "/v1/people", directory.portal(directory.cluster()), {**NAME, "cluster_id": cluster_id}
    )
    assert foreign.codes == [("cluster_id", "NOT_YOUR_CLUSTER")]


def test_a_change_needs_the_version_and_is_seen(directory: Directory) -> None:
    cluster_id = directory.cluster()
    path, portal = f"/v1/people/{directory.person(cluster_id)}", directory.portal(cluster_id)

    assert directory.call("PATCH", path, portal, {"email": "j@werk.example"}).status == 428
    assert directory.call("PATCH", path, portal, {"email": "j@werk.example"}, If_Match='"9"').status == 412
    assert directory.call("PATCH", path, portal, {"email": "j@werk.example"}, If_Match='"1"').body["version"] == 2
    assert directory.call("GET", path, portal).body["email"] == "j@werk.example"
    blank = directory.call("PATCH", path, portal, {"given_name": " ", "family_name": " "}, If_Match='"2"')
    assert blank.codes == [("given_name", "BLANK"), ("family_name", "BLANK")]


def test_the_list_finds_by_employer_and_by_number(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, portal = directory.company(cluster_id), directory.portal(cluster_id)
    here, _elsewhere = directory.person(cluster_id, external_id="1"), directory.person(cluster_id, external_id="2")
    directory.employment(cluster_id, here, company)

    def listed(query: str) -> list[str]:
        return [item["id"] for item in directory.call("GET", f"/v1/people?{query}", portal).body["items"]]

    assert listed(f"organisation={company}") == [here]
    assert listed("external_id=1") == [here]
    assert listed("external_id=3") == []
    assert len(listed(f"cluster={cluster_id}")) == 2
    assert listed(f"cluster={directory.cluster()}") == []


def test_pages_of_employees_follow_each_other(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company = directory.company(cluster_id)
    people = [directory.person(cluster_id) for _ in range(3)]
    for person in people:
        directory.employment(cluster_id, person, company)
    hr = directory.hr(cluster_id, company)
    first = directory.call("GET", "/v1/people?limit=2", hr).body
    second = directory.call("GET", f"/v1/people?limit=2&cursor={first['next']}", hr).body

    assert sorted(item["id"] for item in first["items"] + second["items"]) == sorted(people)
    assert second["next"] is None


# -- names


def test_names_come_for_all_ids_also_unknown_and_erased_ones(directory: Directory) -> None:
    cluster_id = directory.cluster()
    known, gone, unknown = directory.person(cluster_id), directory.person(cluster_id), new_uuid()
    directory.made("/v1/me/erase", directory.worker(cluster_id, gone), None)
    names = directory.token("directory:names", cluster_id=None)
    answer = directory.call("POST", "/v1/people/names", names, {"person_ids": [known, gone, unknown, known]})

    assert answer.body["items"] == [
        {"person_id": known, "given_name": "Jana", "family_name": "Keller", "erased": False, "known": True},
        {"person_id": gone, "given_name": None, "family_name": None, "erased": True, "known": True},
        {"person_id": unknown, "given_name": None, "family_name": None, "erased": False, "known": False},
    ]


def test_names_need_their_own_scope_and_at_most_500_ids(directory: Directory) -> None:
    portal, names = directory.portal(directory.cluster()), directory.token("directory:names", cluster_id=None)

    assert directory.call("POST", "/v1/people/names", portal, {"person_ids": []}).status == 403
    assert directory.call("POST", "/v1/people/names", names, {"person_ids": ["x"] * 501}).codes == [
        ("person_ids", "TOO_LONG")
    ]


# -- merging and erasing


def test_a_merged_record_answers_with_the_winner(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, portal = directory.company(cluster_id), directory.portal(cluster_id)
    loser, winner = directory.person(cluster_id, external_id="old"), directory.person(cluster_id, family_name="Graf")
    job = directory.employment(cluster_id, loser, company)["id"]
    consent = directory.made("/v1/consents", portal, {"person_id": loser, "organisation_id": company})["id"]
    directory.made(f"/v1/people/{loser}/merge", portal, {"into_person_id": winner})

    assert directory.call("GET", f"/v1/people/{loser}", portal).body["id"] == winner
    assert directory.call("PUT", "/v1/people/by-external-id/old", portal, NAME).body["id"] == winner
    names = directory.token("directory:names", cluster_id=None)
    named = directory.call("POST", "/v1/people/names", names, {"person_ids": [loser]}).body["items"]
    assert (named[0]["person_id"], named[0]["family_name"]) == (loser, "Keller")
    assert directory.events(job) == ["employment.started.v1", "employment.ended.v1"]
    assert directory.events(loser) == ["person.registered.v1", "person.merged.v1"]
    assert directory.events(consent) == ["consent.given.v1", "consent.withdrawn.v1"]
    begun = directory.call("GET", f"/v1/employments?person={winner}", portal).body["items"]
    assert [found["organisation_id"] for found in begun] == [company]
    given = directory.call("GET", f"/v1/consents?person={winner}", portal).body["items"]
    assert [found["status"] for found in given] == ["given"]


def test_a_person_cannot_be_merged_into_themselves_or_twice(directory: Directory) -> None:
    cluster_id = directory.cluster()
    portal, loser, winner = directory.portal(cluster_id), directory.person(cluster_id), directory.person(cluster_id)
    path = f"/v1/people/{loser}/merge"

    assert directory.call("POST", path, portal, {"into_person_id": loser}).body["code"] == "SAME_PERSON"
    assert directory.call("POST", path, portal, {"into_person_id": winner}).status == 200
    assert directory.call("POST", path, portal, {"into_person_id": winner}).body["code"] == "ILLEGAL_TRANSITION"


def test_only_the_platform_merges_across_clusters(directory: Directory) -> None:
    one, other = directory.cluster(), directory.cluster()
    loser, winner = directory.person(one), directory.person(other)
    path, body = f"/v1/people/{loser}/merge", {"into_person_id": winner}

    assert directory.call("POST", path, directory.portal(one), body).status == 404
    assert directory.call("POST", path, directory.operator(), body).status == 200
    assert directory.call("GET", f"/v1/people/{loser}", directory.portal(one)).status == 404


def test_erasing_destroys_the_data_everywhere_and_ends_what_held(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, portal = directory.company(cluster_id), directory.portal(cluster_id)
    old, me = (
        directory.person(cluster_id, external_id="old"),
        directory.person(cluster_id, external_id="me", email="j@w.example"),
    )
    job = directory.employment(cluster_id, me, company)["id"]
    consent = directory.made("/v1/consents", portal, {"person_id": me, "organisation_id": company})["id"]
    directory.made(f"/v1/people/{old}/merge", portal, {"into_person_id": me})

    assert directory.made("/v1/me/erase", directory.worker(cluster_id, old), None)["status"] == "erased"
    for person in (old, me):
        row = directory.database["people"].find_one({"_id": person})
        assert row is not None
        personal = ("given_name", "family_name", "email", "language", "external_ref")
        assert [row[field] for field in personal] == [None] * 5
        assert directory.events(person)[-1] == "person.erased.v1"
    assert directory.events(job)[-1] == "employment.ended.v1"
    assert directory.events(consent)[-1] == "consent.withdrawn.v1"
    assert directory.call("POST", "/v1/me/erase", directory.worker(cluster_id, me)).body["code"] == "ILLEGAL_TRANSITION"
    assert directory.call("PUT", "/v1/people/by-external-id/me", portal, NAME).status == 201


def test_after_an_erasure_no_collection_holds_a_name_also_not_the_answers_that_are_kept_for_keys(
    directory: Directory,
) -> None:
    cluster_id = directory.cluster()
    portal, company = directory.portal(cluster_id), directory.company(cluster_id)
    words = [f"{word}{new_uuid()}" for word in ("Given", "Family", "Other")]
    facts = {"given_name": words[0], "family_name": words[1], "email": f"{words[2]}@werk.example"}

    def keyed(method: str, path: str, body: Any, who: Headers = portal, **headers: str) -> Any:
        answer = directory.call(method, path, who, body, Idempotency_Key=new_uuid(), **headers)
        assert answer.status in {200, 201}, answer.body
        return answer.body

    me = keyed("POST", "/v1/people", facts)["id"]
    other = keyed("PUT", f"/v1/people/by-external-id/{new_uuid()}", facts)["id"]
    keyed("PATCH", f"/v1/people/{me}", {"family_name": words[2]}, If_Match='"1"')
    keyed("POST", "/v1/employments", {"person_id": me, "organisation_id": company})
    keyed("POST", "/v1/consents", {"person_id": me, "organisation_id": company})
    keyed("POST", f"/v1/people/{other}/merge", {"into_person_id": me})
    before = holding(directory, words)
    keyed("POST", "/v1/me/erase", None, directory.worker(cluster_id, me))

    assert before == {"people"}
    assert holding(directory, words) == set()


def holding(directory: Directory, words: Sequence[str]) -> set[str]:
    """Collections whose bytes hold one of these words."""
    database = directory.database
    return {
        name
        for name in database.list_collection_names()
        for row in database[name].find()
        if any(word.encode() in encode(row) for word in words)
    }


def test_somebody_without_a_record_has_nothing_to_erase(directory: Directory) -> None:
    assert directory.call("POST", "/v1/me/erase", directory.portal(directory.cluster())).body["code"] == "NO_PERSON"


def test_me_shows_what_is_held_of_the_caller(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, person = directory.company(cluster_id), directory.person(cluster_id)
    directory.employment(cluster_id, person, company)
    me = directory.call("GET", "/v1/me", directory.worker(cluster_id, person)).body

    assert (me["person_id"], me["person"]["given_name"], me["roles"]) == (person, "Jana", ["worker"])
    assert [job["organisation_id"] for job in me["employments"]] == [company]
    assert directory.call("GET", "/v1/me", directory.portal(cluster_id)).body["person"] is None
    assert directory.call("GET", "/v1/me", directory.worker(cluster_id, new_uuid())).body["person"] is None
