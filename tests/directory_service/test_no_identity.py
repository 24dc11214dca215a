"""The directory without an identity provider that it may change."""

from tests.directory_service.desk import Desk


def test_where_no_identity_provider_is_given_it_is_said_that_keys_are_made_elsewhere(desk: Desk) -> None:
    answer = desk.call("POST", "/v1/clients", desk.manager(desk.cluster()), {"name": "Test", "kind": "portal"})

    assert (answer.status, answer.body["code"]) == (409, "NO_IDENTITY_ADMIN")
