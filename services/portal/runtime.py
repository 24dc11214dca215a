"""What the pages share: made once per process by `app.py`."""

from dataclasses import dataclass
from typing import cast

import httpx
from flask import current_app, request
from pymongo.errors import PyMongoError

from services.portal.brands import Brands
from services.portal.frontend import Frontend
from services.portal.identity import Provider
from services.portal.neighbours import Catalog, Certificates, Documents
from services.portal.partnerships import Partnerships
from services.portal.platform import Platform
from services.portal.sealed import Seal
from services.portal.sessions import Sessions
from services.portal.settings import PortalSettings
from services.portal.uploads import Uploads
from shared.clock import Clock
from shared.health import Check
from shared.storage.mongo import Mongo

_EXTENSION = "portal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The parts of the portal."""

    settings: PortalSettings
    frontend: Frontend
    partnerships: Partnerships
    brands: Brands
    seal: Seal
    sessions: Sessions
    uploads: Uploads
    provider: Provider
    catalog: Catalog
    certificates: Certificates
    documents: Documents
    platform: Platform
    now: Clock
    identity_origin: str
    http: httpx.Client
    mongo: Mongo

    def move_in(self) -> None:
        """Let the pages of the current application find it."""
        current_app.extensions[_EXTENSION] = self

    def checks(self) -> list[Check]:
        """What the readiness route reports: the database, where the sessions are."""
        try:
            self.sessions.check()
        except PyMongoError as error:
            return [Check("database", ok=False, detail=type(error).__name__)]
        return [Check("database", ok=True)]

    def close(self) -> None:
        """Close all connections."""
        self.http.close()
        self.mongo.close()

    def origin(self) -> str:
        """Our address as the visitor sees it: one of the two configured, never what the request claims."""
        settings = self.settings
        return (settings.public_https_url if request.is_secure else "") or settings.public_url


def runtime() -> Runtime:
    """The parts of the running application."""
    return cast(Runtime, current_app.extensions[_EXTENSION])
