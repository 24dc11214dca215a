"""The services, a line for each. Each owns its data and its events; none imports another (docs/decisions/0001)."""

from importlib import import_module

from shared.wiring.manifest import Manifest

PACKAGES = (
    "services.directory_service",
    "services.catalog_service",
    "services.enrolment_service",
    "services.certificate_service",
    "services.portal",
)


def manifests(*more: str) -> tuple[Manifest, ...]:
    """The manifests of all services; `more` names packages of others that are run beside ours."""
    return tuple(_manifest(package) for package in (*PACKAGES, *more))


def _manifest(package: str) -> Manifest:
    found: Manifest = import_module(f"{package}.manifest").MANIFEST
    return found
