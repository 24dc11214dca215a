"""The manifests of the services: complete, light, and what everything else is made from."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import services
from services import PACKAGES, manifests

ROOT = Path(__file__).parents[1]
_HEAVY = {"flask", "pymongo", "kafka", "marshmallow", "httpx", "structlog"}


def test_every_service_is_in_the_list() -> None:
    folders = {f"services.{path.parent.name}" for path in Path(services.__file__).parent.glob("*/app.py")}

    assert folders == set(PACKAGES)
    assert [one.package for one in manifests()] == list(PACKAGES)


def test_the_order_of_the_rooms_is_checked_in_every_service() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rooms = next(one for one in contracts if one["name"].startswith("Inside a service"))

    assert set(rooms["containers"]) == {one.package for one in manifests() if not one.pages}


def test_reading_all_manifests_loads_no_framework() -> None:
    code = "import sys, services; services.manifests(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert _HEAVY & set(loaded.split()) == set()
