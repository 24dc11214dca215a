"""The directory put together: the only reader of its settings and opener of its connections."""

import hmac
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from services.directory_service import handlers
from services.directory_service.actions import Actions
from services.directory_service.actions.importing import ImportKind
from services.directory_service.actions.invitations import MakeLogin
from services.directory_service.actions.people import EndLogins
from services.directory_service.actions.programs import EndProgram, MakeProgram, RotateProgram, as_client
from services.directory_service.adapters.identity import Identity
from services.directory_service.api import Parts, make_door
from services.directory_service.store import SERVICE, Store
from services.directory_service.timers import Strays
from shared.auth.client import ClientCredentials
from shared.auth.references import external_ref
from shared.auth.verify import AuthSettings
from shared.bus.progress import Pulse
from shared.bus.timers import Timer
from shared.bus.worker import Plan
from shared.clock import Clock, Ids, new_id, utc_now
from shared.errors import Conflict
from shared.files import Files
from shared.http.app import ServiceApp
from shared.http.reads import PersonalReads
from shared.jobs.runner import Runner
from shared.jobs.store import Jobs
from shared.sealing import MasterSecret
from shared.settings import setting
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.house import House
from shared.wiring.job_list import jobs_door
from shared.wiring.jobs import KeepFile, keeper
from shared.wiring.operations import operations_door

_NAMES_A_TURN = 500
Run = Callable[[threading.Event, Pulse], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySettings:
    """What only services that are given partners' numbers need to know."""

    external_ref_secret: str = setting(
        "EXTERNAL_REF_SECRET",
        "Keys the hashes of partners' own numbers; the same in every service",
        example="32 random bytes",
        secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """Where keys of programs and logins of people are made; without it they cannot be made here."""

    identity_admin_url: str = setting(
        "IDENTITY_ADMIN_URL",
        "Keycloak's admin API of our realm, as seen from the services; empty: keys and logins are made elsewhere",
        example="http://keycloak:8080/auth/admin/realms/clusterskills",
        default="",
    )
    identity_client_id: str = setting(
        "IDENTITY_CLIENT_ID",
        "Client by which the directory makes keys and logins",
        example="directory-admin",
        default="directory-admin",
    )
    identity_client_secret: str = setting(
        "IDENTITY_CLIENT_SECRET", "Its secret", example="32 random bytes", default="", secret=True
    )
    oidc_token_url: str = setting(
        "OIDC_TOKEN_URL",
        "Where our own clients get tokens, as seen from the services",
        example="http://keycloak:8080/auth/realms/clusterskills/protocol/openid-connect/token",
        default="",
    )


def create_app(*, clock: Clock = utc_now, ids: Ids = new_id) -> ServiceApp:
    """The HTTP application, for gunicorn."""
    house = House(SERVICE, clock=clock)
    tools = _Tools(house, ids)
    parts = Parts(
        writing=tools.acting,
        reading=lambda: tools.acting(house.work()),
        jobs=lambda work: Jobs(work or house.work()),
        open_file=tools.files.open,
        secret=lambda program_id: tools.identity().secret(program_id),
        last_used=lambda client_id: tools.identity().last_used(client_id),
        token_url=f"{house.settings(AuthSettings).oidc_issuer}/protocol/openid-connect/token",
        reads=PersonalReads(house.database, house.clock),
        public_url=house.http_settings.public_url.rstrip("/"),
        invitation_secret=tools.link_secret,
    )
    return house.app(
        [make_door(parts), jobs_door(SERVICE.name, parts.jobs), operations_door(tools.plan(), clock)],
        apart=tools.apart(),
    )


def run_worker() -> None:
    """Publish what happened and carry on imports, until SIGTERM."""
    house = House(SERVICE)
    tools = _Tools(house, new_id)
    sweep = Timer("files", 60.0, tools.files.sweep)
    timers = [
        sweep,
        Timer("names", 5.0, tools.index_names),
        *([Timer("strays", 600.0, tools.strays().sweep)] if tools.makes_keys else []),
    ]
    house.run_worker(tools.plan(timers, {"jobs": tools.runner().run}))


def make_runner(house: House, ids: Ids = new_id) -> Runner:
    """What carries on the directory's jobs."""
    return _Tools(house, ids).runner()


def make_plan(house: House, ids: Ids = new_id) -> Plan:
    """What the worker listens to."""
    return _Tools(house, ids).plan()


class _Tools:
    """What the API and the worker are made of."""

    def __init__(self, house: House, ids: Ids) -> None:
        self._house, self._ids = house, ids
        secret = house.settings(DirectorySettings).external_ref_secret
        self._refs = partial(external_ref, secret)
        self._name_key = sha256(b"names\0" + secret.encode()).digest()
        self._link_key = sha256(b"invitations\0" + secret.encode()).digest()
        # One secret of the service, and keys derived from it for each purpose: files are read by nobody else.
        self.files = Files(house.database, MasterSecret(sha256(secret.encode()).digest()), house.clock)

        self._identity_settings = house.settings(IdentitySettings)
        self._identity: Identity | None = None

    @property
    def makes_keys(self) -> bool:
        """Whether an identity provider is given where keys and logins are made."""
        return bool(self._identity_settings.identity_admin_url)

    def identity(self) -> Identity:
        """The identity provider. Raises Conflict when none was given."""
        given = self._identity_settings
        if not self.makes_keys:
            raise Conflict("Keys and logins are made at your own identity provider.", code="NO_IDENTITY_ADMIN")
        if self._identity is None:
            credentials = ClientCredentials(
                given.oidc_token_url, given.identity_client_id, given.identity_client_secret
            )
            self._identity = Identity(given.identity_admin_url, credentials)
        return self._identity

    def plan(self, timers: Sequence[Timer] = (), runs: Mapping[str, Run] | None = None) -> Plan:
        """What the worker does."""
        return self._house.plan(handlers.subscriptions(self.acting), timers, runs=runs)

    def apart(self) -> dict[type, Callable[[Any], Any]]:
        """Answers to what actions ask of others than the database."""
        return {
            KeepFile: keeper(self.files),
            MakeProgram: self._make_program,
            RotateProgram: lambda question: self.identity().rotate(question.id),
            EndProgram: self._end_program,
            EndLogins: lambda question: self.identity().end_logins(question.person_id) if self.makes_keys else 0,
            MakeLogin: lambda question: self.identity().make_login(question.login, question.password),
        }

    def store(self, work: UnitOfWork) -> Store:
        """The documents of one unit of work."""
        return Store(work, self._hashed)

    def _hashed(self, pieces: Iterable[str]) -> list[str]:
        """Eight hexadecimal digits of a keyed hash: enough to find by, useless to read names from without the key."""
        return sorted({hmac.digest(self._name_key, piece.encode(), "sha256").hex()[:8] for piece in pieces})

    def index_names(self) -> int:
        """A turn of making names searchable that were stored before there was a search."""
        house = self._house
        return decide(house.client, house.work, lambda work: self.acting(work).people.index_names(_NAMES_A_TURN))

    def link_secret(self, invitation_id: str) -> str:
        """What the link of an invitation holds: made of its id, so that nobody keeps it."""
        return urlsafe_b64encode(hmac.digest(self._link_key, invitation_id.encode(), "sha256")).rstrip(b"=").decode()

    def strays(self) -> Strays:
        """Removes clients whose key was never committed."""
        return Strays(self.identity(), lambda: self.store(self._house.work()).active_programs())

    def _make_program(self, question: MakeProgram) -> str:
        self.identity().make_program(as_client(question.wish, question.made))
        return question.made

    def _end_program(self, question: EndProgram) -> int:
        identity = self.identity()
        identity.end_program(question.id)
        return identity.token_seconds()

    def acting(self, work: UnitOfWork) -> Actions:
        """The actions of one unit of work."""
        return Actions(
            self.store(work), Jobs(work), self._house.clock, self._ids, self._refs, work.ask, self.link_secret
        )

    def runner(self) -> Runner:
        """Carries on the jobs."""
        house = self._house
        imports = ImportKind(
            open_file=self.files.open, store=self.store, refs=self._refs, now=house.clock, new_id=self._ids
        )
        return Runner(house.client, house.database, house.work, [imports])
