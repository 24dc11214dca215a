"""The certificate service put together: the only reader of its settings and opener of its connections."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.certificate_service import handlers, timers
from services.certificate_service.actions.certificates import Certificates, NameOf, NewPlace
from services.certificate_service.actions.copying import Copying
from services.certificate_service.actions.issuing import Issuing
from services.certificate_service.actions.publishing import Publishing
from services.certificate_service.actions.verifying import Verifying
from services.certificate_service.actions.visibility import Visibility
from services.certificate_service.actions.writing import Pen
from services.certificate_service.adapters.site import Site
from services.certificate_service.api import Parts, make_door
from services.certificate_service.store import SERVICE, Store, stamp
from shared.auth.client import ClientCredentials
from shared.bus.worker import Plan
from shared.clock import Clock, Ids, new_id, utc_now
from shared.http.app import ServiceApp
from shared.people.names import Named, Names
from shared.sealing import MasterSecret
from shared.settings import setting
from shared.storage.group import Resolver
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.house import House
from shared.wiring.operations import operations_door

# A reissue asks for a name while its request waits.
_ASKING_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSettings:
    """What only this service needs to know."""

    public_https_url: str = setting(
        "PUBLIC_HTTPS_URL",
        "Address of the gateway by https; stands in every certificate for ever",
        example="https://skills.example.org",
    )
    person_key_secret: str = setting(
        "PERSON_KEY_SECRET",
        "Wraps the keys of people and awarding bodies; kept apart from the database and its backups",
        example="32 random bytes",
        secret=True,
    )
    directory_url: str = setting(
        "DIRECTORY_URL", "The directory as seen from the services", example="http://directory:8000"
    )
    oidc_token_url: str = setting(
        "OIDC_TOKEN_URL",
        "Where our own clients get tokens, as seen from the services",
        example="http://keycloak:8080/auth/realms/clusterskills/protocol/openid-connect/token",
    )
    names_client_id: str = setting(
        "NAMES_CLIENT_ID", "Client by which this service asks for names", example="names-certificate"
    )
    names_client_secret: str = setting("NAMES_CLIENT_SECRET", "Its secret", example="32 random bytes", secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every part of the service works with."""

    house: House
    pen: Pen
    now: Clock
    ids: Ids
    settings: CertificateSettings

    @classmethod
    def open(cls, clock: Clock, ids: Ids) -> "Tools":
        """Read the settings and connect."""
        house = House(SERVICE, clock=clock)
        given = house.settings(CertificateSettings)
        site = Site(given.public_https_url.rstrip("/"), house.http_settings.public_url.rstrip("/"))
        pen = Pen(site, MasterSecret.from_text(given.person_key_secret), lambda: str(uuid.uuid4()))
        return cls(house=house, pen=pen, now=clock, ids=ids, settings=given)

    def names(self, seconds: float = 5.0) -> Names:
        """Asks the directory as this service's own client."""
        given = self.settings
        credentials = ClientCredentials(given.oidc_token_url, given.names_client_id, given.names_client_secret)
        return Names(given.directory_url, credentials, seconds=seconds)

    def plan(self) -> Plan:
        """What the worker does."""
        house, visibility = self.house, Visibility(self.pen, self.now)
        issuing = Issuing(self.pen, self.names(), self.now)
        return house.plan(
            handlers.subscriptions(issuing, Copying(visibility), Store),
            timers.timers(visibility, issuing, house.work, lambda act: decide(house.client, house.work, act)),
            partial(stamp, house.client, house.database, self.now),
        )


def create_app(*, clock: Clock = utc_now, ids: Ids = new_id) -> ServiceApp:
    """The HTTP application, for gunicorn."""
    tools = Tools.open(clock, ids)
    house = tools.house
    acting = _acting(tools)
    publishing = Publishing(lambda: Store(house.work()), tools.pen, clock)

    def reading() -> tuple[Store, Certificates]:
        work = house.work()
        return Store(work), acting(work)

    parts = Parts(
        writing=acting,
        reading=lambda: acting(house.work()),
        publishing=publishing,
        verifying=Verifying(tools.pen.site, publishing, reading, clock),
        site=tools.pen.site,
        now=clock,
    )
    doors = [make_door(parts), operations_door(tools.plan(), clock)]
    apart: dict[type, Callable[[Any], Any]] = {NameOf: _name_of(tools)}
    return house.app(doors, resolvers=_resolvers(tools), apart=apart, origins=_anybody_without_a_token)


def wire_worker() -> tuple[House, Plan]:
    """What the worker process runs: relay, consumers and timers."""
    tools = Tools.open(utc_now, new_id)
    return tools.house, tools.plan()


def _acting(tools: Tools) -> Callable[[UnitOfWork], Certificates]:
    return lambda work: Certificates(Store(work), tools.pen, tools.now, tools.ids)


def _resolvers(tools: Tools) -> Mapping[type, Resolver]:
    def take_places(work: UnitOfWork, questions: Sequence[NewPlace]) -> Mapping[Any, Any]:
        issuers = Store(work).issuers
        return {q: tools.pen.place(*issuers.take_numbers(q.issuer_id, 1)[0]) for q in questions}

    return {NewPlace: take_places}


def _name_of(tools: Tools) -> Callable[[NameOf], Named]:
    """Asks the directory: apart, so that nobody else waits for it."""
    names = tools.names(_ASKING_SECONDS)
    return lambda question: names.of([question.person_id])[question.person_id]


def _anybody_without_a_token(cluster_id: str | None, _origin: str) -> bool:
    """What is public is so for every web page; who sends a token does so from a program or a portal's server."""
    return cluster_id is None
