"""Fixtures for every test: the run's one real stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import ENGINES_ONLY, Stack, shared_stack


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
