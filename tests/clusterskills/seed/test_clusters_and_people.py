"""Partnerships and clusters as they are, organisations by the size rule, people the same every time."""

import csv
from pathlib import Path

import pytest

from clusterskills.seed import Organisation, UnknownSlug, clusters, organisations, partnerships, people

MEMBERS = {
    "evolute": {"wfr-heilbronn", "caar-aragon", "femac-catalonia", "ac-serbia", "comet-fvg", "msac-moravia"},
    "eacn": {"pvf", "ceaga", "silesia-am", "ac-bulgaria", "ac-serbia", "ciac-catalonia"},
    "recipe4mobility": {"zone", "moveo", "emobility-regensburg", "automotive-nl", "mobinov"},
}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def size_class(organisation: Organisation) -> str:
    """SIZE rule of the EU definition: staff, and turnover or balance sheet."""
    millions = (organisation.turnover_eur / 1e6, organisation.balance_sheet_eur / 1e6)
    for name, staff, turnover, balance_sheet in (("micro", 10, 2, 2), ("small", 50, 10, 10), ("medium", 250, 50, 43)):
        if organisation.headcount < staff and (millions[0] <= turnover or millions[1] <= balance_sheet):
            return name
    return "large"


def test_the_three_partnerships_have_their_real_clusters() -> None:
    assert {partnership.slug: set(partnership.members) for partnership in partnerships()} == MEMBERS


def test_evolute_has_six_entities_in_five_countries_and_heilbronn_coordinates() -> None:
    evolute = next(partnership for partnership in partnerships() if partnership.slug == "evolute")
    country = {cluster.slug: cluster.country for cluster in clusters()}

    assert len(evolute.members) == 6
    assert sorted(country[member] for member in evolute.members) == ["CZ", "DE", "ES", "ES", "IT", "RS"]
    assert evolute.coordinator == "wfr-heilbronn"


def test_every_partnership_has_a_member_in_a_less_developed_or_transition_region() -> None:
    weaker = {cluster.slug for cluster in clusters() if cluster.region_category in ("less_developed", "transition")}

    assert all(weaker.intersection(partnership.members) for partnership in partnerships())


def test_each_cluster_stands_once_and_belongs_to_a_partnership() -> None:
    slugs = [cluster.slug for cluster in clusters()]

    assert len(slugs) == len(set(slugs)) == 16
    assert set(slugs) == set().union(*MEMBERS.values())


def test_each_cluster_has_two_smes_a_large_company_and_a_provider() -> None:
    for cluster in clusters():
        types = sorted(organisation.type for organisation in organisations() if organisation.cluster == cluster.slug)
        assert types == ["large_company", "sme", "sme", "training_provider"], cluster.slug


def test_size_facts_agree_with_the_size_class_and_type_of_each_organisation() -> None:
    for organisation in organisations():
        assert organisation.size_class == size_class(organisation), organisation.slug
        assert (organisation.type == "large_company") == (organisation.size_class == "large"), organisation.slug


def test_organisations_have_their_own_slug_and_registration_and_their_clusters_region() -> None:
    region = {cluster.slug: (cluster.country, cluster.nuts2, cluster.region_category) for cluster in clusters()}

    assert len({organisation.slug for organisation in organisations()}) == 64
    assert len({organisation.registration_id for organisation in organisations()}) == 64
    for organisation in organisations():
        place = (organisation.country, organisation.nuts2, organisation.region_category)
        assert place == region[organisation.cluster], organisation.slug


def test_people_are_the_same_every_time_and_a_short_list_starts_a_long_one() -> None:
    assert people("caar-aragon", 40) == people("caar-aragon", 40)
    assert people("caar-aragon", 40) == people("caar-aragon", 400)[:40]


def test_people_of_a_cluster_are_the_people_of_its_employers() -> None:
    employers = [o.slug for o in organisations() if o.cluster == "zone" and o.type != "training_provider"]
    by_employer = {person for employer in employers for person in people(employer, 4)}

    assert set(people("zone", 12)) == by_employer


def test_external_ids_are_unique_over_the_whole_seed() -> None:
    everybody = [person for cluster in clusters() for person in people(cluster.slug, 90)]

    assert len({person.external_id for person in everybody}) == len(everybody) == 16 * 90


def test_nine_hundred_sixty_colleagues_have_different_names() -> None:
    for country_slug in ("primer-kablovi", "vzor-svetlomety", "primer-avtochasti"):
        assert len({(p.given_name, p.family_name) for p in people(country_slug, 960)}) == 960


def test_mail_addresses_can_never_reach_a_real_person() -> None:
    assert all(person.email.endswith("@people.example") for c in clusters() for person in people(c.slug, 9))


def test_an_unknown_slug_is_named() -> None:
    with pytest.raises(UnknownSlug, match="'nobody'"):
        people("nobody", 1)


def test_a_training_provider_has_no_workers_in_the_seed() -> None:
    with pytest.raises(UnknownSlug):
        people("musterakademie-heilbronn", 1)


def test_every_region_is_a_nuts_2_code_of_its_country(real_data: Path) -> None:
    known = {row["nuts_2021"] for row in rows(real_data / "regions/nuts2021_codes.csv") if row["level"] == "2"}

    for cluster in clusters():
        assert cluster.nuts2 in known, cluster.slug
        assert cluster.nuts2.startswith(cluster.country), cluster.slug


def test_every_region_category_is_that_of_the_2014_2020_map(real_data: Path) -> None:
    category = {
        row["nuts2"]: row["categories"].lower().replace(" ", "_")
        for row in rows(real_data / "regions/esif_2014_2020_programme_region_category.csv")
        if row["nuts2"] and "|" not in row["categories"]
    }
    checked = [cluster for cluster in clusters() if cluster.nuts2 in category]

    assert len(checked) >= 6
    for cluster in checked:
        assert cluster.region_category == category[cluster.nuts2], cluster.slug


def test_every_sector_is_a_nace_code(real_data: Path) -> None:
    known = {row["code"] for row in rows(real_data / "vocab/nace_rev2_eurostat.csv")}

    assert {organisation.nace for organisation in organisations()} <= known
