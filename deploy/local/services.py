"""Our own services as rows of the table: an API behind gunicorn and, for those that have one, a worker."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import deploy
from deploy.local import ports
from deploy.local.part import Part

ROOT = Path(deploy.__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Service:
    """One of our services: its package and whether it has a worker beside its API."""

    name: str
    package: str
    has_worker: bool = True


SERVICES = (
    Service("directory", "services.directory_service"),
    Service("catalog", "services.catalog_service"),
    Service("enrolment", "services.enrolment_service"),
    Service("certificate", "services.certificate_service"),
    Service("portal", "services.portal", has_worker=False),
)


def port_names(service: Service) -> list[str]:
    """Return the names of the ports this service listens on."""
    names = [f"{service.name}-api", f"{service.name}-api metrics"]
    return [*names, f"{service.name}-worker metrics"] if service.has_worker else names


def parts(service: Service, given: Mapping[str, int], env: Mapping[str, str], scratch: Path) -> list[Part]:
    """Return the rows of a service. `given` holds its ports by name; `scratch` is for files that need not survive."""
    rows = [_api(service, given, env, scratch)]
    return [*rows, _worker(service, given, env)] if service.has_worker else rows


def _api(service: Service, given: Mapping[str, int], env: Mapping[str, str], scratch: Path) -> Part:
    name = f"{service.name}-api"
    counters = scratch / f"metrics-{service.name}"
    return Part(
        name=name,
        command=(
            *(sys.executable, "-m", "gunicorn", "--config", "python:shared.http.gunicorn_conf"),
            *("--bind", f"127.0.0.1:{given[name]}", f"{service.package}.app:create_app()"),
        ),
        ports={key: given[key] for key in (name, f"{name} metrics")},
        needs=("mongo", "kafka"),
        env={
            **env,
            "CLUSTERSKILLS_METRICS_PORT": str(given[f"{name} metrics"]),
            "PROMETHEUS_MULTIPROC_DIR": str(counters),
        },
        cwd=ROOT,
        prepare=lambda: _empty(counters),
        healthy=lambda: ports.says_ok(given[name], "/health/ready"),
        patience=5,
    )


def _worker(service: Service, given: Mapping[str, int], env: Mapping[str, str]) -> Part:
    name = f"{service.name}-worker"
    metrics = given[f"{name} metrics"]
    return Part(
        name=name,
        command=(sys.executable, "-m", service.package, "worker"),
        ports={f"{name} metrics": metrics},
        needs=("mongo", "kafka"),
        env={**env, "CLUSTERSKILLS_METRICS_PORT": str(metrics)},
        cwd=ROOT,
        healthy=lambda: ports.answers(metrics),
        patience=5,
    )


def _empty(folder: Path) -> None:
    """Counters of the last run would be added to the new ones."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
