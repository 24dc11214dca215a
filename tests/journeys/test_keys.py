"""A manager makes a key for a partner's program on the pages; the commands shown work as they are; it is ended."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from clusterskills.client import Api
from clusterskills.demo.cast import Cast
from tests.journeys.test_pages import Person, at_work, cast
from tests.journeys.ways import WAYS
from tests.stack import Stack

__all__ = ["cast"]
pytestmark = pytest.mark.timeout(480)
TOWN = "serbia"


@pytest.fixture
def manager_api(cast: Cast) -> Iterator[Api]:
    """The manager by API. Keys that are left are ended."""
    api = cast.person("manager", "ac-serbia")
    yield api
    for key in api.get("/v1/clients", status="active", limit=200).body["items"]:
        api.post(f"/v1/clients/{key['id']}/end")


def _shown(manager: Person, name: str) -> str:
    return manager.page.locator(f"#{name}").inner_text()


def _run(lines: str) -> str:
    return subprocess.run(["bash", "-c", lines], capture_output=True, text=True, check=True, timeout=60).stdout


@WAYS
def test_a_manager_makes_a_key_tries_it_changes_its_secret_and_ends_it(
    stack: Stack, chromium: Browser, manager_api: Api, narrow: bool
) -> None:
    name = f"Portal {uuid.uuid4().hex[:6]}"
    with at_work(stack, chromium, "manager", narrow=narrow, town=TOWN) as manager:
        look = manager.look_without_axe if narrow else manager.look
        page = manager.page
        manager.go("/keys")
        look()
        page.get_by_role("link", name="Make a key").first.click()
        look()
        page.get_by_role("link", name="Partner portal").click()
        page.get_by_role("button", name="Make the key").click()
        assert page.url.endswith("kind=portal")  # the browser asks for the name itself
        page.evaluate("document.querySelector('main form').noValidate = true")
        page.get_by_role("button", name="Make the key").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert page.title().startswith("Error:")
        look()
        page.fill("#field-name", name)
        page.get_by_label("Read certificates").uncheck()
        page.get_by_role("button", name="Make the key").click()
        expect(page.locator("main")).to_contain_text("it is never shown again")
        look()
        first = _shown(manager, "secret")
        lines = _shown(manager, "curl")
        assert '"items":[{' in _run(lines)
        page.reload()  # asks the same again: no other key, the same secret
        assert _shown(manager, "secret") == first
        made = [one for one in manager_api.get("/v1/clients", limit=200).body["items"] if one["name"] == name]
        assert [one["scopes"] for one in made] == [
            ["directory:read", "directory:write", "enrolment:read", "enrolment:write"]
        ]

        page.get_by_role("link", name="I have kept it").click()
        row = page.locator("tbody tr", has=page.get_by_role("link", name=name))
        expect(row).to_contain_text("Active")
        expect(row).not_to_contain_text("Not in 30 days")
        look()
        row.get_by_role("link", name=name).click()
        expect(page.locator("main")).not_to_contain_text(first)
        page.get_by_text("Change the secret").first.click()
        expect(page.locator("main")).to_contain_text("the program stands still until it has the new one")
        look()
        page.get_by_role("button", name="Change the secret").click()
        assert _shown(manager, "secret") != first
        assert '"items"' not in _run(lines)
        assert '"items":[{' in _run(_shown(manager, "curl"))

        manager.go(f"/keys/{made[0]['id']}")
        page.get_by_text("End the key").first.click()
        expect(page.locator("main")).to_contain_text("cannot be begun again")
        page.get_by_role("button", name="End the key").click()
        expect(page.get_by_role("status")).to_contain_text("Tokens that it got before can be used until")
        expect(page.locator("tbody tr", has=page.get_by_role("link", name=name))).to_contain_text("Ended")
        look()
        manager.go(f"/keys/{made[0]['id']}")
        expect(page.get_by_role("button")).not_to_contain_text(["End the key"])


def test_a_providers_key_names_its_provider_and_the_commands_shown_work(
    stack: Stack, chromium: Browser, manager_api: Api
) -> None:
    with at_work(stack, chromium, "manager", town=TOWN) as manager:
        manager.go("/keys/new?kind=provider")
        manager.page.fill("#field-name", "Course system")
        manager.page.select_option("#field-provider", label="Primer Akademija d.o.o.")
        manager.page.get_by_role("button", name="Make the key").click()

        assert '"items":[' in _run(_shown(manager, "curl"))
        manager.page.get_by_role("link", name="I have kept it").click()
        manager.page.get_by_role("link", name="Course system").first.click()
        expect(manager.page.locator("main")).to_contain_text("Primer Akademija d.o.o.")


def test_keys_are_for_managers(stack: Stack, chromium: Browser) -> None:
    with at_work(stack, chromium, "trainer", town=TOWN) as trainer:
        answer = trainer.page.goto(f"{stack.url}/keys")

        assert answer is not None
        assert answer.status == 403
