"""The walk finds what it is there to find."""

import pytest
from flask import Response

from shared.http.door import Door, Reply
from tests.shared.http import tiny
from tests.shared.http.route_walk import assert_every_route_has_a_scope, undeclared_routes


def test_every_route_of_the_tiny_service_has_a_scope(environment: dict[str, str]) -> None:
    assert_every_route_has_a_scope(tiny.build_app(environment))


def test_a_route_that_came_past_the_door_is_found(environment: dict[str, str]) -> None:
    app = tiny.build_app(environment)
    app.add_url_rule("/v1/back-door", "back door", lambda: Response("in"))

    assert undeclared_routes(app) == ["GET /v1/back-door"]


@pytest.mark.parametrize("scope", ["catalogue:write", "", (), ("public", "catalog:write")])
def test_a_scope_that_does_not_exist_is_refused_when_the_route_is_declared(scope: str | tuple[str, ...]) -> None:
    door = Door("tiny")

    with pytest.raises(ValueError, match="neither a scope nor public"):
        door.get("/v1/x", scope=scope)(lambda call: Reply())
