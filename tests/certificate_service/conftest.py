"""One running certificate service per module."""

from collections.abc import Iterator

import pytest

from tests.certificate_service.service import Service, running_service
from tests.stack import Stack
from tests.tokens import TestIssuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[TestIssuer]:
    with TestIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def service(engines: Stack, issuer: TestIssuer) -> Iterator[Service]:
    with running_service(engines.mongo, issuer) as service:
        yield service
