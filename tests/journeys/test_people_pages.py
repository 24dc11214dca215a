"""A manager looks after people on the pages: finds, changes, employs, records consents, invites, merges, erases."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from clusterskills.demo.cast import Cast
from clusterskills.demo.seeding import seed_organisations, seed_people, seed_portals
from deploy.identity import ids
from services.portal.languages import PSEUDO
from tests.journeys.test_pages import CLUSTER, Person, at_work
from tests.journeys.ways import WAYS
from tests.portal.test_browser import forgotten
from tests.stack import Stack

pytestmark = pytest.mark.timeout(480)


@pytest.fixture(scope="module")
def cast(stack: Stack) -> Iterator[Cast]:
    """Who acts, with their organisations, settings and people."""
    cast = Cast(stack.facts)
    seed_organisations(cast)
    seed_portals(cast)
    seed_people(cast)
    yield cast
    cast.close()


def press(who: Person, name: str) -> None:
    who.page.get_by_role("button", name=name, exact=True).click()


def follow(who: Person, name: str) -> None:
    who.page.get_by_role("link", name=name).first.click()


def says(who: Person, words: str) -> None:
    expect(who.page.get_by_role("status")).to_contain_text(words)


def refuses(who: Person, words: str) -> None:
    expect(who.page.get_by_role("alert")).to_contain_text(words)
    assert who.page.title().startswith("Error:")


def let_through(who: Person) -> None:
    """Let the service check what is typed, not the browser."""
    who.page.evaluate("document.querySelectorAll('main form').forEach(form => form.noValidate = true)")


def registered(cast: Cast, family_name: str, **facts: str) -> str:
    """Somebody of the town: the person's id."""
    body = {"given_name": "Ludmila", "family_name": family_name, **facts}
    return str(cast.person("manager", CLUSTER).post("/v1/people", body).body["id"])


def new_name(stem: str) -> str:
    """A family name that nobody has, in letters."""
    return stem + "".join(
        "bcdfghjklm"[int(digit, 16) % 10] + "aeiou"[int(digit, 16) % 5] for digit in uuid.uuid4().hex[:4]
    )


@WAYS
def test_a_manager_finds_somebody_by_a_misspelt_name_and_keeps_the_record_up_to_date(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool
) -> None:
    name = new_name("Dvořáková")
    with at_work(stack, chromium, "manager", narrow=narrow) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go("/people/new")
        look()
        manager.page.fill("#field-given_name", "Ludmila")
        manager.page.fill("#field-family_name", name)
        manager.page.fill("#field-email", f"{uuid.uuid4().hex[:8]}@example.org")
        manager.page.select_option("#field-organisation_id", label="Vzor Světlomety s.r.o.")
        press(manager, "Register")
        says(manager, "Registered.")
        expect(manager.page.locator("main")).to_contain_text("Vzor Světlomety s.r.o.")
        look()

        manager.go("/people")
        manager.page.fill("#search", name.replace("ř", "r").replace("á", "a").replace("ov", "vo"))
        press(manager, "Search")
        expect(manager.page.locator("tbody tr").first).to_contain_text(name)
        look()
        follow(manager, f"Ludmila {name}")

        follow(manager, "Change")
        look()
        manager.page.fill("#field-email", "no address")
        let_through(manager)
        press(manager, "Save")
        refuses(manager, "")
        look()
        manager.page.fill("#field-email", "ludmila@example.org")
        manager.page.select_option("#field-language", "cs")
        press(manager, "Save")
        says(manager, "Changed.")
        expect(manager.page.locator(".facts")).to_contain_text("Czech")


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(stack: Stack, chromium: Browser, cast: Cast) -> None:
    person = registered(cast, new_name("Novák"))
    with at_work(stack, chromium, "manager") as manager:
        manager.go(f"/people/{person}/change")
        cast.person("manager", CLUSTER).patch(f"/v1/people/{person}", {"language": "de"}, if_match='"1"')
        manager.page.fill("#field-given_name", "Lída")
        press(manager, "Save")
        refuses(manager, "Somebody changed it meanwhile. Load it again.")
        assert manager.page.input_value("#field-given_name") == "Lída"


@WAYS
def test_a_manager_adds_and_ends_an_employment_and_records_and_takes_back_a_consent(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool
) -> None:
    person = registered(cast, new_name("Malá"))
    with at_work(stack, chromium, "manager", narrow=narrow) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go(f"/people/{person}/consents/new")
        expect(manager.page.locator("main")).to_contain_text("This person works for no company yet.")
        follow(manager, "Add an employment")
        look()
        manager.page.select_option("#field-organisation_id", label="Vzor Obrábění Ostrava s.r.o.")
        manager.page.fill("#field-valid_from", "2026-03-01")
        manager.page.fill("#field-valid_until", "2026-02-01")
        press(manager, "Save")
        refuses(manager, "")
        manager.page.fill("#field-valid_until", "")
        press(manager, "Save")
        says(manager, "The employment was added.")

        follow(manager, "Record a consent")
        look()
        expect(manager.page.locator("main")).to_contain_text("I let my employer see")
        let_through(manager)
        press(manager, "Save")
        refuses(manager, "This field is required.")
        manager.page.fill("#field-how", "signed form")
        manager.page.fill("#field-stated_on", "2026-03-02")
        press(manager, "Save")
        says(manager, "The consent was recorded.")
        expect(manager.page.locator("main")).to_contain_text("given March 2, 2026 · signed form")
        look()
        manager.page.get_by_text("Take back", exact=True).first.click()
        press(manager, "Take back")
        says(manager, "The consent was taken back.")

        follow(manager, "End at Vzor Obrábění Ostrava s.r.o.")
        look()
        manager.page.fill("#field-valid_until", "2026-10-31")
        press(manager, "End the employment")
        says(manager, "The employment was ended.")
        expect(manager.page.locator("main")).to_contain_text("Ended")
    consents = cast.person("manager", CLUSTER).get("/v1/consents", person=person).body["items"]
    assert [(one["how"], one["stated_on"], one["status"]) for one in consents] == [
        ("signed form", "2026-03-02", "withdrawn")
    ]


@WAYS
def test_an_invitation_is_a_link_that_can_be_taken_back(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool
) -> None:
    person = registered(cast, new_name("Bílá"))
    with at_work(stack, chromium, "manager", narrow=narrow) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go(f"/people/{person}/invite")
        look()
        press(manager, "Invite")
        refuses(manager, "Without a mail address")
        mail = f"{uuid.uuid4().hex[:8]}@example.org"
        cast.person("manager", CLUSTER).patch(f"/v1/people/{person}", {"email": mail}, if_match='"1"')
        press(manager, "Invite")
        says(manager, "Invited.")
        look()
        link = manager.page.get_by_label("Link for the person").input_value()
        assert re.fullmatch(rf"{stack.url}/invitations/[0-9a-f-]+\?secret=[\w%-]+", link)
        press(manager, "Take back")
        says(manager, "The invitation was taken back.")
        expect(manager.page.get_by_label("Link for the person")).to_have_count(0)


@WAYS
def test_two_records_of_one_person_are_merged_after_the_consequences_are_said(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool
) -> None:
    name = new_name("Dvojitá")
    loser, winner = registered(cast, name), registered(cast, name, email="twice@example.org")
    with at_work(stack, chromium, "manager", narrow=narrow) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go(f"/people/{loser}")
        follow(manager, "Merge with another record")
        look()
        manager.page.locator(f"a[href='/people/{loser}/merge?into={winner}']").click()
        expect(manager.page.locator("main")).to_contain_text("This cannot be undone")
        look()
        press(manager, "Merge for good")
        says(manager, "The two records are one now.")
        assert f"/people/{winner}" in manager.page.url
        manager.go(f"/people/{loser}")
        expect(manager.page.locator(".facts")).to_contain_text("twice@example.org")
        manager.go(f"/people/{winner}/merge?into={winner}")
        press(manager, "Merge for good")
        refuses(manager, "same record")


@WAYS
def test_personal_data_is_erased_only_after_the_consequences_are_confirmed(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool
) -> None:
    name = new_name("Smazaná")
    person = registered(cast, name)
    with at_work(stack, chromium, "manager", narrow=narrow) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go(f"/people/{person}")
        follow(manager, "Erase the personal data")
        look()
        press(manager, "Erase for good")
        refuses(manager, "Confirm that the person asked for it.")
        look()
        manager.page.check("#field-sure")
        press(manager, "Erase for good")
        says(manager, "The personal data was erased.")
        expect(manager.page.locator("main")).not_to_contain_text(name)
        look()
        manager.go(f"/people?status=erased&q={name}")
        expect(manager.page.locator("main")).to_contain_text("Nobody found")
        look()


def test_hr_sees_the_own_people_alone_and_cannot_speak_for_them(stack: Stack, chromium: Browser, cast: Cast) -> None:
    stranger = registered(cast, new_name("Cizí"))
    with at_work(stack, chromium, "hr") as hr:
        hr.go("/people")
        rows = hr.page.locator("tbody tr")
        assert rows.count() > 0
        hr.look()
        rows.first.get_by_role("link").click()
        hr.look()
        expect(hr.page.get_by_role("link", name="Erase the personal data")).to_have_count(0)
        expect(hr.page.get_by_role("link", name="Record a consent")).to_have_count(0)
        for path, status in ((f"/people/{stranger}", 404), (f"/people/{stranger}/erase", 403)):
            answer = hr.page.goto(stack.url + path)
            assert answer is not None
            assert answer.status == status


def test_a_search_for_a_person_needs_no_mouse(stack: Stack, chromium: Browser, cast: Cast) -> None:
    name = new_name("Klávesová")
    person = registered(cast, name)
    with at_work(stack, chromium, "manager") as manager:
        manager.go("/people")
        tab_to(manager, "document.activeElement.id === 'search'")
        manager.page.keyboard.type(name)
        manager.page.keyboard.press("Enter")
        manager.page.wait_for_url("**/people?**")
        tab_to(manager, f"document.activeElement.getAttribute('href') === '/people/{person}'")
        manager.page.keyboard.press("Enter")
        expect(manager.page.locator("h1")).to_contain_text(name)


def tab_to(who: Person, there: str) -> None:
    """Press the tabulator until it is there; 60 times at most."""
    for _ in range(60):
        who.page.keyboard.press("Tab")
        if who.page.evaluate(there):
            return
    raise AssertionError(f"The tabulator never comes to {there}")


def test_every_word_of_the_peoples_pages_can_be_translated_and_longer_words_fit(
    stack: Stack, chromium: Browser, cast: Cast
) -> None:
    person, other = (registered(cast, new_name("Slovní"), email=f"{uuid.uuid4().hex}@example.org") for _ in range(2))
    job = cast.person("manager", CLUSTER).post(
        "/v1/employments", {"person_id": person, "organisation_id": ids.organisation_id("vzor-svetlomety")}
    )
    acts = ("", "/change", "/employments/new", f"/employments/{job.body['id']}/end", "/consents/new", "/merge")
    with at_work(stack, chromium, "manager") as manager:
        manager.page.set_viewport_size({"width": 390, "height": 844})
        manager.go(f"/language/{PSEUDO}?next=/people")
        for path in ("/people", "/people?q=zzyzx", "/people/new", *(f"/people/{person}{act}" for act in acts)):
            manager.go(path)
            assert forgotten(manager.page) == [], path
            manager.look()
        for path in (f"/people/{person}/merge?into={other}", f"/people/{person}/erase", f"/people/{person}/invite"):
            manager.go(path)
            assert forgotten(manager.page) == [], path
            manager.look()
