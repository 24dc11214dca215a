"""The real stack for tests: taken from the environment, else containers where asked for, else the embedded one.

CLUSTERSKILLS_TEST_STACK=DIR   use the stack that runs in this data folder (`clusterskills stack up --detach --data DIR`)
CLUSTERSKILLS_TEST_MONGO, CLUSTERSKILLS_TEST_KAFKA, CLUSTERSKILLS_TEST_OIDC   use these engines, start the rest
CLUSTERSKILLS_TEST_CONTAINERS=1   start MongoDB and Kafka by testcontainers when a container engine answers

One stack serves a whole run, also when pytest-xdist spreads the run over processes: the first that needs it starts it,
the last that used it removes it, and it ends by itself when the run is killed.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import filelock
import httpx

from deploy.local import stack as launcher
from deploy.local.processes import sweep
from deploy.local.stack import Request
from tests import containers

ENGINES_ONLY = ("mongo", "kafka")
_PREFIX = "clusterskills-tests-"
_CLI = "clusterskills-cli"


@dataclass(frozen=True)
class Stack:
    """A running stack: what stack.json says, and tokens of its real Keycloak."""

    facts: dict[str, Any]
    data: Path

    @property
    def url(self) -> str:
        return str(self.facts["url"])

    @property
    def https_url(self) -> str:
        return str(self.facts["https_url"])

    @property
    def mongo(self) -> str:
        return str(self.facts["mongo"])

    @property
    def kafka(self) -> str:
        return str(self.facts["kafka"])

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Trust the gateway's own authority, and nobody else."""
        return ssl.create_default_context(cafile=self.facts["ca_file"])

    def token(self, username: str) -> str:
        """Sign in as one of the demo's people, for instance trainer@heilbronn.example."""
        password = next(login["password"] for login in self.facts["logins"] if login["username"] == username)
        form = {"grant_type": "password", "client_id": _CLI, "username": username, "password": password}
        return self._ask_for_token(form)

    def client_token(self, client_id: str) -> str:
        """Sign in as one of the demo's programs, for instance partner-wfr-heilbronn."""
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": self.client_secret(client_id),
        }
        return self._ask_for_token(form)

    def client_secret(self, client_id: str) -> str:
        """The secret of one of the demo's programs."""
        return next(str(item["client_secret"]) for item in self.facts["clients"] if item["client_id"] == client_id)

    def _ask_for_token(self, form: dict[str, str]) -> str:
        answer = httpx.post(self.facts["oidc"]["token_url"], data=form, timeout=30).raise_for_status()
        return str(answer.json()["access_token"])


@contextmanager
def shared_stack(only: tuple[str, ...] = ()) -> Iterator[Stack]:
    """Use the run's one stack with these parts (none named: all); it is started at the first use."""
    given = os.environ.get("CLUSTERSKILLS_TEST_STACK")
    if given:
        yield Stack(launcher.status(Path(given))[0], Path(given))
        return
    sweep(_PREFIX)
    folder = Path(tempfile.gettempdir()) / f"{_PREFIX}{_run_process()}-{_run_id()}" / ("-".join(only) or "all")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield Stack(_join(folder, only), folder / "data")
    finally:
        _leave(folder)


def _run_id() -> str:
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", "alone")


def _run_process() -> int:
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _join(folder: Path, only: tuple[str, ...]) -> dict[str, Any]:
    with filelock.FileLock(folder / "lock"):
        users = _users(folder)
        facts = launcher.status(folder / "data")[0] if users else _start(folder, only)
        _count(folder, users + 1)
    return facts


def _leave(folder: Path) -> None:
    with filelock.FileLock(folder / "lock"):
        users = _users(folder) - 1
        _count(folder, users)
        if users > 0:
            return
        launcher.stop(folder / "data")
        containers.remove(folder)
        shutil.rmtree(folder, ignore_errors=True)
    if not any(folder.parent.iterdir()):
        folder.parent.rmdir()


def _users(folder: Path) -> int:
    counter = folder / "users.json"
    return int(json.loads(counter.read_text())) if counter.exists() else 0


def _count(folder: Path, users: int) -> None:
    (folder / "users.json").write_text(json.dumps(users))


def _start(folder: Path, only: tuple[str, ...]) -> dict[str, Any]:
    engines = containers.start(folder) if containers.wanted() else containers.Addresses()
    request = Request(
        data=folder / "data",
        mongo=os.environ.get("CLUSTERSKILLS_TEST_MONGO") or engines.mongo,
        kafka=os.environ.get("CLUSTERSKILLS_TEST_KAFKA") or engines.kafka,
        oidc=os.environ.get("CLUSTERSKILLS_TEST_OIDC"),
        only=only,
        while_pid=_run_process(),
    )
    return launcher.start_in_background(request, print)
