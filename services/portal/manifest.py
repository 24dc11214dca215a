"""What the portal is made of."""

from services.portal.settings import OidcSettings, PortalSettings
from shared.wiring.manifest import Manifest

MANIFEST = Manifest(
    name="portal", package="services.portal", pages=True, settings=(PortalSettings, OidcSettings), worker=False
)
