"""A manager sets up the cluster on the pages: with and without JavaScript, on a phone, by keyboard alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from clusterskills.client import Api
from clusterskills.demo.cast import Cast
from deploy.identity import ids
from deploy.local.processes import wait_until
from tests.journeys.test_pages import Person, at_work, cast
from tests.journeys.ways import WAYS
from tests.stack import Stack

__all__ = ["cast"]
pytestmark = pytest.mark.timeout(480)
TOWN, CLUSTER = "serbia", ids.cluster_id("ac-serbia")


@pytest.fixture
def manager_api(cast: Cast) -> Iterator[Api]:
    """The manager by API, with a cluster that has no name and no imprint of its own yet, and the first colour."""
    api = cast.person("manager", "ac-serbia")
    _change(
        api,
        brand={"name": None, "colour": "#1f4e79", "logo_url": None},
        imprint={},
        languages=["en"],
        default_language="en",
        trusted_provider_ids=[],
        allowed_origins=[],
    )
    yield api
    _change(api, brand={"name": None, "colour": "#1f4e79"})


def _change(api: Api, **changes: object) -> None:
    version = _settings(api)["version"]
    api.patch(f"/v1/portals/{CLUSTER}", changes, if_match=f'"{version}"')


def _settings(api: Api) -> dict[str, object]:
    found: dict[str, object] = api.get(f"/v1/portals/{CLUSTER}").body
    return found


def _bar(person: Person) -> str:
    return str(person.page.evaluate("getComputedStyle(document.querySelector('.bar')).backgroundColor"))


def _save(manager: Person, part: str) -> None:
    manager.page.get_by_role("button", name="Save").click()
    expect(manager.page.get_by_role("status")).to_contain_text(f"Saved: {part}")


@WAYS
def test_a_manager_chooses_a_brand_that_people_can_read_and_they_see_it(
    stack: Stack, chromium: Browser, manager_api: Api, narrow: bool
) -> None:
    with at_work(stack, chromium, "manager", narrow=narrow, town=TOWN) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go("/set-up")
        expect(manager.page.locator("main")).to_contain_text("of 3 needed steps are done")
        look()
        manager.page.get_by_role("link", name="Brand", exact=True).click()
        manager.page.fill("#field-name", "Automobilski klaster")
        manager.page.fill("#field-colour", "FFEE88")
        manager.page.get_by_role("button", name="Preview without saving").click()
        expect(manager.page.locator(".contrast")).to_contain_text("asks for at least 4.5 : 1")
        expect(manager.page.locator(".contrast")).to_contain_text("A darker one that holds: #7a7241")
        assert _settings(manager_api)["brand"]["name"] is None  # type: ignore[index]
        manager.page.get_by_role("button", name="Save").click()
        expect(manager.page.get_by_role("alert")).to_contain_text("choose a darker one")
        assert manager.page.title().startswith("Error:")
        assert manager.page.input_value("#field-name") == "Automobilski klaster"
        look()
        manager.page.fill("#field-colour", "7A1F3D")
        manager.page.get_by_role("button", name="Preview without saving").click()
        expect(manager.page.locator(".contrast")).to_contain_text("WCAG 2.2 level AA holds (at least 4.5 : 1)")
        expect(manager.page.locator(".sample-light")).to_contain_text("Automobilski klaster")
        look()
        _save(manager, "Brand")
        assert _bar(manager) == "rgb(122, 31, 61)"
        expect(manager.page.locator("header .brand")).to_have_text("Automobilski klaster")
        look()

    with at_work(stack, chromium, "worker", town=TOWN) as worker:

        def sees_it() -> bool:
            worker.go("/courses")
            return _bar(worker) == "rgb(122, 31, 61)"

        assert wait_until(sees_it, 60), _bar(worker)
        worker.look()
        worker.page.emulate_media(color_scheme="dark")
        worker.look()
    with chromium.new_context() as context:
        guest = Person(context.new_page(), stack.url)
        guest.go("/")
        expect(guest.page.locator("header .brand")).to_have_text("ClusterSkills")
        assert _bar(guest) == "rgb(11, 93, 76)"


@WAYS
def test_a_manager_sets_up_what_is_needed_part_by_part(
    stack: Stack, chromium: Browser, manager_api: Api, narrow: bool
) -> None:
    mark = uuid.uuid4().hex[:6]
    with at_work(stack, chromium, "manager", narrow=narrow, town=TOWN) as manager:
        look = manager.look_without_axe if narrow else manager.look
        page = manager.page

        manager.go("/set-up/languages")
        page.get_by_label("German", exact=True).first.check()
        page.select_option("#field-default_language", "sr")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("must be one of the languages")
        expect(page.get_by_label("German", exact=True).first).to_be_checked()
        look()
        page.get_by_label("Serbian", exact=True).check()
        _save(manager, "Languages")
        assert _settings(manager_api)["languages"] == ["de", "en", "sr"]

        manager.go("/set-up/consent")
        for language in ("de", "en", "sr"):
            page.select_option("#field-language", language)
            page.fill("#field-text_version", mark)
            page.fill("#field-text", f"My employer may see my results ({language}).")
            page.get_by_role("button", name="Publish").click()
            expect(page.get_by_role("status")).to_contain_text("Saved: Consent texts")
            manager.go("/set-up/consent")
        expect(page.locator(".rows li")).to_have_count(len(_settings(manager_api)["consent_texts"]))  # type: ignore[arg-type]
        page.fill("#field-text_version", mark)
        page.select_option("#field-language", "en")
        page.fill("#field-text", "Something else.")
        page.get_by_role("button", name="Publish").click()
        expect(page.get_by_role("alert")).to_contain_text("the same purpose, language and version")
        assert page.input_value("#field-text") == "Something else."
        look()

        manager.go("/set-up/imprint")
        page.fill("#field-organisation", "Automobilski klaster Srbije")
        page.fill("#field-email", "office@klaster.example")
        _save(manager, "Imprint")

        manager.go("/set-up/providers")
        page.get_by_label("Primer Akademija d.o.o.").check()
        look()
        _save(manager, "Trusted providers")
        assert len(_settings(manager_api)["trusted_provider_ids"]) == 1  # type: ignore[arg-type]

        manager.go("/set-up/rules")
        page.fill("#field-audit_days", "soon")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert page.input_value("#field-audit_days") == "soon"
        page.fill("#field-audit_days", "365")
        page.fill("#field-inactive_person_months", "24")
        _save(manager, "Approval and retention")
        assert _settings(manager_api)["retention"] == {"audit_days": 365, "inactive_person_months": 24}

        manager.go("/set-up/origins")
        page.fill("#field-allowed_origins", "https://klaster.example\nhttps://klaster.example/path")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("without a path")
        page.fill("#field-allowed_origins", "https://klaster.example\nhttps://www.klaster.example")
        _save(manager, "Allowed origins")

        manager.go("/set-up/brand")
        page.fill("#field-name", "Automobilski klaster")
        _save(manager, "Brand")
        expect(page.locator("main")).to_contain_text("Everything that is needed is set up.")
        look()


def test_what_somebody_else_changed_meanwhile_is_not_overwritten_unasked(
    stack: Stack, chromium: Browser, manager_api: Api
) -> None:
    with at_work(stack, chromium, "manager", town=TOWN) as manager:
        manager.go("/set-up/imprint")
        _change(manager_api, imprint={"organisation": "Somebody was faster", "email": "office@klaster.example"})
        manager.page.fill("#field-organisation", "Mine")
        manager.page.fill("#field-email", "mine@klaster.example")
        manager.page.get_by_role("button", name="Save").click()

        expect(manager.page.get_by_role("alert")).to_be_visible()
        assert manager.page.input_value("#field-organisation") == "Mine"
        assert _settings(manager_api)["imprint"]["organisation"] == "Somebody was faster"  # type: ignore[index]
        _save(manager, "Imprint")


@WAYS
def test_a_manager_lends_a_seal_and_ends_it(stack: Stack, chromium: Browser, manager_api: Api, narrow: bool) -> None:
    for grant in manager_api.get("/v1/awarding-grants", status="given", limit=200).body["items"]:
        manager_api.post(f"/v1/awarding-grants/{grant['id']}/withdraw")
    with at_work(stack, chromium, "manager", narrow=narrow, town=TOWN) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go("/set-up/seals")
        manager.page.get_by_role("button", name="Lend", exact=True).click()
        expect(manager.page.get_by_role("alert")).to_contain_text("Choose an organisation")
        look()
        manager.page.fill("#field-other_id", ids.cluster_id("msac-moravia"))
        manager.page.get_by_role("button", name="Lend", exact=True).click()
        expect(manager.page.get_by_role("status")).to_contain_text("Lent.")
        manager.page.locator("details.sure summary").click()
        expect(manager.page.locator(".sure-box")).to_contain_text("Certificates that were issued stay valid.")
        look()
        manager.page.get_by_role("button", name="End", exact=True).click()
        expect(manager.page.get_by_role("status")).to_contain_text("Ended.")
    assert manager_api.get("/v1/awarding-grants", status="given", limit=200).body["items"] == []


def test_a_brand_is_changed_with_the_keyboard_alone(stack: Stack, chromium: Browser, manager_api: Api) -> None:
    with at_work(stack, chromium, "manager", town=TOWN) as manager:
        manager.go("/set-up/brand")
        keyboard = manager.page.keyboard
        manager.page.locator("#content").focus()
        for typed in ("", "Klaster", "#0b6e4f"):  # the way back, the name, the colour
            keyboard.press("Tab")
            if typed:
                keyboard.press("Control+A")
                keyboard.type(typed)
        keyboard.press("Enter")

        expect(manager.page.get_by_role("status")).to_contain_text("Saved: Brand")
    assert _settings(manager_api)["brand"] == {"name": "Klaster", "colour": "#0b6e4f", "logo_url": None}
