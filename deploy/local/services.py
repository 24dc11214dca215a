"""Our own services as rows of the table: an API behind gunicorn and, for those that have one, a worker."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import deploy
from deploy.local import ports
from deploy.local.listener import Listener
from deploy.local.part import Part
from shared.wiring.manifest import Manifest

ROOT = Path(deploy.__file__).parent.parent


PROCESSES = {1: 1, 3: 2}
"""How many processes each API and worker has, by the number of servers that MongoDB and Kafka have."""
SIDES = ("", " (spare)")
"""Each process has two inner ports: while one process takes over from another, both are there."""


def port_names(service: Manifest, count: int = 1) -> list[str]:
    """Return the names of the ports that this service's processes listen on, `count` of each kind."""
    kinds = [f"{service.name}-api", *([f"{service.name}-worker"] if service.worker else [])]
    inner = [f"{name} metrics{side}" for kind in kinds for name in names(kind, count) for side in SIDES]
    return [f"{service.name}-api", *inner]


def names(kind: str, count: int) -> list[str]:
    """Return the names of `count` parts of one kind: its own, or numbered when there are several."""
    return [kind] if count == 1 else [f"{kind}-{number}" for number in range(1, count + 1)]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the processes of one service are given: ports by name, environment, what they need, a folder for scratch."""

    ports: Mapping[str, int]
    env: Mapping[str, str]
    needs: tuple[str, ...]
    scratch: Path
    count: int = 1


def parts(service: Manifest, given: Surroundings) -> list[Part]:
    """Return the rows of a service. The processes of its API accept from one socket, which the launcher holds."""
    listener = Listener(given.ports[f"{service.name}-api"])
    rows = [_twins(_api(service, listener, given), name) for name in names(f"{service.name}-api", given.count)]
    if service.worker:
        rows += [_twins(_worker(service, given), name) for name in names(f"{service.name}-worker", given.count)]
    return rows


def _twins(make: Callable[[str, str], Part], name: str) -> Part:
    """Return the row with its spare."""
    first, spare = SIDES
    return replace(make(name, first), spare=make(name, spare))


def _api(service: Manifest, listener: Listener, given: Surroundings) -> Callable[[str, str], Part]:
    def make(name: str, side: str) -> Part:
        counters = given.scratch / f"metrics-{name}{side}"
        metrics = given.ports[f"{name} metrics{side}"]
        return Part(
            name=name,
            command=(
                *(sys.executable, "-m", "gunicorn", "--config", "python:shared.http.gunicorn_conf"),
                *("--bind", f"fd://{listener.mark}", f"{service.package}.app:create_app()"),
            ),
            ports={f"{service.name}-api": listener.port, f"{name} metrics{side}": metrics},
            listeners=(listener,),
            needs=given.needs,
            env={**_environment(given, metrics), "PROMETHEUS_MULTIPROC_DIR": str(counters)},
            cwd=ROOT,
            prepare=lambda: _empty(counters),
            healthy=lambda: _counts(metrics) and ports.says_ok(listener.port, "/health/ready"),
            answers=lambda: _counts(metrics),
            patience=8,
        )

    return make


def _worker(service: Manifest, given: Surroundings) -> Callable[[str, str], Part]:
    def make(name: str, side: str) -> Part:
        metrics = given.ports[f"{name} metrics{side}"]
        return Part(
            name=name,
            command=(sys.executable, "-m", service.package, "worker"),
            ports={f"{name} metrics{side}": metrics},
            needs=given.needs,
            env=_environment(given, metrics),
            cwd=ROOT,
            healthy=lambda: ports.says_ok(metrics, "/health/live"),
            patience=8,
        )

    return make


def _environment(given: Surroundings, metrics: int) -> dict[str, str]:
    return {**given.env, "CLUSTERSKILLS_METRICS_PORT": str(metrics)}


def _counts(port: int) -> bool:
    """Say whether the process behind an inner port answers. It does so from a thread that waits for no request."""
    return ports.says_ok(port, "/metrics")


def _empty(folder: Path) -> None:
    """Counters of the last run would be added to the new ones."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
