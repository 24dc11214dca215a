"""The AsyncAPI document: valid by the official schema, complete, and true to what is on the wire."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from shared.schemas.asyncapi import document
from shared.schemas.registry import all_events, topics
from tests.contracts.freeze import path_of

PACKAGES = Path(__file__).resolve().parents[2] / "contracts"


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The official JSON schema of AsyncAPI 3.0, from a package whose sum is locked."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed: the official AsyncAPI schema comes as an npm package")
    folder = tmp_path_factory.mktemp("asyncapi")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGES / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=150, check=False)
    if done.returncode and "ENOTFOUND" in done.stderr + done.stdout:
        pytest.skip("no network to install the official AsyncAPI schema")
    assert done.returncode == 0, done.stderr
    schema = folder / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    found: dict[str, Any] = json.loads(schema.read_text(encoding="utf-8"))
    return found


def test_the_document_is_valid_by_the_official_schema(official: dict[str, Any]) -> None:
    errors = [
        f"{list(error.absolute_path)}: {error.message[:200]}"
        for error in Draft7Validator(official).iter_errors(document())
    ]
    assert errors == []


def test_the_official_schema_would_notice_a_mistake(official: dict[str, Any]) -> None:
    wrong = document()
    wrong["operations"]["enrolment.enrolment"]["action"] = "publish"
    assert not Draft7Validator(official).is_valid(wrong)


def test_every_event_has_a_message_on_its_channel_and_a_sender() -> None:
    made = document()
    sent = [message["$ref"] for operation in made["operations"].values() for message in operation["messages"]]

    assert set(made["components"]["messages"]) == set(all_events())
    assert sorted(made["channels"]) == topics()
    assert len(sent) == len(set(sent)) == len(all_events())


def test_every_reference_leads_somewhere() -> None:
    made = document()
    for reference in set(_references(made)):
        target: Any = made
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


@pytest.mark.parametrize("event_type", sorted(all_events()))
def test_what_goes_over_the_wire_satisfies_the_document(event_type: str) -> None:
    made = document()
    frozen = json.loads(path_of(event_type).read_text(encoding="utf-8"))
    message = made["components"]["messages"][event_type]
    components = {"components": made["components"]}

    Draft202012Validator({**message["payload"], **components}).validate(frozen["data"])
    Draft202012Validator(message["headers"]).validate(frozen["headers"])
    Draft202012Validator(made["components"]["messageTraits"]["cloudEvent"]["headers"]).validate(frozen["headers"])


def test_it_is_printed_as_a_program() -> None:
    command = [sys.executable, "-m", "shared.schemas.asyncapi"]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=60, env=os.environ).stdout
    assert json.loads(printed) == document()


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in _references(value)]
    return [found for value in part for found in _references(value)] if isinstance(part, list) else []
