"""The document is valid, and the service does what it says: schemathesis tries every operation."""

from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from shared.http.openapi import merge
from tests.shared.http.conftest import start_server, stop_server
from tests.shared.http.schemathesis_walk import assert_no_faults
from tests.tokens import TestIssuer


def test_schemathesis_finds_no_fault_in_any_operation(
    environment: dict[str, str], issuer: TestIssuer, tmp_path: Path
) -> None:
    server = start_server({**environment, "TINY_WITHOUT_TROUBLE": "1"}, tmp_path)
    try:
        token = issuer.token(scopes=["catalog:write", "teaching:write"], organisation_ids=["o1"])
        assert_no_faults(server.url, token, examples=10)
    finally:
        stop_server(server)


def test_the_document_is_valid_openapi_and_served_at_both_addresses(client: Any) -> None:
    document = client.get("/openapi.json").json

    validate(document)
    assert document["openapi"] == "3.1.0"
    assert client.get("/v1/tiny/openapi.json").json == document


def test_the_document_tells_rules_scopes_and_problems(client: Any) -> None:
    document = client.get("/openapi.json").json
    body = document["components"]["schemas"]["ThingBody"]
    create = document["paths"]["/v1/things"]["post"]

    assert body["additionalProperties"] is False
    assert body["required"] == ["title"]
    assert body["properties"]["kind"]["$ref"] == "#/components/schemas/Kind"
    assert document["components"]["schemas"]["Kind"]["enum"] == ["plain", "odd"]
    assert body["properties"]["title"]["maxLength"] == 80
    assert body["properties"]["code"]["pattern"] == "^[A-Z]{2}[0-9]{3}$"
    assert body["properties"]["seats"]["maximum"] == 10_000
    assert create["x-scopes"] == ["catalog:write"]
    assert create["operationId"] == "create_thing"
    assert {"201", "400", "401", "403", "409", "413", "415", "422", "429", "500", "503"} <= set(create["responses"])
    patch = document["paths"]["/v1/things/{thing_id}"]["patch"]
    assert {"412", "428"} <= set(patch["responses"])
    assert [p["name"] for p in patch["parameters"] if p["required"]] == ["thing_id", "If-Match"]


def test_documents_of_several_services_become_one(client: Any) -> None:
    one = client.get("/openapi.json").json
    other = {
        "paths": {"/v1/others": {}},
        "components": {"schemas": {"Problem": one["components"]["schemas"]["Problem"]}},
    }

    joined = merge([one, other])
    validate(joined)
    assert "/v1/others" in joined["paths"]
    assert "/v1/things" in joined["paths"]


def test_documents_that_contradict_each_other_are_refused(client: Any) -> None:
    one = client.get("/openapi.json").json

    with pytest.raises(ValueError, match="two services serve"):
        merge([one, one])
    with pytest.raises(ValueError, match="a different shape"):
        merge([one, {"paths": {}, "components": {"schemas": {"Problem": {}}}}])
