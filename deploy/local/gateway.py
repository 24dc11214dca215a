"""Caddy as one row of the table: the one address, by http and, with its own local authority, by https."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import deploy
from deploy.gateway import routes
from deploy.local import ports, programs
from deploy.local.listener import Listener
from deploy.local.part import Part
from services import manifests
from shared.wiring.manifest import Manifest

CADDYFILE = Path(deploy.__file__).parent / "gateway" / "Caddyfile"


@dataclass(frozen=True, slots=True)
class Doorway:
    """The gateway's folder and ports (two for everybody, two for the launcher), the services behind it, and the address
    of each by its name: host:port or URL, several with spaces between them."""

    data: Path
    http_port: int
    https_port: int
    probe_port: int
    spare_probe_port: int
    upstreams: Mapping[str, str]
    services: tuple[Manifest, ...] = field(default_factory=manifests)

    @property
    def routes_file(self) -> Path:
        return self.data / "routes.caddy"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.http_port}"

    @property
    def https_url(self) -> str:
        return f"https://localhost:{self.https_port}"

    @property
    def ca_file(self) -> Path:
        return self.data / "pki" / "authorities" / "local" / "root.crt"


def part(doorway: Doorway) -> Part:
    """Return the row. It needs nobody: what is behind it and not there yet is answered 503."""
    listeners = (Listener(doorway.http_port), Listener(doorway.https_port))
    spare = _side(doorway, listeners, "gateway probe (spare)", doorway.spare_probe_port)
    return replace(_side(doorway, listeners, "gateway probe", doorway.probe_port), spare=spare)


def _side(doorway: Doorway, listeners: tuple[Listener, Listener], probe_name: str, probe: int) -> Part:
    return Part(
        name="gateway",
        command=(str(programs.caddy()), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"),
        ports={"gateway": doorway.http_port, "gateway (https)": doorway.https_port, probe_name: probe},
        listeners=listeners,
        env=_environment(doorway, listeners, probe),
        prepare=lambda: _prepare(doorway),
        healthy=lambda: _answers(probe) and doorway.ca_file.exists(),
        answers=lambda: _answers(probe),
        within=30,
        patience=6,
        last_signal=signal.SIGQUIT,
    )


def _prepare(doorway: Doorway) -> None:
    doorway.data.mkdir(parents=True, exist_ok=True)
    doorway.routes_file.write_text(routes.rendered(doorway.services), encoding="utf-8")


def _environment(doorway: Doorway, listeners: tuple[Listener, Listener], probe: int) -> dict[str, str]:
    upstreams = {f"CLUSTERSKILLS_UPSTREAM_{name.upper()}": address for name, address in doorway.upstreams.items()}
    http, https = listeners
    return {
        **upstreams,
        "CLUSTERSKILLS_GATEWAY_HTTP_BIND": f"fd/{http.mark}",
        "CLUSTERSKILLS_GATEWAY_HTTPS_BIND": f"fd/{https.mark}",
        "CLUSTERSKILLS_GATEWAY_PROBE": f"http://127.0.0.1:{probe}",
        "CLUSTERSKILLS_GATEWAY_ROUTES": str(doorway.routes_file),
        "CLUSTERSKILLS_GATEWAY_DATA": str(doorway.data),
        "CLUSTERSKILLS_GATEWAY_HTTP": f"http://:{doorway.http_port}",
        "CLUSTERSKILLS_GATEWAY_HTTPS": f"https://localhost:{doorway.https_port}, https://127.0.0.1:{doorway.https_port}",
        "CLUSTERSKILLS_PUBLIC_HTTPS_URL": doorway.https_url,
        "HOME": str(doorway.data),
    }


def _answers(probe: int) -> bool:
    return ports.says_ok(probe, "/health/gateway")
