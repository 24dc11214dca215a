"""The compose file: well formed, the same gateway routes and settings as the embedded stack, and nothing secret in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from deploy.identity import people
from deploy.local import services
from deploy.local.folder import Folder
from deploy.local.gateway import CADDYFILE

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"


def test_the_compose_file_follows_the_compose_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_service_of_the_embedded_stack_is_in_compose_too() -> None:
    parts = set(_compose()["services"])
    ours = {service.name for service in services.SERVICES}
    workers = {f"{service.name}-worker" for service in services.SERVICES if service.has_worker}

    assert parts == ours | workers | {"mongo", "kafka", "keycloak", "gateway"}


def test_every_variable_that_compose_demands_is_a_secret_the_launcher_makes(tmp_path: Path) -> None:
    demanded = set(re.findall(r"\$\{(\w+):\?\}", COMPOSE.read_text()))

    assert demanded <= Folder(tmp_path).secrets().keys()


def test_every_client_named_in_compose_is_in_the_realm() -> None:
    named = set(re.findall(r"NAMES_CLIENT_ID: (\S+)", COMPOSE.read_text()))

    assert named <= {client.client_id for client in people.clients()}


def test_the_gateways_default_addresses_are_compose_services() -> None:
    defaults = re.findall(r"\{\$CLUSTERSKILLS_UPSTREAM_\w+:([a-z]+):\d+\}", CADDYFILE.read_text())

    assert len(defaults) == 6
    assert set(defaults) <= set(_compose()["services"])


def _compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return content
