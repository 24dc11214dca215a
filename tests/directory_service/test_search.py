"""People found by name: accents and typing errors forgiven, nobody found who is none of the caller's business."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory_service.domain import likeness
from tests.directory_service.calling import Directory, new_uuid

NAMES = (
    ("Jörg", "Müller"),
    ("Núria", "Puig Soler"),
    ("Ђорђе", "Илић"),
    ("Łukasz", "Wójcik"),
    ("Hana", "Malá"),
    ("Anna-Lena", "O’Brien"),
    ("Manuel", "Sanz"),
)


@pytest.fixture(scope="module")
def cluster(directory: Directory) -> str:
    """A cluster with people of many countries."""
    cluster_id = directory.cluster()
    for given_name, family_name in NAMES:
        directory.person(cluster_id, given_name=given_name, family_name=family_name)
    return cluster_id


def found(directory: Directory, who: dict[str, str], query: str) -> list[str]:
    answer = directory.call("GET", f"/v1/people?q={quote(query)}", who)
    assert answer.status == 200, answer.body
    return [f"{item['given_name']} {item['family_name']}" for item in answer.body["items"]]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("müller", "Jörg Müller"),
        ("Mueller", "Jörg Müller"),
        ("muler", "Jörg Müller"),
        ("joerg mullr", "Jörg Müller"),
        ("nuria", "Núria Puig Soler"),
        ("soler", "Núria Puig Soler"),
        ("ilic", "Ђорђе Илић"),
        ("lukas", "Łukasz Wójcik"),
        ("wojcik", "Łukasz Wójcik"),
        ("mala", "Hana Malá"),
        ("obrien", "Anna-Lena O’Brien"),
        ("lena", "Anna-Lena O’Brien"),
        ("manuel", "Manuel Sanz"),
        ("sa", "Manuel Sanz"),
    ],
)
def test_a_name_is_found_first_however_it_is_typed(directory: Directory, cluster: str, query: str, name: str) -> None:
    assert found(directory, directory.portal(cluster), query)[0] == name


def test_what_is_like_no_name_finds_nobody(directory: Directory, cluster: str) -> None:
    assert found(directory, directory.portal(cluster), "zzyzx") == []
    assert found(directory, directory.portal(cluster), " -- ") == []


def test_another_cluster_finds_nobody(directory: Directory, cluster: str) -> None:
    assert found(directory, directory.portal(directory.cluster()), "muller") == []
    assert found(directory, directory.token("directory:read", cluster_id=cluster, person_id=new_uuid()), "muller") == []


def test_hr_finds_those_who_work_for_them_today(directory: Directory, cluster: str) -> None:
    company, other = directory.company(cluster), directory.company(cluster)
    people = [directory.person(cluster, given_name="Petra", family_name=f"Haas{i}") for i in range(3)]
    directory.employment(cluster, people[0], company)
    directory.employment(cluster, people[1], other)

    assert found(directory, directory.hr(cluster, company), "haas") == ["Petra Haas0"]
    assert found(directory, directory.portal(cluster), "haas")[:3] == [f"Petra Haas{number}" for number in range(3)]


def test_a_new_name_is_found_and_the_old_one_is_not(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person = directory.person(cluster_id, given_name="Eva", family_name="Lorente")
    portal = directory.portal(cluster_id)
    directory.call("PATCH", f"/v1/people/{person}", portal, {"family_name": "Calvo"}, If_Match='"1"')

    assert (found(directory, portal, "lorente"), found(directory, portal, "calvo")) == ([], ["Eva Calvo"])


def test_who_was_erased_is_found_no_more_and_leaves_no_piece_of_a_name(directory: Directory) -> None:
    cluster_id = directory.cluster()
    person = directory.person(cluster_id, given_name="Karel", family_name="Dušek")
    directory.call("POST", "/v1/me/erase", directory.worker(cluster_id, person))

    assert found(directory, directory.portal(cluster_id), "dusek") == []
    stored = directory.database["people"].find_one({"_id": person})
    assert stored is not None
    assert stored["search"] == []


def test_the_index_holds_nothing_that_can_be_read(directory: Directory, cluster: str) -> None:
    rows = list(directory.database["people"].find({"cluster_id": cluster}, {"search": 1}))
    pieces = {piece for row in rows for piece in row["search"]}
    plain = {piece for name in NAMES for piece in likeness.pieces(" ".join(name))}

    assert pieces
    assert not pieces & plain
    assert all(len(piece) == 8 and int(piece, 16) >= 0 for piece in pieces)


@given(st.text(min_size=1, max_size=40))
def test_every_name_that_has_letters_is_like_itself(name: str) -> None:
    assert likeness.wanted(name) <= likeness.pieces(name)
