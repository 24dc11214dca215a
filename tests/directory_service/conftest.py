"""One directory per module, with a database of its own that is dropped at the end."""

import uuid
from collections.abc import Iterator

import pytest

from services.directory_service.app import create_app
from tests.directory_service.calling import Directory
from tests.directory_service.signed_in import SignedIn
from tests.stack import Stack
from tests.tokens import TestIssuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[TestIssuer]:
    with TestIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def environment(engines: Stack, issuer: TestIssuer) -> dict[str, str]:
    """The settings of a directory process."""
    return {
        "CLUSTERSKILLS_MONGO_URL": engines.mongo,
        "CLUSTERSKILLS_KAFKA_BOOTSTRAP": engines.kafka,
        "CLUSTERSKILLS_DATABASE_PREFIX": f"t{uuid.uuid4().hex[:10]}_",
        "CLUSTERSKILLS_PUBLIC_URL": "http://localhost",
        "CLUSTERSKILLS_CURSOR_SECRET": "cursor-secret-of-a-test",
        "CLUSTERSKILLS_EXTERNAL_REF_SECRET": "reference-secret-of-a-test",
        **issuer.environment(),
    }


@pytest.fixture(scope="module")
def directory(environment: dict[str, str], issuer: TestIssuer) -> Iterator[Directory]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        app = create_app()
        runtime = app.extensions["runtime"]
        runtime.wait()
        yield Directory(app, runtime.database, issuer)
        runtime.client.drop_database(runtime.database.name)
        runtime.close()


@pytest.fixture(scope="module")
def signed_in(stack: Stack, environment: dict[str, str]) -> Iterator[SignedIn]:
    """A directory of its own whose callers sign in at the real Keycloak."""
    oidc = stack.facts["oidc"]
    more = {
        "CLUSTERSKILLS_MONGO_URL": stack.mongo,
        "CLUSTERSKILLS_OIDC_ISSUER": oidc["issuer"],
        "CLUSTERSKILLS_OIDC_JWKS_URL": oidc["jwks_url"],
        "CLUSTERSKILLS_OIDC_TOKEN_URL": oidc["token_url"],
        "CLUSTERSKILLS_IDENTITY_ADMIN_URL": oidc["issuer"].replace("/realms/", "/admin/realms/"),
        "CLUSTERSKILLS_IDENTITY_CLIENT_SECRET": stack.client_secret("identity-directory"),
        "CLUSTERSKILLS_DATABASE_PREFIX": f"t{uuid.uuid4().hex[:10]}_",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment, **more}.items():
            patch.setenv(name, value)
        app = create_app()
        runtime = app.extensions["runtime"]
        runtime.wait()
        signed_in = SignedIn(Directory(app, runtime.database, None), stack)
        yield signed_in
        signed_in.leave()
        runtime.client.drop_database(runtime.database.name)
        runtime.close()
