"""A manager invites a colleague on the pages; the colleague chooses a password, signs in and works; the role is ended."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Browser, expect

from clusterskills.demo.cast import Cast
from services.portal.languages import PSEUDO
from tests.journeys.test_pages import Person, at_work, cast
from tests.journeys.ways import WAYS
from tests.portal.test_browser import forgotten
from tests.stack import Stack

__all__ = ["cast"]
pytestmark = pytest.mark.timeout(480)
TOWN = "serbia"
PASSWORD = "veoma duga lozinka"


def _sign_in(person: Person, mail: str) -> None:
    person.go("/sign-in")
    person.page.fill("#username", mail)
    person.page.fill("#password", PASSWORD)
    person.page.click("#kc-login")


@WAYS
def test_an_invited_colleague_chooses_a_password_and_works_until_the_role_is_ended(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool
) -> None:
    mail = f"mila-{uuid.uuid4().hex[:8]}@klaster.example"
    context = chromium.new_context(
        viewport={"width": 390 if narrow else 1280, "height": 844}, java_script_enabled=not narrow, locale="en-GB"
    )
    with at_work(stack, chromium, "manager", narrow=narrow, town=TOWN) as manager, context:
        look = manager.look_without_axe if narrow else manager.look
        page, mila = manager.page, Person(context.new_page(), stack.url)
        manager.go("/staff")
        look()
        page.get_by_role("link", name="Invite somebody").first.click()
        page.fill("#field-given_name", "Mila")
        page.fill("#field-family_name", "Petrović")
        page.fill("#field-email", mail)
        page.select_option("#field-role", "trainer")
        page.get_by_role("button", name="Invite").click()
        expect(page.get_by_role("alert")).to_contain_text("Name the organisation that they act for.")
        assert page.input_value("#field-email") == mail
        look()
        page.select_option("#field-organisation", label="Primer Akademija d.o.o.")
        page.get_by_role("button", name="Invite").click()
        expect(page.locator("#link")).to_contain_text("/invitations/")
        look()
        link = page.locator("#link").inner_text()
        page.get_by_role("link", name="To the list").click()
        row = page.locator("tbody tr", has_text=mail)
        expect(row).to_contain_text("Invited")
        expect(row).to_contain_text("Primer Akademija d.o.o.")

        mila.page.goto(link)
        expect(mila.page.locator("main")).to_contain_text("You are invited, Mila Petrović")
        expect(mila.page.locator("main")).to_contain_text("Trainer")
        (mila.look_without_axe if narrow else mila.look)()
        mila.page.fill("#field-password", "kratka")
        mila.page.fill("#field-again", "kratka")
        mila.page.get_by_role("button", name="Accept").click()
        expect(mila.page.get_by_role("alert")).to_contain_text("at least 12 characters")
        assert mila.page.input_value("#field-password") == ""
        mila.page.fill("#field-password", PASSWORD)
        mila.page.fill("#field-again", "something else")
        mila.page.get_by_role("button", name="Accept").click()
        expect(mila.page.get_by_role("alert")).to_contain_text("not the same")
        (mila.look_without_axe if narrow else mila.look)()
        mila.page.fill("#field-password", PASSWORD)
        mila.page.fill("#field-again", PASSWORD)
        mila.page.get_by_role("button", name="Accept").click()
        expect(mila.page.locator("main")).to_contain_text("Your login is ready.")
        _sign_in(mila, mail)
        mila.page.wait_for_url(f"{stack.url}/")
        expect(mila.page.locator(".roles")).to_contain_text("Trainer")
        mila.go("/teaching")
        expect(mila.page.locator("h1")).to_contain_text("Teaching")
        mila.go("/")
        mila.page.get_by_role("button", name="Sign out").click()

        manager.go("/staff?status=accepted")
        row = page.locator("tbody tr", has_text=mail)
        expect(row).to_contain_text("Signs in")
        row.get_by_text("End the role").first.click()
        expect(row).to_contain_text("Without another role the login is removed.")
        look()
        row.get_by_role("button", name="End the role").click()
        expect(page.get_by_role("status").first).to_contain_text("Who was signed in can go on until")
        expect(page.locator("tbody tr", has_text=mail)).to_contain_text("Ended")
        _sign_in(mila, mail)
        expect(mila.page.locator("#password")).to_be_visible()  # still at the sign-in page


def test_an_invitation_that_was_taken_back_or_a_link_that_was_cut_off_opens_nothing(
    stack: Stack, chromium: Browser, cast: Cast
) -> None:
    manager_api = cast.person("manager", "ac-serbia")
    mail = f"mila-{uuid.uuid4().hex[:8]}@klaster.example"
    body = {"given_name": "Mila", "family_name": "Petrović", "email": mail, "role": "reviewer"}
    made = manager_api.post("/v1/invitations", body).body
    with at_work(stack, chromium, "manager", town=TOWN) as manager, chromium.new_context(locale="en-GB") as context:
        mila = Person(context.new_page(), stack.url)
        mila.page.goto(made["link"][:-4])
        expect(mila.page.locator("h1")).to_contain_text("This link opens no invitation")
        mila.look()
        manager.go("/staff?status=invited")
        row = manager.page.locator("tbody tr", has_text=mail)
        row.get_by_text("Take back").first.click()
        row.get_by_role("button", name="Take back").click()
        expect(manager.page.get_by_role("status").first).to_contain_text("Taken back.")
        mila.page.goto(made["link"])
        expect(mila.page.locator("main")).to_contain_text("This invitation does not hold any more.")
        expect(mila.page.get_by_role("button", name="Accept")).to_have_count(0)


def test_every_word_of_the_managers_pages_is_translated_and_longer_words_fit_on_a_phone(
    stack: Stack, chromium: Browser, cast: Cast
) -> None:
    manager_api = cast.person("manager", "ac-serbia")
    key = manager_api.post("/v1/clients", {"name": "Words", "kind": "portal"}).body["id"]
    parts = ("brand", "imprint", "languages", "consent", "providers", "rules", "origins", "seals")
    paths = ["/set-up", *(f"/set-up/{part}" for part in parts), "/keys", "/keys/new", "/keys/new?kind=provider"]
    paths += [f"/keys/{key}", "/staff", "/staff/invite"]
    with at_work(stack, chromium, "manager", town=TOWN) as manager:
        manager.page.set_viewport_size({"width": 390, "height": 844})
        manager.go(f"/language/{PSEUDO}")
        found = {}
        for path in paths:
            manager.go(path)
            found[path] = forgotten(manager.page)
            manager.look_without_axe()
    manager_api.post(f"/v1/clients/{key}/end")
    assert {path: words for path, words in found.items() if words} == {}
