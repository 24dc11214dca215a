"""The launcher's table: every process of a stack, made from its data folder and what the person asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.identity import ids, people
from deploy.identity.realm import AUDIENCE, PASSWORD_VARIABLE
from deploy.local import gateway, kafka, keycloak, mailbox, mongo, portal, services
from deploy.local.artefacts import Say
from deploy.local.folder import Folder
from deploy.local.outside import Oidc, Outside
from deploy.local.part import Part
from services import manifests
from shared.wiring.manifest import Manifest

_REALM = "/auth/realms/clusterskills"
_ONE_OF_EACH = (
    *("gateway", "gateway (https)", "gateway probe", "gateway probe (spare)"),
    *("keycloak", "keycloak management"),
    "mail",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for: what is there already, and which parts to run (none named: all)."""

    outside: Outside
    only: frozenset[str] = frozenset()
    nodes: int = 1
    services: tuple[Manifest, ...] = field(default_factory=manifests)

    def wants(self, name: str) -> bool:
        """Say whether a part is asked for: by its own name, by its kind's, or by its service's."""
        return not self.only or bool(self.only & {"-".join(name.split("-")[:length]) for length in range(1, 4)})


@dataclass(frozen=True, slots=True)
class Table:
    """The rows to run, and what stack.json tells about them."""

    parts: tuple[Part, ...]
    facts: dict[str, Any]
    targets: list[dict[str, Any]] = field(default_factory=list)


class _Builder:
    def __init__(self, folder: Folder, wish: Wish) -> None:
        self.folder, self.wish = folder, wish
        self.services = wish.services
        self.count = services.PROCESSES[wish.nodes]
        self.ports = folder.ports(_port_names(wish))
        self.secrets = folder.secrets(wish.services)
        self.brokers = [
            kafka.Broker(number, self.ports[name], self.ports[f"{name} controller"], folder.path / name)
            for number, name in enumerate(services.names("kafka", wish.nodes), start=1)
        ]
        self.members = [
            mongo.Member(name, self.ports[name], folder.path / name) for name in services.names("mongo", wish.nodes)
        ]
        self.doorway = gateway.Doorway(
            data=folder.path / "gateway",
            http_port=self.ports["gateway"],
            https_port=self.ports["gateway (https)"],
            probe_port=self.ports["gateway probe"],
            spare_probe_port=self.ports["gateway probe (spare)"],
            upstreams=self._upstreams(),
            services=self.services,
        )

    @property
    def mongo_url(self) -> str:
        return self.wish.outside.mongo or mongo.url(*(member.port for member in self.members))

    @property
    def kafka_bootstrap(self) -> str:
        return self.wish.outside.kafka or kafka.bootstrap(self.brokers)

    def oidc(self, base: str) -> Oidc:
        """Return the identity provider as seen from `base`: the gateway for people, its own port for services."""
        return self.wish.outside.oidc or Oidc(
            issuer=self.doorway.url + _REALM,
            jwks_url=f"{base}{_REALM}/protocol/openid-connect/certs",
            token_url=f"{base}{_REALM}/protocol/openid-connect/token",
        )

    def parts(self, say: Say) -> list[Part]:
        rows: list[Part] = []
        outside = self.wish.outside
        if not outside.oidc and self.wish.wants("mail"):
            rows.append(mailbox.part(self._mails, self.ports["mail"]))
        if not outside.oidc and self.wish.wants("keycloak"):
            rows.append(self._keycloak(say))
        if not outside.mongo and self.wish.wants("mongo"):
            rows += mongo.parts(self.members)
        if not outside.kafka and self.wish.wants("kafka"):
            rows += kafka.parts(self.brokers, say)
        rows += [row for service in self.services for row in self._service(service, say) if self.wish.wants(row.name)]
        if self.wish.wants("gateway"):
            rows.append(gateway.part(self.doorway))
        return rows

    def facts(self) -> dict[str, Any]:
        oidc = self.oidc(self.doorway.url)
        return {
            "url": self.doorway.url,
            "https_url": self.doorway.https_url,
            "ca_file": str(self.doorway.ca_file),
            "mongo": self.mongo_url,
            "kafka": self.kafka_bootstrap,
            "nodes": self.wish.nodes,
            "oidc": {
                "issuer": oidc.issuer,
                "jwks_url": oidc.jwks_url,
                "token_url": oidc.token_url,
                "audience": AUDIENCE,
            },
            "services": {service.name: self._addresses(service) for service in self.services},
            "logins": self._logins(),
            "clients": self._clients(),
            "secrets": self.secrets,
        }

    @property
    def _mails(self) -> Path:
        return self.folder.path / "mail"

    def _keycloak(self, say: Say) -> Part:
        home = self.folder.path / "keycloak"
        place = keycloak.Place(home, self.ports["keycloak"], self.ports["keycloak management"], self.doorway.url)
        names = {
            "CLUSTERSKILLS_PUBLIC_URL": self.doorway.url,
            "CLUSTERSKILLS_PUBLIC_HTTPS_URL": self.doorway.https_url,
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
        }
        return keycloak.part(place, {**self.secrets, **names, **mailbox.settings(self.ports["mail"])}, say)

    def _service(self, service: Manifest, say: Say) -> list[Part]:
        environment = self._environment(service)
        if service.pages and self.wish.wants(f"{service.name}-api"):
            own = portal.settings(self.folder.path / "portal", say) | {"MAIL_FOLDER": str(self._mails)}
            environment |= {f"CLUSTERSKILLS_{name}": value for name, value in own.items()}
        needs = tuple(name for kind in ("mongo", "kafka") for name in services.names(kind, self.wish.nodes))
        given = services.Surroundings(self.ports, environment, needs, self.folder.scratch, self.count)
        return services.parts(service, given)

    def _environment(self, service: Manifest) -> dict[str, str]:
        """Return the settings of one service's processes. Each gets only the secrets that are its own."""
        oidc = self.oidc(f"http://127.0.0.1:{self.ports['keycloak']}")
        inner = {name: f"http://{address}" for name, address in self._inner().items()}
        settings = {
            "MONGO_URL": self.mongo_url,
            "KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "OIDC_ISSUER": oidc.issuer,
            "OIDC_JWKS_URL": oidc.jwks_url,
            "OIDC_TOKEN_URL": oidc.token_url,
            "OIDC_AUDIENCE": AUDIENCE,
            "PUBLIC_URL": self.doorway.url,
            "PUBLIC_HTTPS_URL": self.doorway.https_url,
            **{f"{name.upper()}_URL": url for name, url in inner.items()},
            "SERVICES": " ".join(f"{one.name}={inner[one.name]}" for one in self.services if not one.pages),
            **self._clients_of(service),
            **self._admin_of(service, oidc),
            **{name: self.secrets[f"CLUSTERSKILLS_{name}"] for name in service.secrets},
        }
        return {f"CLUSTERSKILLS_{name}": value for name, value in settings.items()}

    def _clients_of(self, service: Manifest) -> dict[str, str]:
        found: dict[str, str] = {}
        for client in service.clients:
            name, purpose = service.client_id(client), client.purpose.upper()
            found |= {f"{purpose}_CLIENT_ID": name, f"{purpose}_CLIENT_SECRET": self.secrets[people.secret_of(name)]}
        return found

    def _admin_of(self, service: Manifest, oidc: Oidc) -> dict[str, str]:
        """Return where a service makes keys and logins, if that is its business and the provider is ours."""
        if self.wish.outside.oidc or not any(client.manages for client in service.clients):
            return {}
        realm = oidc.token_url.partition("/protocol/")[0]
        return {"IDENTITY_ADMIN_URL": realm.replace("/realms/", "/admin/realms/", 1)}

    def _inner(self) -> dict[str, str]:
        return {service.name: f"127.0.0.1:{self.ports[f'{service.name}-api']}" for service in self.services}

    def _upstreams(self) -> dict[str, str]:
        """Return the address behind each route."""
        oidc = self.wish.outside.oidc
        identity = _origin(oidc.issuer) if oidc else f"127.0.0.1:{self.ports['keycloak']}"
        return {**self._inner(), "identity": identity}

    def _addresses(self, service: Manifest) -> dict[str, Any]:
        """Return where a service listens. A process's numbers are at one of two addresses (see `services.SIDES`)."""
        kinds = {"metrics": "api", "worker_metrics": "worker"} if service.worker else {"metrics": "api"}
        return {
            "package": service.package,
            "api": f"http://127.0.0.1:{self.ports[f'{service.name}-api']}",
            **{
                key: [
                    f"http://127.0.0.1:{self.ports[f'{name} metrics{side}']}"
                    for name in services.names(f"{service.name}-{kind}", self.count)
                    for side in services.SIDES
                ]
                for key, kind in kinds.items()
            },
        }

    def targets(self) -> list[dict[str, Any]]:
        """Return where Prometheus finds the numbers of each process, in the form that its `file_sd_configs` reads."""
        kinds = {"metrics": "api", "worker_metrics": "worker"}
        return [
            {
                "targets": [url.removeprefix("http://") for url in found[key]],
                "labels": {"service": service.name, "process": process},
            }
            for service in self.services
            for found in [self._addresses(service)]
            for key, process in kinds.items()
            if key in found
        ]

    def _logins(self) -> list[dict[str, Any]]:
        return [
            {
                "role": login.role,
                "username": login.username,
                "password": self.secrets[PASSWORD_VARIABLE],
                "cluster": login.cluster,
                "cluster_id": ids.cluster_id(login.cluster) if login.cluster else None,
                "person_id": login.person_id,
                "organisations": list(login.organisations),
            }
            for login in people.logins()
        ]

    def _clients(self) -> list[dict[str, Any]]:
        return [
            {
                "client_id": client.client_id,
                "client_secret": self.secrets[client.secret_variable],
                "scopes": list(client.scopes),
                "cluster": client.cluster,
            }
            for client in people.clients()
        ]


def build(folder: Folder, wish: Wish, say: Say) -> Table:
    """Return the table for this folder and wish, downloading what is not in the cache yet."""
    builder = _Builder(folder, wish)
    return Table(tuple(builder.parts(say)), builder.facts(), builder.targets())


def _port_names(wish: Wish) -> list[str]:
    nodes = wish.nodes
    engines = [*services.names("mongo", nodes), *services.names("kafka", nodes)]
    controllers = [f"{name} controller" for name in services.names("kafka", nodes)]
    ours = [name for service in wish.services for name in services.port_names(service, services.PROCESSES[nodes])]
    return [*_ONE_OF_EACH, *engines, *controllers, *ours]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
