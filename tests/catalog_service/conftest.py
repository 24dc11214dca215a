"""One catalogue per module, with a database of its own that is dropped at the end."""

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.catalog_service.app import create_app
from tests.catalog_service.calling import PROVIDER, Catalog
from tests.stack import Stack
from tests.tokens import TestIssuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[TestIssuer]:
    with TestIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def environment(engines: Stack, issuer: TestIssuer) -> dict[str, str]:
    """The settings of a catalogue process."""
    return {
        "CLUSTERSKILLS_MONGO_URL": engines.mongo,
        "CLUSTERSKILLS_KAFKA_BOOTSTRAP": engines.kafka,
        "CLUSTERSKILLS_DATABASE_PREFIX": f"t{uuid.uuid4().hex[:10]}_",
        "CLUSTERSKILLS_PUBLIC_URL": "http://localhost",
        "CLUSTERSKILLS_CURSOR_SECRET": "cursor-secret-of-a-test",
        **issuer.environment(),
    }


@pytest.fixture(scope="module")
def catalog(environment: dict[str, str], issuer: TestIssuer) -> Iterator[Catalog]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        app = create_app()
        runtime = app.extensions["runtime"]
        runtime.wait()
        catalog = Catalog(app, runtime, issuer)
        catalog.registered(PROVIDER, "a cluster elsewhere")
        catalog.caught_up(ago=-timedelta(hours=1))
        yield catalog
        runtime.client.drop_database(runtime.database.name)
        runtime.close()
