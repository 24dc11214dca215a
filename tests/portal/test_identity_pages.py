"""Keycloak's own pages: in our look and languages; and a forgotten password, from the mail to the next sign-in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.identity.realm import LANGUAGES
from services.portal.languages import languages
from tests.accessibility import violations
from tests.portal.test_browser import LOOKS
from tests.stack import Stack

pytestmark = pytest.mark.timeout(480)  # the first of them may have to start the stack on a busy machine
REALM = "/auth/realms/clusterskills/protocol/openid-connect"
GREEN = "rgb(11, 93, 76)"
# Nobody else signs in as these at the same time.
FORGETFUL = "trainer@friuli.example"
_PICTURES = os.environ.get("CLUSTERSKILLS_SCREENSHOTS")


@contextmanager
def window(
    chromium: Browser, stack: Stack, style: str = "light", locale: str = "en-GB", *, scripts: bool = True
) -> Iterator[Page]:
    """A browser window in one of the looks; nothing may come from elsewhere."""
    width, height = LOOKS[style]
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if style == "dark" else "light",
        locale=locale,
        java_script_enabled=scripts,
    )
    strangers: list[str] = []
    context.on(
        "request", lambda asked: None if asked.url.startswith((stack.url, "data:")) else strangers.append(asked.url)
    )
    try:
        yield context.new_page()
    finally:
        context.close()
    assert strangers == []


def sign_in_page(stack: Stack) -> str:
    return f"{stack.url}/sign-in?next=/verify"


def reset_page(page: Page, stack: Stack) -> None:
    page.goto(sign_in_page(stack))
    page.locator("a[href*=reset-credentials]").click()


def wrong_password(page: Page, stack: Stack) -> None:
    page.goto(sign_in_page(stack))
    page.fill("#username", "nobody@friuli.example")
    page.fill("#password", "wrong")
    page.click("#kc-login")


def sign_out_page(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}{REALM}/logout")


def error_page(page: Page, stack: Stack) -> None:
    asked = {"client_id": "portal", "response_type": "code", "redirect_uri": "https://evil.example/"}
    page.goto(f"{stack.url}{REALM}/auth?{urlencode(asked)}")


PAGES = {
    "sign-in": lambda page, stack: page.goto(sign_in_page(stack)),
    "wrong-password": wrong_password,
    "reset": reset_page,
    "sign-out": sign_out_page,
    "error": error_page,
}


def faults(page: Page, name: str) -> list[str]:
    """What axe finds, and what is not our look."""
    if _PICTURES:
        Path(_PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{_PICTURES}/keycloak-{name}.png", full_page=True)
    told = violations(page)
    if page.evaluate("getComputedStyle(document.querySelector('.pf-v5-c-login__header')).backgroundColor") != GREEN:
        told.append("The bar is not green.")
    if not page.evaluate("document.fonts.check('16px \"Inter Variable\"')"):
        told.append("The typeface is not ours.")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        told.append("The page is wider than the screen.")
    return told


@pytest.mark.parametrize("style", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_keycloak_is_in_our_look_and_clean(stack: Stack, chromium: Browser, name: str, style: str) -> None:
    with window(chromium, stack, style) as page:
        PAGES[name](page, stack)
        page.wait_for_load_state("networkidle")

        assert faults(page, f"{name}-{style}") == []
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 23, 23)"
        assert dark == (style == "dark")


def test_keycloak_speaks_the_languages_of_the_pages_and_no_other(stack: Stack, chromium: Browser) -> None:
    with window(chromium, stack) as page:
        page.goto(sign_in_page(stack))
        offered = page.locator("#login-select-toggle option").all_inner_texts()
        page.goto(f"{stack.url}/language/de?next=/")
        page.goto(sign_in_page(stack))

        assert {one.strip() for one in offered} == {"English", "Deutsch"}
        expect(page.locator("h1")).to_have_text("Anmelden")
        expect(page.locator("#kc-login")).to_have_text("Anmelden")
        assert page.get_attribute("html", "lang") == "de"
        assert faults(page, "german") == []
    assert set(LANGUAGES) == set(languages())


def test_somebody_signs_in_without_javascript(stack: Stack, chromium: Browser) -> None:
    password = next(one["password"] for one in stack.facts["logins"] if one["username"] == FORGETFUL)
    with window(chromium, stack, "mobile", "de-DE", scripts=False) as page:
        page.goto(sign_in_page(stack))
        expect(page.locator("h1")).to_have_text("Anmelden")
        page.fill("#username", FORGETFUL)
        page.fill("#password", password)
        page.click("#kc-login")
        page.wait_for_url(f"{stack.url}/verify")


def test_a_forgotten_password_is_reset_by_the_mail_that_the_demos_mailbox_shows(
    stack: Stack, chromium: Browser
) -> None:
    old = next(one["password"] for one in stack.facts["logins"] if one["username"] == FORGETFUL)
    try:
        _choose_password(stack, chromium, "A new one of mine 1")
    finally:
        _choose_password(stack, chromium, old)


def _choose_password(stack: Stack, chromium: Browser, password: str) -> None:
    """Ask for a link, take it out of the newest mail, and set a password; at the end one is signed in with it."""
    with window(chromium, stack) as page:
        before = _newest_mail(stack)
        reset_page(page, stack)
        page.fill("#username", FORGETFUL)
        page.get_by_role("button", name="Submit").click()
        expect(page.locator("#kc-page-title, .pf-v5-c-alert").first).to_be_visible()
        expect(page.locator("body")).to_contain_text("a mail is on its way")
        page.goto(f"{stack.url}/mail")
        expect(page.locator(".rows > li").first).to_contain_text(FORGETFUL)
        assert _newest_mail(stack) != before
        page.locator(".rows a").first.click()
        page.locator(".mail-text a").first.click()
        page.locator("#password-new").wait_for()
        assert faults(page, "new-password") == []
        page.fill("#password-new", password)
        page.fill("#password-confirm", password)
        page.locator("#kc-passwd-update-form [type=submit]").first.click()
        page.wait_for_url(f"{stack.url}/**")
        page.context.clear_cookies()
        page.goto(sign_in_page(stack))
        page.fill("#username", FORGETFUL)
        page.fill("#password", password)
        page.click("#kc-login")
        page.wait_for_url(f"{stack.url}/verify")


def _newest_mail(stack: Stack) -> str:
    found = re.search(r'href="/mail/([0-9a-f-]+)"', httpx.get(f"{stack.url}/mail").raise_for_status().text)
    return found[1] if found else ""
