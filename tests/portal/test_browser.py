"""The pages in a real browser: nothing is refused by our own policy, nothing comes from elsewhere, axe finds nothing.

CLUSTERSKILLS_SCREENSHOTS=DIR keeps a picture of every page looked at.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from services.portal.languages import PSEUDO
from tests.accessibility import violations
from tests.portal.conftest import Surroundings
from tests.portal.test_verify import GOOD, NUMBER, REVOKED

LOOKS = {"light": (1280, 900), "dark": (1280, 900), "mobile": (390, 844)}
_PICTURES = os.environ.get("CLUSTERSKILLS_SCREENSHOTS")
_OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "x", "version": "1"},
    "paths": {"/v1/courses": {"get": {"summary": "Courses", "responses": {"200": {"description": "Here"}}}}},
}


@dataclass
class Seen:
    """A page, and what went wrong in it."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Write down errors in the console, in scripts, and every request that leaves the runtime."""
        self.page.on("console", lambda said: self._complain(said.text if said.type == "error" else ""))
        self.page.on("pageerror", lambda error: self._complain(str(error)))
        at_home = (self.origin, "data:")
        self.page.on("request", lambda asked: self._complain("" if asked.url.startswith(at_home) else asked.url))

    def _complain(self, text: str) -> None:
        if text:
            self.complaints.append(text)

    def go(self, path: str) -> None:
        """Load a page of ours and wait until nothing moves."""
        self.page.goto(self.origin + path, wait_until="networkidle")

    def picture(self, name: str) -> None:
        """Keep a picture when asked to."""
        if _PICTURES:
            Path(_PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{_PICTURES}/{name}.png", full_page=True)

    def dark(self) -> bool:
        """Whether the page is shown in dark colours."""
        return bool(self.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 23, 23)")

    def fonts(self) -> list[str]:
        """The fonts that the page declares, and whether they were loaded."""
        told = "[...document.fonts].map(f => f.family.replaceAll('\"', '') + ' ' + f.weight + ' ' + f.status)"
        return list(self.page.evaluate(told))

    def violations(self) -> list[str]:
        """What axe finds, one line each."""
        return violations(self.page)


def forgotten(page: Page) -> list[str]:
    """Texts of labels, buttons, headings and menus that are not in the invented language: nobody can translate them."""
    return list(page.evaluate(_FORGOTTEN))


_FORGOTTEN = """() => {
  const ours = 'label, button, .btn, th, dt, legend, summary, figcaption, .menu a, .foot a, .foot p, .form-hint, .lead,'
    + ' .page-pretitle, .card-title, h2, h3, .empty p, .tool, option, .state, [aria-label], [placeholder]';
  const names = new Set(['ClusterSkills', 'English', 'Deutsch', 'ECTS', 'CSV', '']);
  const found = [];
  for (const one of document.querySelectorAll(ours)) {
    if (one.closest('[data-content], .pick ul, .prose address')) { continue; }
    const said = [one.innerText, one.getAttribute('aria-label'), one.getAttribute('placeholder')];
    for (const text of said) {
      const words = (text || '').trim();
      if (!names.has(words) && /[A-Za-z]{3}/.test(words) && !words.includes('⟦')) { found.push(words); }
    }
  }
  return [...new Set(found)];
}"""


@pytest.fixture
def address(around: Surroundings) -> Iterator[str]:
    """The portal on a port."""
    around.neighbour.answers = {
        "/v1/courses": {"items": [{}] * 61, "next": None},
        "/v1/sessions": {"items": [{}] * 12, "next": None},
        "/v1/catalog/openapi.json": _OPENAPI,
        "/v1/verifications": GOOD,
    }
    around.runtime.catalog._counts._until = around.runtime.documents._joined._until = 0.0
    server = make_server("127.0.0.1", 0, around.app, threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def look(chromium: Browser, origin: str, style: str = "light", session: str = "") -> Iterator[Seen]:
    """A browser window in one of the looks, with the session's cookie when there is one."""
    width, height = LOOKS[style]
    scheme: Literal["dark", "light"] = "dark" if style == "dark" else "light"
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    if session:
        context.add_cookies([{"name": "portal-session", "value": session, "url": origin}])
    seen = Seen(context.new_page(), origin)
    seen.watch()
    try:
        yield seen
    finally:
        context.close()


def _session(around: Surroundings) -> str:
    cluster = around.runtime.partnerships.clusters[0]
    cookie = around.signed_in(roles=["manager", "trainer"], cluster_id=cluster.id).get_cookie("portal-session")
    assert cookie is not None
    return str(cookie.value)


@pytest.mark.parametrize("style", LOOKS)
@pytest.mark.parametrize("path", ["/", "/verify", f"/verify/{NUMBER}", "/nothing-here", "/callback", "/privacy"])
def test_a_page_is_clean(around: Surroundings, chromium: Browser, address: str, path: str, style: str) -> None:
    with look(chromium, address, style) as seen:
        seen.go(path)
        seen.picture(f"{path.strip('/').replace('/', '-') or 'start'}-{style}")

        assert seen.violations() == []
        assert [line for line in seen.complaints if "Failed to load resource" not in line] == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert seen.dark() == (style == "dark")


@pytest.mark.parametrize("style", LOOKS)
def test_the_start_page_of_somebody_signed_in_is_clean(
    around: Surroundings, chromium: Browser, address: str, style: str
) -> None:
    with look(chromium, address, style, _session(around)) as seen:
        seen.go("/")
        seen.picture(f"signed-in-{style}")

        assert "Welcome, Jana Keller" in seen.page.inner_text("h1")
        assert seen.violations() == []
        assert seen.complaints == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("style", LOOKS)
def test_the_api_docs_work_offline_under_our_policy(
    around: Surroundings, chromium: Browser, address: str, style: str
) -> None:
    with look(chromium, address, style) as seen:
        seen.go("/docs")
        seen.page.locator(".opblock-summary-control").first.click()
        seen.picture(f"docs-{style}")

        assert seen.violations() == []
        assert seen.complaints == []


@pytest.mark.parametrize("name", ["url", "configUrl", "urls.primaryName"])
def test_the_api_docs_show_our_api_whatever_the_address_asks_for(
    around: Surroundings, chromium: Browser, address: str, name: str
) -> None:
    foreign = {**_OPENAPI, "paths": {"/v1/foreign": {"get": {"summary": "Foreign", "responses": {}}}}}
    around.neighbour.answers["/foreign.json"] = foreign | {"url": f"{around.neighbour.url}/foreign.json"}
    with look(chromium, address) as seen:
        seen.go(f"/docs?{name}={around.neighbour.url}/foreign.json")

        seen.page.locator(".opblock-summary-path").first.wait_for()

        shown = seen.page.locator(".opblock-summary-path")
        assert shown.evaluate_all("found => found.map(one => one.dataset.path)") == ["/v1/courses"]
        assert seen.complaints == []
    assert "/foreign.json" not in [asked.path for asked in around.neighbour.asked]


def test_a_certificate_is_verified_without_loading_the_page_again(
    around: Surroundings, chromium: Browser, address: str
) -> None:
    around.neighbour.answers["/v1/verifications"] = REVOKED
    with look(chromium, address) as seen:
        seen.go("/verify")
        seen.page.evaluate("window.same = true")
        seen.page.set_input_files("#file", {"name": "c.json", "mimeType": "application/json", "buffer": b'{"a": 1}'})
        seen.page.get_by_role("button", name="Verify").last.click()
        seen.page.wait_for_selector(".verdict-bad")
        seen.picture("refused-light")

        assert seen.page.evaluate("window.same") is True
        assert "It has been revoked." in seen.page.inner_text("#result")
        assert seen.violations() == []
        assert seen.complaints == []
    assert json.loads(around.neighbour.asked[-1].body) == {"credential": {"a": 1}}


def test_a_number_typed_after_a_file_is_what_is_checked_and_the_verdict_has_the_focus(
    around: Surroundings, chromium: Browser, address: str
) -> None:
    around.neighbour.answers["/v1/verifications"] = REVOKED
    with look(chromium, address) as seen:
        seen.go("/verify")
        seen.page.set_input_files("#file", {"name": "c.json", "mimeType": "application/json", "buffer": b'{"a": 1}'})
        seen.page.get_by_role("button", name="Verify").last.click()
        seen.page.wait_for_selector(".verdict-bad")
        seen.page.wait_for_function("document.activeElement.id === 'verdict'")
        around.neighbour.answers["/v1/verifications"] = GOOD
        seen.page.fill("#reference", NUMBER)
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_selector(".verdict-good")
        seen.page.wait_for_function("document.activeElement.id === 'verdict'")

        assert seen.complaints == []
    assert "credential" not in json.loads(around.neighbour.asked[-1].body)


@pytest.mark.parametrize("style", LOOKS)
def test_every_part_of_the_kit_is_clean(around: Surroundings, chromium: Browser, address: str, style: str) -> None:
    with look(chromium, address, style) as seen:
        seen.go("/kit")
        seen.picture(f"kit-{style}")

        assert seen.page.locator(".kit-part").count() >= 12
        assert seen.violations() == []
        assert seen.complaints == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", ["/", "/verify", f"/verify/{NUMBER}", "/privacy", "/imprint", "/kit", "/nothing"])
def test_every_word_of_ours_is_translated_and_longer_words_fit(
    around: Surroundings, chromium: Browser, address: str, path: str
) -> None:
    with look(chromium, address, "mobile") as seen:
        seen.go(f"/language/{PSEUDO}?next={path}")

        assert forgotten(seen.page) == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_style_page_and_the_invented_language_are_there_in_a_demo_only(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert around.browser().get("/kit").status_code == 200
    grown_up = replace(around.runtime, settings=replace(around.runtime.settings, demo=False))
    monkeypatch.setitem(around.app.extensions, "portal", grown_up)

    assert around.browser().get("/kit").status_code == 404
    assert around.browser().get(f"/language/{PSEUDO}").status_code == 404


def test_the_dark_look_needs_no_javascript_and_the_typeface_is_our_own(
    around: Surroundings, chromium: Browser, address: str
) -> None:
    with chromium.new_context(java_script_enabled=False, color_scheme="dark") as context:
        seen = Seen(context.new_page(), address)
        seen.watch()
        seen.go("/privacy")

        assert seen.dark()
        assert seen.page.evaluate("document.fonts.check('16px \"Inter Variable\"')")
        assert [font for font in seen.fonts() if "Inter" in font] == ["Inter Variable 400 700 loaded"]
        assert seen.complaints == []


def test_it_also_works_without_javascript(around: Surroundings, chromium: Browser, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/")
    page.fill("#reference", NUMBER)
    page.click("main form button")

    assert "This certificate is valid." in page.inner_text("#result")
    context.close()


def test_the_look_and_the_language_that_somebody_picked_stay(
    around: Surroundings, chromium: Browser, address: str
) -> None:
    with look(chromium, address) as seen:
        seen.go("/")
        seen.page.click("#theme")
        seen.page.click("details.pick > summary")
        seen.picture("language-dark")
        seen.page.click("details.pick a[hreflang=de]")
        seen.go("/verify")
        seen.picture("verify-german-dark")

        assert seen.dark()
        assert re.search("Zertifikat prüfen", seen.page.inner_text("h1"))
        assert seen.complaints == []


def test_everything_can_be_reached_by_keyboard(around: Surroundings, chromium: Browser, address: str) -> None:
    with look(chromium, address) as seen:
        seen.go("/verify")
        reached = []
        for _ in range(14):
            seen.page.keyboard.press("Tab")
            reached.append(seen.page.evaluate("document.activeElement.id || document.activeElement.innerText.trim()"))

        assert reached[0] == "Skip to the content"
        assert {"reference", "file", "Verify", "Sign in"} <= set(reached)
