"""Fixtures for every test: the run's one real stack. And which tests stay together when a run is spread."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright
from pymongo import monitoring

from tests.queries import WATCH
from tests.stack import ENGINES_ONLY, Stack, shared_stack

_LONGEST_NAME = 80
# A busy machine is slow: how long an example takes says nothing about it.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
monitoring.register(WATCH)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay in one process when a run is spread (`--dist loadgroup`)."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group(item)))


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_begin_with_what_takes_longest(items: list[pytest.Item]) -> None:
    """Whoever takes the whole stack is the last to end: they begin first, in whatever order the rest comes."""
    items.sort(key=lambda item: "stack" not in getattr(item, "fixturenames", ()))


@pytest.hookimpl
def pytest_make_parametrize_id(val: object) -> str | None:
    """A test whose input is long is named by its beginning and length: reports stay readable."""
    if isinstance(val, str | bytes) and len(val) > _LONGEST_NAME:
        return f"{val[:_LONGEST_NAME]!a}({len(val)})"
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Refuse to run when the marks above do not arrive: two processes would break each other's tests now and then."""
    if node.config.getoption("dist") == "loadgroup" and any("@" not in name for name in ids):
        raise pytest.UsageError("This pytest-xdist does not group tests under this pytest; use the locked versions.")


def _group(item: pytest.Item) -> str:
    """Each file, so that its fixtures are made once; and whatever needs the whole stack.

    Keycloak refuses somebody who signs in twice at the same moment, and only one process waits for the start.
    """
    needs_stack = "stack" in getattr(item, "fixturenames", ())
    return "stack" if needs_stack else f"{item.path.parent.name}.{item.path.stem}"


@pytest.fixture(autouse=True)
def no_query_without_a_bound(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a service's test lets our code ask MongoDB is found by an index; fails it otherwise.

    Tests of the kernel stop servers, and have databases without the indexes of a service.
    """
    WATCH.awake = any(folder.name.endswith("_service") for folder in request.path.parents)
    yield
    WATCH.awake = False  # threads that go on would open connections that nobody closes
    found = WATCH.take()
    assert not found, "\n".join(map(str, found))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole platform, started once per run. Do not break it: others use it too."""
    with shared_stack() as running:
        yield running


@pytest.fixture(scope="session")
def engines() -> Iterator[Stack]:
    """MongoDB and Kafka only (`engines.mongo`, `engines.kafka`), started once per run. Do not break them.

    A test that kills engines starts its own: `deploy.local.engines.Engines.start()`.
    """
    with shared_stack(ENGINES_ONLY) as running:
        yield running


_CHROMIUM = "/usr/bin/chromium"
_QUIETLY = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real browser."""
    if shutil.which(_CHROMIUM) is None:
        pytest.skip(f"There is no {_CHROMIUM} here: `apt-get install chromium`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_QUIETLY))
        yield browser
        browser.close()
