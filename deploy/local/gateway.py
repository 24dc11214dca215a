"""Caddy as one row of the table: the one address, by http and, with its own local authority, by https."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import deploy
from deploy.local import ports, programs
from deploy.local.part import Part

CADDYFILE = Path(deploy.__file__).parent / "gateway" / "Caddyfile"


@dataclass(frozen=True, slots=True)
class Doorway:
    """The gateway's two ports, its folder, and the address (host:port or URL) behind each part of the API."""

    data: Path
    http_port: int
    https_port: int
    upstreams: Mapping[str, str]

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
    command = (str(programs.caddy()), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile")
    return Part(
        name="gateway",
        command=command,
        ports={"gateway": doorway.http_port, "gateway (https)": doorway.https_port},
        env=_environment(doorway),
        prepare=lambda: doorway.data.mkdir(parents=True, exist_ok=True),
        healthy=lambda: _answers(doorway),
        within=30,
        patience=4,
    )


def _environment(doorway: Doorway) -> dict[str, str]:
    upstreams = {f"CLUSTERSKILLS_UPSTREAM_{name.upper()}": address for name, address in doorway.upstreams.items()}
    return {
        **upstreams,
        "CLUSTERSKILLS_GATEWAY_BIND": "127.0.0.1",
        "CLUSTERSKILLS_GATEWAY_DATA": str(doorway.data),
        "CLUSTERSKILLS_GATEWAY_HTTP": f"http://:{doorway.http_port}",
        "CLUSTERSKILLS_GATEWAY_HTTPS": f"https://localhost:{doorway.https_port}, https://127.0.0.1:{doorway.https_port}",
        "CLUSTERSKILLS_PUBLIC_HTTPS_URL": doorway.https_url,
        "HOME": str(doorway.data),
    }


def _answers(doorway: Doorway) -> bool:
    return ports.says_ok(doorway.http_port, "/health/gateway") and doorway.ca_file.exists()
