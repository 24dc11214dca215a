"""Fixtures for every test: the run's one real stack. And which tests stay together when a run is spread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import ENGINES_ONLY, Stack, shared_stack


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep each file's tests in one process (`--dist loadgroup`), so that its fixtures are made once.

    A test that says itself to which group it belongs goes there.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name}.{item.path.stem}"))


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
