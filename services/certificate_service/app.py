"""The certificate service put together: the only reader of its settings and opener of its connections."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.certificate_service import handlers, timers
from services.certificate_service.actions.certificates import Certificates, NameOf, NewStatusBit
from services.certificate_service.actions.copying import Copying
from services.certificate_service.actions.issuing import Issuing
from services.certificate_service.actions.publishing import Publishing
from services.certificate_service.actions.verifying import Verifying
from services.certificate_service.actions.visibility import Visibility
from services.certificate_service.actions.writing import Pen
from services.certificate_service.adapters.site import Site
from services.certificate_service.api import Parts, make_door
from services.certificate_service.settings import CertificateSettings
from services.certificate_service.store import SERVICE, Store
from services.certificate_service.store.certificates import CERTIFICATES
from shared.auth.client import ClientCredentials
from shared.people.names import Named, Names
from shared.sealing import MasterSecret
from shared.storage import feed
from shared.storage.group import Resolver
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.frame import Frame, Wired
from shared.wiring.runtime import Runtime

# A reissue asks for a name while its request waits.
_ASKING_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What several parts of the service work with."""

    runtime: Runtime
    pen: Pen
    settings: CertificateSettings

    @classmethod
    def of(cls, runtime: Runtime) -> "Tools":
        """Read the settings."""
        given = runtime.settings(CertificateSettings)
        site = Site(given.public_https_url.rstrip("/"), runtime.http_settings.public_url.rstrip("/"))
        pen = Pen(site, MasterSecret.from_text(given.person_key_secret), lambda: str(uuid.uuid4()))
        return cls(runtime=runtime, pen=pen, settings=given)

    def names(self, seconds: float = 5.0) -> Names:
        """Asks the directory as this service's own client."""
        given = self.settings
        credentials = ClientCredentials(given.oidc_token_url, given.names_client_id, given.names_client_secret)
        return Names(given.directory_url, credentials, seconds=seconds)

    def acting(self, work: UnitOfWork) -> Certificates:
        """The actions of one unit of work."""
        return Certificates(Store(work), self.pen, self.runtime.clock, self.runtime.ids)


def wire(runtime: Runtime) -> Wired:
    """The parts of the certificate service."""
    tools = Tools.of(runtime)
    now, pen = runtime.clock, tools.pen
    visibility, issuing = Visibility(pen, now), Issuing(pen, tools.names(), now)
    return Wired(
        doors=[make_door(_parts(tools))],
        subscriptions=handlers.subscriptions(issuing, Copying(visibility), Store),
        timers=timers.timers(visibility, issuing, runtime.work, lambda act: decide(runtime.client, runtime.work, act)),
        stamp=partial(feed.stamp, CERTIFICATES, runtime.client, runtime.database, now),
        resolvers=_resolvers(tools),
        apart={NameOf: _name_of(tools)},
        origins=_anybody_without_a_token,
    )


FRAME = Frame(SERVICE, wire)
create_app, wire_worker = FRAME.create_app, FRAME.wire_worker


def _parts(tools: Tools) -> Parts:
    runtime = tools.runtime
    publishing = Publishing(lambda: Store(runtime.work()), tools.pen, runtime.clock)

    def reading() -> tuple[Store, Certificates]:
        work = runtime.work()
        return Store(work), tools.acting(work)

    return Parts(
        writing=tools.acting,
        reading=lambda: tools.acting(runtime.work()),
        publishing=publishing,
        verifying=Verifying(tools.pen.site, publishing, reading, runtime.clock),
        site=tools.pen.site,
        now=runtime.clock,
    )


def _resolvers(tools: Tools) -> Mapping[type, Resolver]:
    def take_places(work: UnitOfWork, questions: Sequence[NewStatusBit]) -> Mapping[Any, Any]:
        issuers = Store(work).issuers
        return {q: tools.pen.place(*issuers.take_numbers(q.issuer_id, 1)[0]) for q in questions}

    return {NewStatusBit: take_places}


def _name_of(tools: Tools) -> Callable[[NameOf], Named]:
    """Asks the directory: apart, so that nobody else waits for it."""
    names = tools.names(_ASKING_SECONDS)
    return lambda question: names.of([question.person_id])[question.person_id]


def _anybody_without_a_token(cluster_id: str | None, _origin: str) -> bool:
    """What is public is so for every web page; who sends a token does so from a program or a portal's server."""
    return cluster_id is None
