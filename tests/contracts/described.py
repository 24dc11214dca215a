"""The four services' descriptions, joined as the portal joins them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from services import manifests
from shared.http.app import ServiceApp
from shared.http.openapi import merge
from tests.stack import Stack
from tests.tokens import TestIssuer


@contextmanager
def joined_description(engines: Stack, issuer: TestIssuer) -> Iterator[dict[str, Any]]:
    """One OpenAPI document of all services that have an API."""
    environment = {
        "CLUSTERSKILLS_MONGO_URL": engines.mongo,
        "CLUSTERSKILLS_KAFKA_BOOTSTRAP": engines.kafka,
        "CLUSTERSKILLS_DATABASE_PREFIX": f"t{uuid.uuid4().hex[:10]}_",
        "CLUSTERSKILLS_PUBLIC_URL": "http://localhost:8080",
        "CLUSTERSKILLS_PUBLIC_HTTPS_URL": "https://localhost:8443",
        "CLUSTERSKILLS_CURSOR_SECRET": "cursor-secret-of-a-test",
        "CLUSTERSKILLS_EXTERNAL_REF_SECRET": "reference-secret-of-a-test",
        "CLUSTERSKILLS_PERSON_KEY_SECRET": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "CLUSTERSKILLS_DIRECTORY_URL": "http://localhost:8080",
        "CLUSTERSKILLS_OIDC_TOKEN_URL": f"{issuer.issuer}/token",
        "CLUSTERSKILLS_NAMES_CLIENT_ID": "names-certificate",
        "CLUSTERSKILLS_NAMES_CLIENT_SECRET": "names-secret-of-a-test",
        **issuer.environment(),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        apps = [_app(manifest.package) for manifest in manifests() if manifest.segments]
        try:
            yield merge([app.test_client().get("/openapi.json").get_json() for app in apps])
        finally:
            for app in apps:
                _close(app)


def _app(package: str) -> ServiceApp:
    app: ServiceApp = import_module(f"{package}.app").create_app()
    return app


def _close(app: ServiceApp) -> None:
    runtime = app.extensions["runtime"]
    runtime.wait()
    runtime.closing.set()
    runtime.client.drop_database(runtime.database.name)
    runtime.close()
