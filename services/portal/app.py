"""The portal put together: the only reader of its settings and opener of its connections."""

import httpx

from services.portal.brands import Brands
from services.portal.frontend import Frontend
from services.portal.identity import Provider
from services.portal.manifest import MANIFEST
from services.portal.neighbours import Catalog, Certificates, Documents
from services.portal.pages import (
    approvals,
    catalogue,
    docs,
    keys,
    kit,
    learning,
    legal,
    mail,
    my_data,
    operations,
    organisations,
    people,
    person,
    reviews,
    seals,
    set_up,
    sign_in,
    staff,
    start,
    teaching,
    verify,
)
from services.portal.partnerships import Partnerships
from services.portal.platform import Platform
from services.portal.runtime import Runtime
from services.portal.sealed import Seal
from services.portal.sessions import Sessions
from services.portal.settings import OidcSettings, PortalSettings
from services.portal.site import Portal, origin_of
from services.portal.uploads import Uploads
from shared.auth.keys import RemoteKeys
from shared.clock import Clock, utc_now
from shared.http.app import add_health
from shared.storage.mongo import MongoSettings, connect, open_database
from shared.wiring.reading import first_settings, serve_metrics, settings_of

_PAGES = (
    *(start, catalogue, learning, approvals, teaching, reviews, people, person, organisations),
    *(keys, seals, set_up, staff, operations),
    *(sign_in, my_data, verify, docs, legal, mail, kit),
)


def create_app(*, clock: Clock = utc_now) -> Portal:
    """The application, for gunicorn. Call it after the fork."""
    ours = first_settings(MANIFEST.name, PortalSettings)
    runtime = _furnish(ours, clock)
    app = Portal(runtime.frontend, ours.trusted_proxies)
    app.config["DEMO"] = ours.demo
    with app.app_context():
        runtime.move_in()
    for module in _PAGES:
        app.register_blueprint(module.pages)
    add_health(app, runtime.checks)
    serve_metrics()
    return app


def _furnish(ours: PortalSettings, clock: Clock) -> Runtime:
    oidc, mongo = settings_of(OidcSettings), settings_of(MongoSettings)
    seal = Seal(ours.session_secret)
    client = connect(mongo.mongo_url)
    database = open_database(client, mongo, MANIFEST.name)
    http = httpx.Client(trust_env=False, follow_redirects=False, headers={"User-Agent": "clusterskills-portal"})
    addresses = ours.addresses
    return Runtime(
        settings=ours,
        frontend=Frontend(ours.frontend_dir),
        partnerships=Partnerships.read(ours.partnerships_file),
        brands=Brands(http, addresses["directory"]),
        seal=seal,
        sessions=Sessions(database, seal, clock),
        uploads=Uploads(database, seal, clock),
        provider=Provider(oidc, http, RemoteKeys(oidc.oidc_jwks_url, patience_seconds=2), clock),
        catalog=Catalog(http, addresses["catalog"]),
        certificates=Certificates(http, addresses["certificate"]),
        documents=Documents(http, addresses),
        platform=Platform(http, addresses),
        now=clock,
        identity_origin=origin_of(oidc.oidc_issuer),
        http=http,
        mongo=client,
    )
