"""The portal put together: the only reader of its settings and opener of its connections."""

from typing import TypeVar

import httpx

from services.portal.frontend import Frontend
from services.portal.house import House
from services.portal.identity import Provider
from services.portal.neighbours import Catalog, Certificates, Documents
from services.portal.pages import (
    approvals,
    catalogue,
    docs,
    health,
    kit,
    learning,
    legal,
    operations,
    people,
    sign_in,
    start,
    teaching,
    verify,
)
from services.portal.partnerships import Partnerships
from services.portal.platform import Platform
from services.portal.sealed import Seal
from services.portal.sessions import Sessions
from services.portal.settings import OidcSettings, PortalSettings
from services.portal.site import Portal, origin_of
from services.portal.uploads import Uploads
from shared import logs, metrics, settings, tracing
from shared.auth.keys import RemoteKeys
from shared.clock import Clock, utc_now
from shared.storage.mongo import MongoSettings, connect, open_database

_NAME = "portal"
_PAGES = (
    start,
    catalogue,
    learning,
    approvals,
    teaching,
    people,
    operations,
    sign_in,
    verify,
    docs,
    legal,
    kit,
    health,
)
S = TypeVar("S")


def create_app(*, clock: Clock = utc_now) -> Portal:
    """The application, for gunicorn. Call it after the fork."""
    ours = _read(PortalSettings)
    logs.configure(_NAME, ours.log_level)
    tracing.configure(_NAME)
    house = _furnish(ours, clock)
    app = Portal(house.frontend, ours.trusted_proxies)
    app.config["DEMO"] = ours.demo
    with app.app_context():
        house.move_in()
    for module in _PAGES:
        app.register_blueprint(module.pages)
    if ours.metrics_port:
        metrics.serve(ours.metrics_port)
    return app


def _furnish(ours: PortalSettings, clock: Clock) -> House:
    oidc, mongo = _read(OidcSettings), _read(MongoSettings)
    seal = Seal(ours.session_secret)
    client = connect(mongo.mongo_url)
    database = open_database(client, mongo, _NAME)
    http = httpx.Client(trust_env=False, follow_redirects=False, headers={"User-Agent": "clusterskills-portal"})
    documented = {
        "catalog": ours.catalog_url,
        "enrolment": ours.enrolment_url,
        "certificate": ours.certificate_url,
        "directory": ours.directory_url,
    }
    return House(
        settings=ours,
        frontend=Frontend(ours.frontend_dir),
        partnerships=Partnerships.read(ours.partnerships_file),
        seal=seal,
        sessions=Sessions(database, seal, clock),
        uploads=Uploads(database, seal, clock),
        provider=Provider(oidc, http, RemoteKeys(oidc.oidc_jwks_url, patience_seconds=2), clock),
        catalog=Catalog(http, ours.catalog_url),
        certificates=Certificates(http, ours.certificate_url),
        documents=Documents(http, documented),
        platform=Platform(http, documented),
        now=clock,
        identity_origin=origin_of(oidc.oidc_issuer),
        http=http,
        mongo=client,
    )


def _read(kind: type[S]) -> S:
    """One group of settings; missing ones end the process with their names and examples."""
    try:
        return settings.load(kind)
    except settings.SettingsError as error:
        raise SystemExit(f"The settings are not complete:\n{error}") from error
