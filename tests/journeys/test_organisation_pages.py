"""A manager looks after the cluster's organisations on the pages: finds, registers, changes, suspends; memberships."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Browser, expect

from clusterskills.demo.cast import Cast
from deploy.identity import ids
from services.portal.languages import PSEUDO
from tests.journeys.test_pages import CLUSTER, at_work
from tests.journeys.test_people_pages import cast, follow, let_through, press, refuses, says, tab_to
from tests.journeys.ways import WAYS
from tests.portal.test_browser import forgotten
from tests.stack import Stack

__all__ = ["cast"]
pytestmark = pytest.mark.timeout(480)
NEIGHBOUR = "comet-fvg"


def company(cast: Cast, name: str, cluster: str = CLUSTER) -> str:
    """A new company of a cluster: its id."""
    body = {"type": "sme", "legal_name": name, "country": "CZ"}
    return str(cast.program(f"partner-{cluster}").post("/v1/organisations", body).body["id"])


@WAYS
def test_a_manager_registers_finds_changes_and_suspends_a_company(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool
) -> None:
    name = f"Kovárna Příkladná {uuid.uuid4().hex[:6]}"
    with at_work(stack, chromium, "manager", narrow=narrow) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go("/organisations")
        look()
        follow(manager, "Register an organisation")
        look()
        manager.page.fill("#field-legal_name", name)
        manager.page.select_option("#field-country", "CZ")
        manager.page.fill("#field-nuts2", "DE11")
        manager.page.fill("#field-headcount", "thirty")
        let_through(manager)
        press(manager, "Register")
        refuses(manager, "")
        assert manager.page.input_value("#field-headcount") == "thirty"
        look()
        manager.page.fill("#field-headcount", "38")
        press(manager, "Register")
        refuses(manager, "region")
        manager.page.fill("#field-nuts2", "CZ08")
        press(manager, "Register")
        says(manager, "Registered.")
        expect(manager.page.locator("main")).to_contain_text("Member")
        expect(manager.page.locator(".facts")).to_contain_text("Small")
        look()

        follow(manager, "Change")
        look()
        manager.page.fill("#field-headcount", "7")
        press(manager, "Save")
        says(manager, "Changed.")
        expect(manager.page.locator(".facts")).to_contain_text("Micro")

        manager.page.get_by_text("Suspend", exact=True).first.click()
        press(manager, "Suspend")
        says(manager, "Suspended.")
        look()
        manager.go("/organisations")
        manager.page.fill("#search", name.replace("á", "a").replace("Pří", "Pri").replace("lad", "ald"))
        manager.page.select_option("#pick-status", "suspended")
        press(manager, "Search")
        expect(manager.page.locator("tbody tr").first).to_contain_text(name)
        follow(manager, name)
        press(manager, "Reinstate")
        says(manager, "It is active again.")


@WAYS
def test_a_cluster_asks_a_neighbours_company_to_join_and_answers_one_that_asks(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool
) -> None:
    mark = uuid.uuid4().hex[:6]
    invited, asking = (company(cast, f"Esempio {word} {mark}", NEIGHBOUR) for word in ("Ospite", "Curiosa"))
    home, neighbour = ids.cluster_id(CLUSTER), cast.program(f"partner-{NEIGHBOUR}")
    asked = neighbour.post("/v1/memberships", {"organisation_id": asking, "group_id": home}).body["id"]
    with at_work(stack, chromium, "manager", narrow=narrow) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go(f"/organisations/{invited}")
        follow(manager, "Ask for a membership")
        look()
        press(manager, "Ask")
        says(manager, "Asked. It starts when the other side accepts.")
        expect(manager.page.locator("main")).to_contain_text("asked by the group")
        press(manager, "Take back")
        says(manager, "The request is closed.")

        manager.go(f"/organisations/{home}?state=asked")
        look()
        row = manager.page.locator("li").filter(has=manager.page.locator(f"a[href='/organisations/{asking}']"))
        row.get_by_role("button", name="Accept").click()
        says(manager, "The membership has started.")
        assert neighbour.get(f"/v1/memberships/{asked}").body["status"] == "started"
        manager.go(f"/organisations/{asking}")
        manager.page.get_by_text("End", exact=True).first.click()
        press(manager, "End")
        says(manager, "The membership was ended.")


def test_hr_reads_organisations_and_changes_none(stack: Stack, chromium: Browser, cast: Cast) -> None:
    own = ids.organisation_id("vzor-svetlomety")
    with at_work(stack, chromium, "hr") as hr:
        hr.go("/organisations")
        hr.look()
        expect(hr.page.get_by_role("link", name="Register an organisation")).to_have_count(0)
        hr.go(f"/organisations/{own}")
        hr.look()
        expect(hr.page.get_by_role("link", name="Change")).to_have_count(0)
        answer = hr.page.goto(f"{stack.url}/organisations/{own}/change")
        assert answer is not None
        assert answer.status == 403


def test_an_organisation_is_found_without_a_mouse(stack: Stack, chromium: Browser, cast: Cast) -> None:
    name = f"Klávesnice {uuid.uuid4().hex[:6]}"
    found = company(cast, name)
    with at_work(stack, chromium, "manager") as manager:
        manager.go("/organisations")
        tab_to(manager, "document.activeElement.id === 'search'")
        manager.page.keyboard.type(name)
        manager.page.keyboard.press("Enter")
        manager.page.wait_for_url("**/organisations?**")
        tab_to(manager, f"document.activeElement.getAttribute('href') === '/organisations/{found}'")
        manager.page.keyboard.press("Enter")
        expect(manager.page.locator("h1")).to_contain_text(name)


def test_every_word_of_the_organisations_pages_can_be_translated_and_longer_words_fit(
    stack: Stack, chromium: Browser, cast: Cast
) -> None:
    one, home = company(cast, f"Slovní {uuid.uuid4().hex[:6]}"), ids.cluster_id(CLUSTER)
    paths = ("", "?q=zzyzx", "/new", f"/{one}", f"/{one}/change", f"/{one}/join", f"/{home}", f"/{home}/join")
    with at_work(stack, chromium, "manager") as manager:
        manager.page.set_viewport_size({"width": 390, "height": 844})
        manager.go(f"/language/{PSEUDO}?next=/organisations")
        for path in paths:
            manager.go(f"/organisations{path}")
            assert forgotten(manager.page) == [], path
            manager.look()
