"""The gateway's routes, made from the manifests: `python -m deploy.gateway.routes` writes those that compose uses anew.

The launcher makes its own from the services that it starts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from services import manifests
from shared.wiring.manifest import Manifest

ROUTES_FILE = Path(__file__).with_name("routes.caddy")
_HEAD = "# Made from the manifests of the services by `python -m deploy.gateway.routes`.\n"


def rendered(services: Iterable[Manifest]) -> str:
    """Return the part of the Caddyfile that leads each address of the API to the service that owns it."""
    return _HEAD + "".join(_route(service) for service in services if not service.pages)


def _route(service: Manifest) -> str:
    name = service.name
    elsewhere = "".join(f"|/{segment}" for segment in service.outside)
    return (
        f"\n@{name} path_regexp ^(/v1/({'|'.join((*service.segments, name))}){elsewhere})([./]|$)\n"
        f"handle @{name} {{\n"
        f"\timport service {{$CLUSTERSKILLS_UPSTREAM_{name.upper()}:{name}:8000}}\n"
        "}\n"
    )


def main() -> None:
    """Rewrite the file."""
    ROUTES_FILE.write_text(rendered(manifests()), encoding="utf-8")


if __name__ == "__main__":
    main()
