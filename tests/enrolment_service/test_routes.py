"""Every route of the service says who may use it."""

from tests.enrolment_service.conftest import Service
from tests.shared.http.route_walk import assert_every_route_has_a_scope


def test_every_route_has_a_scope_or_the_word_public(service: Service) -> None:
    assert_every_route_has_a_scope(service.app)
