"""What a page shows comes in one list: things by ids, by name or state, with the names of organisations beside the ids."""

from typing import Any

import pytest

from services.directory_service.app import wire
from tests.directory_service.calling import Directory, Headers, new_uuid


def items(directory: Directory, path: str, who: Headers) -> list[Any]:
    answer = directory.call("GET", path, who)
    assert answer.status == 200, answer.body
    return list(answer.body["items"])


def names(directory: Directory, path: str, who: Headers) -> list[str]:
    return [one["legal_name"] for one in items(directory, path, who)]


@pytest.fixture(scope="module")
def cluster(directory: Directory) -> str:
    """A cluster with three companies, of which one is suspended."""
    cluster_id = directory.cluster()
    for name in ("Příklad Obrábění s.r.o.", "Musterwerk Frästechnik GmbH", "Exemple Sembradores SL"):
        company = directory.company(cluster_id, legal_name=name)
    directory.made(f"/v1/organisations/{company}/suspend", directory.portal(cluster_id), None)
    return cluster_id


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("priklad", "Příklad Obrábění s.r.o."),
        ("obrabeni", "Příklad Obrábění s.r.o."),
        ("fraestechnik", "Musterwerk Frästechnik GmbH"),
        ("Musterwrek", "Musterwerk Frästechnik GmbH"),
        ("sembra", "Exemple Sembradores SL"),
    ],
)
def test_an_organisation_is_found_by_its_name_however_it_is_typed(
    directory: Directory, cluster: str, query: str, name: str
) -> None:
    who = directory.worker(cluster, new_uuid())

    assert names(directory, f"/v1/organisations?q={query}&cluster={cluster}", who)[0] == name


def test_a_search_for_organisations_keeps_to_the_other_filters(directory: Directory, cluster: str) -> None:
    directory.company(directory.cluster(), legal_name="Musterwerk Frästechnik GmbH")
    who = directory.portal(cluster)

    assert names(directory, f"/v1/organisations?q=musterwerk&cluster={cluster}", who) == ["Musterwerk Frästechnik GmbH"]
    assert names(directory, f"/v1/organisations?q=musterwerk&cluster={cluster}&type=cluster", who) == []
    assert names(directory, f"/v1/organisations?q=zzyzx&cluster={cluster}", who) == []


def test_a_new_name_of_an_organisation_is_found_and_the_old_one_is_not(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, who = directory.company(cluster_id, legal_name="Alte Mühle"), directory.portal(cluster_id)
    directory.call("PATCH", f"/v1/organisations/{company}", who, {"legal_name": "Neue Gießerei"}, If_Match='"1"')

    assert names(directory, f"/v1/organisations?q=alte+muhle&cluster={cluster_id}", who) == []
    assert names(directory, f"/v1/organisations?q=giesserei&cluster={cluster_id}", who) == ["Neue Gießerei"]


def test_organisations_from_before_the_search_are_made_searchable(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, who = directory.company(cluster_id, legal_name="Werkzeugbau Uhland"), directory.portal(cluster_id)
    directory.database["organisations"].update_one({"_id": company}, {"$unset": {"search": 1}})
    assert names(directory, f"/v1/organisations?q=uhland&cluster={cluster_id}", who) == []

    runtime = directory.app.extensions["runtime"]
    next(timer for timer in wire(runtime).timers if timer.name == "names").action()

    assert names(directory, f"/v1/organisations?q=uhland&cluster={cluster_id}", who) == ["Werkzeugbau Uhland"]


def test_suspended_organisations_can_be_listed_alone(directory: Directory, cluster: str) -> None:
    who = directory.portal(cluster)

    assert names(directory, f"/v1/organisations?cluster={cluster}&status=suspended", who) == ["Exemple Sembradores SL"]
    assert len(names(directory, f"/v1/organisations?cluster={cluster}&status=active&type=sme", who)) == 2


def test_organisations_and_people_come_by_their_ids_and_strangers_are_left_out(directory: Directory) -> None:
    cluster_id, elsewhere = directory.cluster(), directory.cluster()
    company = directory.company(cluster_id)
    mine, theirs = directory.person(cluster_id), directory.person(elsewhere)
    who = directory.portal(cluster_id)

    found = items(directory, f"/v1/organisations?ids={company},{elsewhere},nobody", who)
    assert [one["id"] for one in found] == [company, elsewhere]
    assert [one["id"] for one in items(directory, f"/v1/people?ids={theirs},{mine},nobody", who)] == [mine]


def test_hr_gets_by_ids_those_who_work_for_them_today_alone(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, other = directory.company(cluster_id), directory.company(cluster_id)
    people = [directory.person(cluster_id) for _ in range(3)]
    directory.employment(cluster_id, people[0], company)
    directory.employment(cluster_id, people[1], other)

    found = items(directory, f"/v1/people?ids={','.join(people)}", directory.hr(cluster_id, company))
    assert [one["id"] for one in found] == [people[0]]


def test_people_are_listed_by_state_also_by_name_and_for_an_employer(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company = directory.company(cluster_id)
    stays, goes = (directory.person(cluster_id, family_name="Novák") for _ in range(2))
    for person in (stays, goes):
        directory.employment(cluster_id, person, company)
    who = directory.manager(cluster_id)
    directory.made(f"/v1/people/{goes}/erase", who, None)

    def listed(query: str) -> list[str]:
        return [one["id"] for one in items(directory, f"/v1/people?{query}", who)]

    assert listed("status=registered") == [stays]
    assert listed("status=erased") == [goes]
    assert listed("q=novak&status=registered") == [stays]
    assert listed(f"organisation={company}&status=registered&limit=1") == [stays]
    assert listed(f"organisation={company}&status=erased") == [goes]


def test_people_come_with_their_employments_and_consents_and_the_names_of_the_organisations(
    directory: Directory,
) -> None:
    cluster_id = directory.cluster()
    company = directory.company(cluster_id, legal_name="Werk Eins")
    person, who = directory.person(cluster_id), directory.portal(cluster_id)
    directory.employment(cluster_id, person, company)
    directory.made("/v1/consents", who, {"person_id": person, "organisation_id": company, "how": "on paper"})

    one = directory.call("GET", f"/v1/people/{person}?include=employments,consents", who).body
    assert [job["organisation_name"] for job in one["employments"]] == ["Werk Eins"]
    assert [(c["organisation_name"], c["how"]) for c in one["consents"]] == [("Werk Eins", "on paper")]
    listed = items(directory, "/v1/people?include=employments", who)[0]
    assert listed["employments"] == one["employments"]
    assert "consents" not in listed
    assert "employments" not in directory.call("GET", f"/v1/people/{person}", who).body
    assert directory.call("GET", "/v1/people?include=salary", who).status == 422


def test_an_employer_sees_no_employments_and_consents_elsewhere_beside_a_person(directory: Directory) -> None:
    cluster_id = directory.cluster()
    company, other = directory.company(cluster_id), directory.company(cluster_id)
    person = directory.person(cluster_id)
    for employer in (company, other):
        directory.employment(cluster_id, person, employer)
        directory.made("/v1/consents", directory.portal(cluster_id), {"person_id": person, "organisation_id": employer})

    seen = directory.call(
        "GET", f"/v1/people/{person}?include=employments,consents", directory.hr(cluster_id, company)
    ).body
    assert [job["organisation_id"] for job in seen["employments"]] == [company]
    assert [consent["organisation_id"] for consent in seen["consents"]] == [company]


def test_memberships_come_with_names_and_can_be_listed_by_state(directory: Directory) -> None:
    cluster_id, group = directory.cluster(), directory.cluster()
    company = directory.company(cluster_id, legal_name="Werk Zwei")
    asked = directory.made(
        "/v1/memberships", directory.portal(cluster_id), {"organisation_id": company, "group_id": group}
    )
    who = directory.manager(group)

    waiting = items(directory, f"/v1/memberships?group={group}&status=asked&include=organisations", who)
    assert [(one["id"], one["organisation_name"], one["group_name"]) for one in waiting] == [
        (asked["id"], "Werk Zwei", "Cluster")
    ]
    assert items(directory, f"/v1/memberships?group={group}&status=started", who) == []
    assert "organisation_name" not in items(directory, f"/v1/memberships?group={group}", who)[0]
