"""What a service is made of, said once in its `manifest.py`: whatever knows all services reads it there.

Loading a manifest loads no framework: launcher and command line read all of them at each start.
"""

from dataclasses import dataclass

from shared.bus.read_model import ReadModel
from shared.http.settings import HttpSettings
from shared.settings import PREFIX, table


@dataclass(frozen=True, slots=True)
class IdentityClient:
    """A program of a service's own at the identity provider. The service reads `<PURPOSE>_CLIENT_ID` and `..._SECRET`.

    `manages`: what of the provider's own it may change there, in the provider's words.
    """

    purpose: str
    role: str
    scopes: tuple[str, ...]
    manages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One service.

    `segments`: what comes after `/v1/` in the addresses of its routes; `/v1/{name}` is its own without being named.
    `outside`: first segments of its addresses elsewhere. `pages`: it answers every other address, by pages for people;
    it has no programs' routes of its own.
    `subscriptions`, `timers`, `jobs`, `migrations`: their names, as they are wired in its `app.py`, which refuses to
    start with others. `settings`: the groups that only it reads. `worker`: it publishes or listens to events.
    """

    name: str
    package: str
    segments: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    pages: bool = False
    subscriptions: tuple[str, ...] = ()
    timers: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    read_models: tuple[ReadModel, ...] = ()
    migrations: tuple[str, ...] = ()
    settings: tuple[type, ...] = ()
    clients: tuple[IdentityClient, ...] = ()
    worker: bool = True

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that its processes are given, without the prefix of all settings and without its clients' own."""
        given = {f"{client.purpose.upper()}_CLIENT_SECRET" for client in self.clients}
        groups = self.settings if self.pages else (HttpSettings, *self.settings)
        names = [row.name.removeprefix(PREFIX) for row in table(*groups) if row.secret]
        return tuple(name for name in names if name not in given)

    def client_id(self, client: IdentityClient) -> str:
        """What a client of this service is called at the identity provider."""
        return f"{client.purpose}-{self.name}"

    def read_model(self, consumer: str) -> ReadModel:
        """The read model of this consumer. KeyError if there is none."""
        return {model.consumer: model for model in self.read_models}[consumer]
