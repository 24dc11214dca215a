"""The compose file: well formed, the same gateway routes and settings as the embedded stack, and nothing secret in it."""

from __future__ import annotations

import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.gateway.routes import ROUTES_FILE
from deploy.identity import people
from deploy.identity.realm import REALM_FILE
from deploy.local.folder import Folder
from deploy.local.gateway import CADDYFILE
from services import manifests
from shared.wiring.manifest import Manifest

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"


def test_the_compose_file_follows_the_compose_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_service_of_the_embedded_stack_is_in_compose_too() -> None:
    parts = set(_compose()["services"])
    ours = {service.name for service in manifests()}
    workers = {f"{service.name}-worker" for service in manifests() if service.worker}

    assert parts == ours | workers | {"mongo", "mongo-users", "kafka", "keycloak", "gateway", "tls"}


@pytest.mark.parametrize("service", manifests(), ids=attrgetter("name"))
def test_each_service_is_there_as_its_manifest_says(service: Manifest) -> None:
    parts = _compose()["services"]
    settings = parts[service.name]["environment"]
    worker = parts.get(f"{service.name}-worker", {}).get("command")

    assert settings["CLUSTERSKILLS_APP"] == f"{service.package}.app:create_app()"
    assert worker == (["python", "-m", service.package, "worker"] if service.worker else None)
    assert [settings[f"CLUSTERSKILLS_{one.purpose.upper()}_CLIENT_ID"] for one in service.clients] == [
        service.client_id(one) for one in service.clients
    ]
    assert service.name in parts["gateway"]["depends_on"]


def test_the_pages_know_every_service() -> None:
    said = dict(
        pair.split("=") for pair in _compose()["services"]["portal"]["environment"]["CLUSTERSKILLS_SERVICES"].split()
    )

    assert said == {service.name: f"http://{service.name}:8000" for service in manifests() if not service.pages}


def test_mongodb_and_kafka_know_every_service() -> None:
    parts = _compose()["services"]
    speakers = "".join(parts["kafka"]["environment"].values())

    made = {name.partition("MONGO_PASSWORD_")[2] for name in parts["mongo-users"]["environment"]}
    assert made - {""} == {service.name.upper() for service in manifests()}
    assert set(re.findall(r"user_(\w+)=", speakers)) == {service.name for service in manifests() if service.worker}


def _secrets(service: Manifest) -> set[str]:
    name = service.name.upper()
    clients = {people.secret_of(service.client_id(one)).removeprefix("CLUSTERSKILLS_") for one in service.clients}
    return {*service.secrets, *clients, f"MONGO_PASSWORD_{name}"} | (
        {f"KAFKA_PASSWORD_{name}"} if service.worker else set()
    )


_ITS_OWN: dict[str, set[str]] = {
    **{service.name: _secrets(service) for service in manifests()},
    "gateway": set(),
    "tls": set(),
}


@pytest.mark.parametrize("service", _ITS_OWN)
def test_each_process_gets_its_own_secrets_and_no_other(service: str) -> None:
    found = [part for name, part in _compose()["services"].items() if name in {service, f"{service}-worker"}]

    assert found
    for part in found:
        demanded = re.findall(r"\$\{CLUSTERSKILLS_(\w+):\?\}", str(part.get("environment", {})))
        assert set(demanded) == _ITS_OWN[service]
        assert "env_file" not in part


def test_keycloak_gets_what_the_realm_file_names_and_its_administrators_password() -> None:
    part = _compose()["services"]["keycloak"]
    named = set(re.findall(r"\$\{(\w+)\}", REALM_FILE.read_text()))

    assert set(part["environment"]) == named | {"KC_BOOTSTRAP_ADMIN_USERNAME", "KC_BOOTSTRAP_ADMIN_PASSWORD"}
    assert "env_file" not in part


def test_plain_http_is_published_for_this_machine_only() -> None:
    ports = [port for part in _compose()["services"].values() for port in part.get("ports", [])]

    assert len(ports) == 2
    assert next(port for port in ports if port.endswith(":80")).startswith("127.0.0.1:")


def test_every_variable_that_compose_demands_is_a_secret_the_launcher_makes(tmp_path: Path) -> None:
    demanded = set(re.findall(r"\$\{(\w+):\?\}", COMPOSE.read_text()))

    assert demanded <= Folder(tmp_path).secrets().keys()


def test_every_client_named_in_compose_is_in_the_realm() -> None:
    named = set(re.findall(r"NAMES_CLIENT_ID: (\S+)", COMPOSE.read_text()))

    assert named <= {client.client_id for client in people.clients()}


def test_the_gateways_default_addresses_are_compose_services() -> None:
    defaults = re.findall(
        r"\{\$CLUSTERSKILLS_UPSTREAM_\w+:([a-z]+):\d+\}", CADDYFILE.read_text() + ROUTES_FILE.read_text()
    )

    assert set(defaults) == {service.name for service in manifests()} | {"keycloak"}


def _compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return content
