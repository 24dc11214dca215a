"""Signing in and out by the real Keycloak behind the real gateway, by http and https, in a real browser."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.stack import Stack

pytestmark = pytest.mark.timeout(480)  # the first of them may have to start the stack on a busy machine
# Nobody else signs in as this one at the same time: Keycloak refuses the second of two at once.
WHO = "manager@friuli.example"


def _sign_in(page: Page, stack: Stack, origin: str) -> None:
    password = next(login["password"] for login in stack.facts["logins"] if login["username"] == WHO)
    page.goto(f"{origin}/sign-in?next=/verify")
    page.fill("#username", WHO)
    page.fill("#password", password)
    page.click("#kc-login")
    page.wait_for_url(f"{origin}/verify")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_manager_signs_in_and_out(stack: Stack, chromium: Browser, scheme: str) -> None:
    origin = stack.url if scheme == "http" else stack.https_url
    with chromium.new_context(ignore_https_errors=True) as context:  # the gateway's own authority
        page = context.new_page()
        _sign_in(page, stack, origin)
        page.goto(origin)

        expect(page.locator("h1")).to_contain_text("Welcome, ")
        expect(page.locator(".page-pretitle")).to_have_text("COMET Friuli Venezia Giulia")
        expect(page.locator(".roles")).to_contain_text("Cluster manager")
        session = next(cookie for cookie in context.cookies() if "portal-session" in cookie["name"])
        assert session["httpOnly"]
        assert session["secure"] == (scheme == "https")

        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(f"{origin}/")
        expect(page.locator(".bar-tools")).to_contain_text("Sign in")
        page.goto(f"{origin}/sign-in")
        expect(page.locator("#username")).to_be_visible()  # Keycloak's own session has ended, too


def test_the_joined_descriptions_are_complete_and_every_answer_comes_through_the_gateway(stack: Stack) -> None:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        document = json.loads(client.get("/openapi.json").raise_for_status().text)
        events = json.loads(client.get("/asyncapi.json").raise_for_status().text)
        page = client.get("/", headers={"Accept": "text/html"})
        nothing = client.get("/v1/nothing")

    assert "x-missing" not in document
    assert {path.split("/")[2] for path in document["paths"]} >= {"courses", "enrolments", "verifications", "people"}
    assert document["servers"] == [{"url": stack.url}]
    assert events["asyncapi"].startswith("3.")
    assert re.search(r'figure-number">[0-9,]+<', page.text)
    assert nothing.status_code == 404
    assert nothing.headers["Content-Type"] == "application/problem+json"
