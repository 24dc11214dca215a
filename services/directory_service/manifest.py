"""What the directory is made of."""

from services.directory_service.settings import DirectorySettings
from shared.wiring.manifest import Manifest

MANIFEST = Manifest(
    name="directory",
    package="services.directory_service",
    segments=(
        *("organisations", "memberships", "awarding-grants", "people", "people-imports", "employments", "consents"),
        *("portals", "clients", "invitations", "me"),
    ),
    outside=("scim",),
    timers=("files",),
    jobs=("people-import",),
    settings=(DirectorySettings,),
)
