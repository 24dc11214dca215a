"""What the directory is made of."""

from services.directory_service.settings import IdentitySettings
from shared.auth.references import ReferenceSettings
from shared.bus.read_model import ReadModel
from shared.wiring.manifest import IdentityClient, Manifest

MANIFEST = Manifest(
    name="directory",
    package="services.directory_service",
    segments=(
        *("organisations", "memberships", "awarding-grants", "people", "people-imports", "employments", "consents"),
        *("portals", "clients", "invitations", "me"),
    ),
    outside=("scim",),
    subscriptions=("facts",),
    timers=("files", "names", "strays"),
    read_models=(ReadModel("facts", ("person_facts",)),),
    jobs=("people-import",),
    settings=(ReferenceSettings, IdentitySettings),
    clients=(
        # Makes programs' keys and people's logins. Not: realm settings, roles, identity providers.
        IdentityClient(
            "identity", role="identity-admin", scopes=(), manages=("manage-clients", "manage-users", "view-events")
        ),
    ),
)
