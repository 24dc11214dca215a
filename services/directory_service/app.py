"""The directory put together: the only reader of its settings and opener of its connections."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from services.directory_service import handlers
from services.directory_service.actions import Actions
from services.directory_service.actions.importing import ImportKind
from services.directory_service.actions.invitations import EndRole, MakeLogin
from services.directory_service.actions.people import EndLogins
from services.directory_service.actions.programs import EndProgram, MakeProgram, RotateProgram, as_client
from services.directory_service.adapters.hashing import keyed_pieces, keyed_secret
from services.directory_service.adapters.identity import Identity
from services.directory_service.api import DIALECTS, Parts, make_door
from services.directory_service.settings import IdentitySettings
from services.directory_service.store import SERVICE, Store
from services.directory_service.timers import Strays
from shared.auth.client import ClientCredentials
from shared.auth.references import ReferenceSettings, external_ref
from shared.auth.verify import AuthSettings
from shared.bus.timers import Timer
from shared.errors import Conflict
from shared.files import Files
from shared.jobs.store import Jobs
from shared.sealing import MasterSecret
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.frame import Frame, Wired
from shared.wiring.jobs import KeepFile, keeper
from shared.wiring.runtime import Runtime

_NAMES_A_TURN = 500


def wire(runtime: Runtime) -> Wired:
    """The parts of the directory."""
    secret = runtime.settings(ReferenceSettings).external_ref_secret
    refs, link_secret = partial(external_ref, secret), keyed_secret(secret, "invitations")
    store = partial(Store, hashed=keyed_pieces(secret, "names"))
    # One secret of the service, and keys derived from it for each purpose: files are read by nobody else.
    files = Files(runtime.database, MasterSecret(sha256(secret.encode()).digest()), runtime.clock)
    keycloak = _Keycloak(runtime.settings(IdentitySettings))

    def acting(work: UnitOfWork) -> Actions:
        return Actions(store(work), Jobs(work), runtime.clock, runtime.ids, refs, work.ask, link_secret)

    def index_names() -> int:
        return decide(runtime.client, runtime.work, lambda work: _index_names(acting(work)))

    parts = Parts(
        writing=acting,
        reading=lambda: acting(runtime.work()),
        jobs=lambda work: Jobs(work or runtime.work()),
        open_file=files.open,
        secret=lambda program_id: keycloak.identity.secret(program_id),
        last_used=lambda client_id: keycloak.identity.last_used(client_id),
        token_url=f"{runtime.settings(AuthSettings).oidc_issuer}/protocol/openid-connect/token",
        reads=runtime.personal_reads,
        public_url=runtime.http_settings.public_url.rstrip("/"),
        invitation_secret=link_secret,
    )
    return Wired(
        doors=[make_door(parts)],
        subscriptions=handlers.subscriptions(acting),
        timers=[
            Timer("files", 60.0, files.sweep),
            Timer("names", 5.0, index_names),
            Timer("strays", 600.0, keycloak.sweep(lambda: store(runtime.work()).active_programs())),
        ],
        jobs=[ImportKind(open_file=files.open, store=store, refs=refs, now=runtime.clock, new_id=runtime.ids)],
        dialects=DIALECTS,
        apart={KeepFile: keeper(files), **keycloak.answers()},
    )


def _index_names(actions: Actions) -> int:
    return actions.people.index_names(_NAMES_A_TURN) + actions.organisations.index_names(_NAMES_A_TURN)


@dataclass(slots=True)
class _Keycloak:
    """The identity provider, where one is given."""

    given: IdentitySettings
    _identity: Identity | None = None

    @property
    def identity(self) -> Identity:
        """Raises Conflict when none is given: another provider makes keys and logins by its own means."""
        given = self.given
        if not given.identity_admin_url:
            raise Conflict("Keys and logins are made at your own identity provider.", code="NO_IDENTITY_ADMIN")
        if self._identity is None:
            credentials = ClientCredentials(
                given.oidc_token_url, given.identity_client_id, given.identity_client_secret
            )
            self._identity = Identity(given.identity_admin_url, credentials)
        return self._identity

    def answers(self) -> dict[type, Callable[[Any], Any]]:
        """To what actions ask of it."""
        return {
            MakeProgram: self._make_program,
            RotateProgram: lambda question: self.identity.rotate(question.id),
            EndProgram: self._end_program,
            MakeLogin: lambda question: self.identity.make_login(question.login, question.password),
            EndRole: self._end_role,
            EndLogins: lambda question: self.identity.end_logins(question.person_id) if self._there else 0,
        }

    def _end_role(self, question: EndRole) -> int:
        self.identity.end_role(question.person_id, question.role)
        return self.identity.token_seconds()

    def sweep(self, known: Callable[[], set[str]]) -> Callable[[], int]:
        """Removes clients whose key was never committed."""
        return Strays(self.identity, known).sweep if self._there else lambda: 0

    @property
    def _there(self) -> bool:
        return bool(self.given.identity_admin_url)

    def _make_program(self, question: MakeProgram) -> str:
        self.identity.make_program(as_client(question.wish, question.made))
        return question.made

    def _end_program(self, question: EndProgram) -> int:
        self.identity.end_program(question.id)
        return self.identity.token_seconds()


FRAME = Frame(SERVICE, wire)
create_app, wire_worker, make_runner = FRAME.create_app, FRAME.wire_worker, FRAME.runner
