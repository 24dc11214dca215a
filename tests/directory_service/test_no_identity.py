"""The directory without an identity provider that it may change."""

from tests.directory_service.calling import Directory


def test_where_no_identity_provider_is_given_it_is_said_that_keys_are_made_elsewhere(directory: Directory) -> None:
    answer = directory.call(
        "POST", "/v1/clients", directory.manager(directory.cluster()), {"name": "Test", "kind": "portal"}
    )

    assert (answer.status, answer.body["code"]) == (409, "NO_IDENTITY_ADMIN")
