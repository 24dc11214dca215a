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
from deploy.local import kafka
from deploy.local.folder import Folder
from deploy.local.gateway import CADDYFILE
from services import manifests
from shared.wiring.manifest import Manifest
from tests.deploy import composed

ROOT = composed.ROOT
COMPOSE = ROOT / "docker-compose.yml"


@pytest.mark.parametrize("file", composed.THREE)
def test_the_compose_files_follow_the_compose_schema(file: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(ROOT / file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_service_of_the_embedded_stack_is_in_compose_too() -> None:
    parts = set(_compose()["services"])
    ours = {service.name for service in manifests()}
    workers = {f"{service.name}-worker" for service in manifests() if service.worker}

    assert parts == ours | workers | {"mongo", "mongo-users", "kafka", "kafka-rights", "keycloak", "gateway", "tls"}


def test_three_of_each_are_three_engines_and_two_of_each_process_of_ours() -> None:
    parts = composed.services(composed.THREE)
    counts = {name: part.get("deploy", {}).get("replicas", 1) for name, part in parts.items()}
    ours = {service.name for service in manifests()}

    for engine in ("mongo", "kafka"):
        own = [parts[name] for name in (engine, f"{engine}-2", f"{engine}-3")]
        assert len({volume.split(":")[0] for part in own for volume in part["volumes"] if "/data" in volume}) == 3
    assert {name for name in ours if f"{name}-2" in parts} == ours
    assert {name for name, count in counts.items() if count == 2} == {name for name in parts if "-worker" in name}
    assert parts["gateway"]["environment"] == _compose()["services"]["gateway"]["environment"] | {
        f"CLUSTERSKILLS_UPSTREAM_{name.upper()}": f"{name}:8000 {name}-2:8000" for name in ours
    }


@pytest.mark.parametrize("service", [service.name for service in manifests()])
def test_a_second_process_is_like_the_first_and_knows_all_engines(service: str) -> None:
    parts = composed.services(composed.THREE)
    first, second = parts[service], parts[f"{service}-2"]

    assert second == first
    for part in (part for name, part in parts.items() if name in {service, f"{service}-2", f"{service}-worker"}):
        said = part["environment"]
        assert "@mongo:27017,mongo-2:27017,mongo-3:27017/" in said["CLUSTERSKILLS_MONGO_URL"]
        if "CLUSTERSKILLS_KAFKA_SASL_USERNAME" in said:
            assert said["CLUSTERSKILLS_KAFKA_BOOTSTRAP"] == "kafka:9092,kafka-2:9092,kafka-3:9092"


def test_three_brokers_of_compose_keep_and_miss_as_those_of_the_launcher(tmp_path: Path) -> None:
    cluster = [kafka.Broker(number, 0, 0, tmp_path) for number in (1, 2, 3)]
    embedded = dict(line.split("=", 1) for line in kafka._configuration(cluster[0], cluster).splitlines())
    named = ("replication", "min.isr", "min.insync", "broker.session", "broker.heartbeat", "retention", "auto.create")
    wanted = {name: value for name, value in embedded.items() if any(word in name for word in named)}

    assert len(wanted) == 11
    for number, name in enumerate(("kafka", "kafka-2", "kafka-3"), start=1):
        said = composed.services(composed.THREE)[name]["environment"]
        assert {key: said[f"KAFKA_{key.upper().replace('.', '_')}"] for key in wanted} == wanted
        assert said["KAFKA_NODE_ID"] == str(number)
        assert f"{number}@{name}:9093" in said["KAFKA_CONTROLLER_QUORUM_VOTERS"]


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
    assert set(re.findall(r"user_(\w+)=", speakers)) == {
        "admin",
        *(service.name for service in manifests() if service.worker),
    }


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
    "kafka-rights": {"KAFKA_PASSWORD_ADMIN"},
}


@pytest.mark.parametrize("service", _ITS_OWN)
def test_each_process_gets_its_own_secrets_and_no_other(service: str) -> None:
    names = {service, f"{service}-worker", f"{service}-2"}
    found = [part for name, part in composed.services(composed.THREE).items() if name in names]

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
    demanded = set(re.findall(r"\$\{(\w+):\?\}", "".join((ROOT / file).read_text() for file in composed.THREE)))

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
