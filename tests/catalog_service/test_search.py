"""Finding courses."""

import pytest

from tests.catalog_service.office import Office, course_body


@pytest.fixture(scope="module")
def shelf(office: Office) -> dict[str, str]:
    """A cluster with three courses, by what is special about them."""
    cluster_id = office.cluster()
    green = {"title": {"en": "Recycle"}, "type": "attitude", "greencomp_code": "3.2"}
    welding = office.course(cluster_id, pillar="robotics_and_ai")
    recycling = office.course(
        cluster_id,
        titles={"fr": "Économie circulaire", "bg": "Кръгова икономика"},
        descriptions={},
        default_language="fr",
        outcomes=[green],
        mode="Online",
        eqf_level=6,
        workload_hours=40,
        provider_id=office.registered("ecole", cluster_id),
    )
    both = office.course(
        cluster_id,
        titles={"pt-BR": "Baterias"},
        descriptions={},
        default_language="pt-BR",
        outcomes=[green, course_body()["outcomes"][0]],
        workload_hours=3,
        job_roles=["battery technician"],
    )
    office.draft(cluster_id)
    return {"cluster": cluster_id, "welding": welding, "recycling": recycling, "both": both}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=schweissen", "welding"),
        ("q=ANFANGER%20weld", "welding"),
        ("q=economie", "recycling"),
        ("q=%D0%BA%D1%80%D1%8A%D0%B3%D0%BE%D0%B2%D0%B0", "recycling"),
        ("q=battery", "both"),
        ("q=.*", "welding recycling both"),
        ("q=nothing", ""),
        ("skill=3.4", "welding both"),
        ("skill=digcomp:3.4", "welding both"),
        ("skill=3.2&framework=greencomp", "recycling both"),
        ("skill=3.2&framework=digcomp", ""),
        ("skill=Run%20simulations", "welding both"),
        ("skill=http://data.europa.eu/esco/skill/a432ffcd-b58d-4417-836c-ea3282b626ca", "welding both"),
        ("framework=greencomp", "recycling both"),
        ("category=green", "recycling both"),
        ("category=digital", "welding both"),
        ("category=both", "both"),
        ("pillar=robotics_and_ai", "welding"),
        ("language=pt", "both"),
        ("language=de", "welding"),
        ("mode=Online", "recycling"),
        ("eqf=6", "recycling"),
        ("provider=ecole", "recycling"),
    ],
)
def test_published_courses_are_found(office: Office, shelf: dict[str, str], query: str, found: str) -> None:
    answer = office.call("GET", f"/v1/courses?cluster={shelf['cluster']}&{query}")

    assert {item["id"] for item in answer.body["items"]} == {shelf[name] for name in found.split()}


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("workload", ["both", "welding", "recycling"]),
        ("title", ["both", "recycling", "welding"]),
        ("newest", ["both", "recycling", "welding"]),
    ],
)
def test_pages_follow_the_order(office: Office, shelf: dict[str, str], sort: str, order: list[str]) -> None:
    base = f"/v1/courses?cluster={shelf['cluster']}&sort={sort}&limit=1"
    path: str | None = base
    seen = []
    while path:
        page = office.call("GET", path).body
        seen += [item["id"] for item in page["items"]]
        path = page["next"] and f"{base}&cursor={page['next']}"

    assert seen == [shelf[name] for name in order]


def test_the_own_list_holds_drafts_and_needs_staff(office: Office, shelf: dict[str, str]) -> None:
    trainer = office.trainer(shelf["cluster"])
    first = office.call("GET", "/v1/courses?mine=true&limit=3", trainer).body
    second = office.call("GET", f"/v1/courses?mine=true&limit=3&cursor={first['next']}", trainer).body

    assert [item["status"] for item in first["items"] + second["items"]].count("draft") == 1
    assert office.call("GET", "/v1/courses?mine=true").status == 401
    assert office.call("GET", "/v1/courses?mine=true&mode=Online", trainer).codes == [("mode", "NOT_WITH_MINE")]


def test_an_unknown_filter_is_refused_by_name(office: Office) -> None:
    assert office.call("GET", "/v1/courses?skil=3.4").codes == [("skil", "UNKNOWN_FIELD")]
