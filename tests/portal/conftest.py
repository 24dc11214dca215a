"""A portal among stand-ins, on the real MongoDB."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from deploy.local import portal as launcher
from services import manifests
from services.portal.app import create_app
from services.portal.runtime import Runtime
from services.portal.site import Portal
from shared.clock import utc_now
from tests.portal.neighbourhood import Neighbour, Provider
from tests.stack import Stack

PUBLIC, SECURE = "http://skills.example", "https://skills.example:8443"


@dataclass
class Clock:
    """A clock that tests move."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class Surroundings:
    """The portal and everybody around it."""

    app: Portal
    clock: Clock
    neighbour: Neighbour
    provider: Provider

    @property
    def runtime(self) -> Runtime:
        found: Runtime = self.app.extensions["portal"]
        return found

    def browser(self) -> FlaskClient:
        """A new browser that comes through the gateway by http."""
        client = self.app.test_client()
        client.environ_base["HTTP_X_FORWARDED_FOR"] = "203.0.113.7"
        client.environ_base["HTTP_X_FORWARDED_PROTO"] = "http"
        return client

    def signed_in(self, **claims: object) -> FlaskClient:
        """A new browser of somebody who has signed in."""
        browser = self.browser()
        address = browser.get("/sign-in").headers["Location"]
        answer = browser.get(f"/callback?{self.provider.grant(address, **claims)}")
        assert answer.status_code == 303, answer.text
        return browser


@pytest.fixture(scope="session")
def portal_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the launcher gives the portal; downloads the front-end files at the first use."""
    return launcher.settings(Path(tmp_path_factory.mktemp("portal")), print)


@pytest.fixture(scope="module")
def _street(engines: Stack, portal_settings: dict[str, str]) -> Iterator[Surroundings]:
    clock = Clock()
    with Neighbour() as neighbour, Provider() as provider, pytest.MonkeyPatch.context() as patch:
        prefix = f"test_{uuid.uuid4().hex[:8]}_"
        settings = {
            **portal_settings,
            "PUBLIC_URL": PUBLIC,
            "PUBLIC_HTTPS_URL": SECURE,
            "SESSION_SECRET": "a secret of the tests",
            "MONGO_URL": engines.mongo,
            "DATABASE_PREFIX": prefix,
            "OIDC_ISSUER": provider.issuer,
            "OIDC_JWKS_URL": f"{provider.issuer}/certs",
            "OIDC_TOKEN_URL": f"{provider.issuer}/token",
            "SERVICES": " ".join(f"{one.name}={neighbour.url}" for one in manifests() if not one.pages),
        }
        for name, value in settings.items():
            patch.setenv(f"CLUSTERSKILLS_{name}", value)
        app = create_app(clock=clock)
        around = Surroundings(app, clock, neighbour, provider)
        try:
            yield around
        finally:
            around.runtime.mongo.drop_database(f"{prefix}portal")
            around.runtime.close()


@pytest.fixture
def around(_street: Surroundings) -> Surroundings:
    """The portal, all quiet around it."""
    _street.clock.ahead = timedelta()
    _street.neighbour.reset()
    _street.provider.reset()
    return _street
