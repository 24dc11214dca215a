"""What waits for each role on the start page of a fresh demo, where it leads, and what people do with their own data."""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from clusterskills import seed
from clusterskills.demo.cast import Cast
from clusterskills.demo.seeding import course_body, publish_course
from clusterskills.demo.work import seed_cluster
from deploy.local.processes import wait_until
from tests.journeys.test_pages import CLUSTER, PROVIDER, Person, at_work
from tests.journeys.test_people_pages import cast, follow, let_through, new_name, press, refuses, registered, says
from tests.journeys.ways import WAYS
from tests.stack import Stack

__all__ = ["cast"]
pytestmark = pytest.mark.timeout(480)


@pytest.fixture(scope="module")
def work(cast: Cast) -> None:
    """What the demo seeds, in this cluster."""
    own = [one for one in seed.courses() if one.provider == PROVIDER and not one.prerequisites]
    courses = {one.external_id: publish_course(cast, one, {}) for one in own}
    seed_cluster(cast, CLUSTER, courses, partial(course_body, known=courses))


def number(who: Person, label: str) -> int:
    """What the start page counts under this label."""
    text = who.page.locator(".home-card").filter(has_text=label).locator("strong").inner_text()
    return int(text.rstrip("+"))


def card(who: Person, label: str) -> None:
    """Go where a counter leads."""
    who.go("/")
    who.page.locator(".home-card").filter(has_text=label).click()


@pytest.mark.usefixtures("work")
@WAYS
def test_every_counter_of_a_fresh_demo_leads_to_what_it_counts(stack: Stack, chromium: Browser, narrow: bool) -> None:
    with at_work(stack, chromium, "hr", narrow=narrow) as hr:
        look = hr.look_without_axe if narrow else hr.look
        hr.go("/")
        look()
        assert number(hr, "Applications to decide") >= 1
        assert wait_until(lambda: _imports(hr) >= 1, 60)
        card(hr, "Applications to decide")
        assert hr.page.locator("tbody tr").count() >= 1
        card(hr, "Imports with rows to mend")
        look()
        hr.page.locator("#imports li").filter(has_text="With errors: 2").first.get_by_role("link").click()
        expect(hr.page.locator("tbody tr")).to_have_count(2)
    with at_work(stack, chromium, "manager", narrow=narrow) as manager:
        manager.go("/")
        asked = number(manager, "Organisations that ask to join")
        assert asked >= 1
        card(manager, "Organisations that ask to join")
        expect(manager.page.get_by_role("button", name="Accept")).to_have_count(asked)
        manager.go("/")
        manager.page.locator("a.card-link").filter(has_text="Open sessions").click()
        expect(manager.page.locator("h1")).to_contain_text("Courses")


def _imports(hr: Person) -> int:
    hr.go("/")
    return number(hr, "Imports with rows to mend")


@pytest.mark.usefixtures("work")
def test_a_reviewer_returns_a_course_with_reasons_and_publishes_it_when_it_comes_again(
    stack: Stack, chromium: Browser, cast: Cast
) -> None:
    course = next(one for one in seed.courses() if one.provider == PROVIDER and not one.prerequisites)
    mark = uuid.uuid4().hex[:8]
    author = cast.program(f"provider-{CLUSTER}")
    body = {**course_body(course, {}), "titles": {"en": f"To review {mark}"}, "default_language": "en"}
    made = author.put(f"/v1/courses/by-external-id/review-{mark}", body).body["id"]
    author.post(f"/v1/courses/{made}/submit")
    with at_work(stack, chromium, "reviewer") as reviewer:
        reviewer.go("/")
        waiting = number(reviewer, "Courses in review")
        reviewer.go("/reviews")
        reviewer.look()
        reviewer.page.locator("main li a").filter(has_text=f"To review {mark}").first.click()
        reviewer.look()
        let_through(reviewer)
        press(reviewer, "Return to its authors")
        refuses(reviewer, "Say what is to be mended.")
        reviewer.page.fill("#field-reasons", "The outcomes are too vague.\nName the assessment.")
        press(reviewer, "Return to its authors")
        says(reviewer, "Returned to its authors.")
        reasons = author.get(f"/v1/courses/{made}").body["draft"]["reasons"]
        assert reasons == ["The outcomes are too vague.", "Name the assessment."]
        author.post(f"/v1/courses/{made}/submit")
        reviewer.go(f"/reviews/{made}")
        press(reviewer, "Publish")
        says(reviewer, "Published.")
        reviewer.go("/")
        assert number(reviewer, "Courses in review") == waiting - 1 or waiting == 1
    assert cast.outsider.get(f"/v1/courses/{made}").body["status"] == "published"


@contextmanager
def stranger(chromium: Browser, stack: Stack, *, narrow: bool) -> Iterator[Person]:
    """Somebody who has never signed in."""
    width, height = (390, 844) if narrow else (1280, 900)
    context = chromium.new_context(
        viewport={"width": width, "height": height}, java_script_enabled=not narrow, locale="en-GB"
    )
    try:
        yield Person(context.new_page(), stack.url)
    finally:
        context.close()


@WAYS
def test_who_is_invited_chooses_a_password_signs_in_takes_the_data_along_and_erases_it(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool, tmp_path: Path
) -> None:
    mail, name, password = f"{uuid.uuid4().hex[:8]}@example.org", new_name("Pozvaná"), uuid.uuid4().hex
    person, manager = registered(cast, name, email=mail), cast.person("manager", CLUSTER)
    link = manager.post("/v1/invitations", {"person_id": person, "role": "worker"}).body["link"]
    with stranger(chromium, stack, narrow=narrow) as guest:
        look = guest.look_without_axe if narrow else guest.look
        guest.page.goto(link)
        expect(guest.page.locator("main")).to_contain_text(mail)
        look()
        guest.page.fill("#field-password", "short")
        guest.page.fill("#field-again", "other")
        press(guest, "Accept")
        refuses(guest, "The two passwords are not the same.")
        guest.page.fill("#field-password", "short")
        guest.page.fill("#field-again", "short")
        press(guest, "Accept")
        refuses(guest, "12 characters")
        look()
        guest.page.fill("#field-password", password)
        guest.page.fill("#field-again", password)
        press(guest, "Accept")
        guest.page.get_by_role("main").get_by_role("link", name="Sign in").click()
        guest.page.fill("#username", mail)
        guest.page.fill("#password", password)
        guest.page.click("#kc-login")
        guest.page.wait_for_url(f"{stack.url}/")
        expect(guest.page.locator("main")).to_contain_text("Nothing waits for you")
        look()

        manager.get(f"/v1/people/{person}")
        follow(guest, "My data")
        expect(guest.page.locator("main")).to_contain_text(name)
        expect(guest.page.locator("tbody tr").first).to_contain_text("Your cluster")
        look()
        with guest.page.expect_download() as download:
            follow(guest, "Download all of it")
        archive = tmp_path / "my-data.zip"
        download.value.save_as(archive)
        assert name in "".join(
            zipfile.ZipFile(archive).read(one).decode() for one in zipfile.ZipFile(archive).namelist()
        )
        press(guest, "Erase for good")
        refuses(guest, "Confirm that you want this.")
        guest.page.check("#field-sure")
        press(guest, "Erase for good")
        expect(guest.page.locator("h1")).to_contain_text("Your personal data was erased")
        guest.go("/my-data")
        guest.page.wait_for_selector("#username")
    assert manager.get(f"/v1/people/{person}").body["status"] == "erased"
