"""A cluster's brand on the pages: its people see it, in colours that can be read, and no address of it opens a door."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.portal.brands import Brand, brand_of
from shared.colour import LEAST_CONTRAST, WHITE, contrast
from tests.portal.conftest import Surroundings

CLUSTER = "cluster-of-a-brand"
COLOURS = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06x}").filter(lambda one: contrast(one, WHITE) >= LEAST_CONTRAST)


def settings(**brand: Any) -> dict[str, Any]:
    """What the directory tells everybody of a cluster."""
    told = {"name": "Klaster", "colour": "#7a1f3d", "logo_url": None, **brand}
    return {"id": CLUSTER, "version": 3, "cluster_name": "Klaster d.o.o.", "brand": told}


def page(around: Surroundings, portal: dict[str, Any], cluster_id: str) -> Any:
    """The start page of a manager of the cluster. Each test takes another one: brands are remembered."""
    around.neighbour.answers[f"/v1/portals/{cluster_id}"] = {**portal, "id": cluster_id}
    return around.signed_in(roles=["manager"], cluster_id=cluster_id).get("/")


@given(COLOURS)
def test_whatever_colour_a_cluster_may_choose_its_pages_can_be_read(colour: str) -> None:
    brand = Brand("x", colour)
    for tones, grounds in ((brand.light, ("#ffffff", "#fafafa")), (brand.dark, ("#262626", "#202020", "#171717"))):
        for ground in grounds:
            assert contrast(tones.main, ground) >= LEAST_CONTRAST
            assert contrast(tones.strong, ground) >= LEAST_CONTRAST
        assert contrast(tones.on_main, tones.main) >= LEAST_CONTRAST


def test_people_see_the_brand_of_their_cluster_and_guests_see_ours(around: Surroundings) -> None:
    seen = page(around, settings(), "branded")

    assert "--brand: #7a1f3d" in seen.text
    assert "<span data-content>Klaster</span>" in seen.text
    assert "--brand" not in around.browser().get("/").text


def test_a_cluster_that_has_set_nothing_up_keeps_our_look(around: Surroundings) -> None:
    assert "--brand" not in page(around, {**settings(), "version": 0}, "untouched").text


def test_pages_stand_while_the_directory_is_away_and_keep_the_brand_that_they_knew(around: Surroundings) -> None:
    page(around, settings(), "away")
    around.neighbour.down = True
    around.runtime.brands._known["away"]._until = 0.0
    seen = around.signed_in(roles=["manager"], cluster_id="away").get("/privacy")

    assert seen.status_code == 200
    assert "--brand: #7a1f3d" in seen.text


def test_the_page_may_load_the_logo_and_nothing_else_from_there(around: Surroundings) -> None:
    seen = page(around, settings(logo_url="https://klaster.example:8443/logo.png"), "with-a-logo")

    assert 'src="https://klaster.example:8443/logo.png"' in seen.text
    policy = seen.headers["Content-Security-Policy"]
    assert "img-src 'self' data: https://klaster.example:8443;" in policy
    assert policy.count("klaster.example") == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://klaster.example/logo.png",
        "https://klaster.example/a'; script-src *",
        "https://klaster.example; script-src *",
        "https://*/logo.png",
        "javascript:alert(1)//https://x/",
        'https://klaster.example/"><script>',
    ],
)
def test_no_address_of_a_logo_changes_what_a_page_may_do(address: str) -> None:
    brand = brand_of(settings(logo_url=address))

    assert (brand.logo, brand.logo_origin) == ("", "")


def test_what_stands_in_a_name_is_text(around: Surroundings) -> None:
    seen = page(around, settings(name="</style><script>alert(1)</script>"), "naughty")

    assert "<script>alert" not in seen.text
    assert re.search(r"&lt;/style&gt;", seen.text)
