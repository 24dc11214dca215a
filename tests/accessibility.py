"""What axe finds on a page that stands still."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# A colour on its way from light to dark is none of ours, and axe would measure it. Endless motion is not waited for.
_STANDS_STILL = """
() => Promise.allSettled(
    document.getAnimations().filter(one => one.effect.getComputedTiming().endTime < Infinity).map(one => one.finished)
)
"""


def violations(page: Page) -> list[str]:
    """Each rule that is broken, with the element that breaks it; needs JavaScript."""
    page.evaluate(_STANDS_STILL)
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
