"""The directory with callers who sign in at the real Keycloak, and what they made there."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from deploy.identity import ids
from services.directory_service.adapters.identity import Identity
from shared.auth.client import ClientCredentials
from tests.directory_service.calling import Directory
from tests.stack import Stack

CLUSTER = ids.cluster_id("wfr-heilbronn")
COMPANY = ids.organisation_id("musterwerk-fraestechnik")
ACADEMY = ids.organisation_id("musterakademie-heilbronn")
_CLI = "clusterskills-cli"


@dataclass
class SignedIn:
    """Callers with real tokens. What they made at Keycloak is removed by `leave`."""

    directory: Directory
    stack: Stack
    made: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        operator = self.program("platform-operator")
        self.directory.made("/v1/organisations", operator, _organisation(CLUSTER, "cluster"))
        self.directory.made("/v1/organisations", operator, _organisation(COMPANY, "sme"))
        self.directory.made("/v1/organisations", operator, _organisation(ACADEMY, "training_provider"))

    def who(self, role: str) -> dict[str, str]:
        """One of the demo's people of Heilbronn."""
        if role not in self.tokens:
            self.tokens[role] = _bearer(self.stack.token(f"{role}@heilbronn.example"))
        return self.tokens[role]

    def program(self, client_id: str) -> dict[str, str]:
        """One of the demo's programs."""
        return _bearer(self.stack.client_token(client_id))

    def make_key(self, **facts: Any) -> Any:
        """A key that the manager makes."""
        made = self.directory.made("/v1/clients", self.who("manager"), {"name": "Test", "kind": "portal", **facts})
        self.made.append(made["id"])
        return made

    def sign_in(self, key: Any, secret: str | None = None) -> httpx.Response:
        """What the identity provider answers to a program."""
        form = {"grant_type": "client_credentials"}
        return self._ask(form, auth=(key["client_id"], secret or key["secret"]))

    def sign_in_person(self, username: str, password: str) -> httpx.Response:
        """What the identity provider answers to a person."""
        return self._ask({"grant_type": "password", "client_id": _CLI, "username": username, "password": password})

    @property
    def identity(self) -> Identity:
        """The realm, by the directory's own client."""
        oidc = self.stack.facts["oidc"]
        secret = self.stack.client_secret("identity-directory")
        credentials = ClientCredentials(oidc["token_url"], "identity-directory", secret)
        return Identity(oidc["issuer"].replace("/realms/", "/admin/realms/"), credentials)

    def leave(self) -> None:
        """Remove what was made."""
        identity = self.identity
        for program_id in self.made:
            identity.end_program(program_id)
        for person_id in self.people:
            identity.end_logins(person_id)

    def _ask(self, form: dict[str, str], **options: Any) -> httpx.Response:
        return httpx.post(self.stack.facts["oidc"]["token_url"], data=form, timeout=30, **options)


def bearer(answer: httpx.Response) -> dict[str, str]:
    """The caller who was given this token."""
    return _bearer(answer.raise_for_status().json()["access_token"])


def claims(answer: httpx.Response) -> Any:
    """What the token says."""
    part = answer.raise_for_status().json()["access_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=="))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _organisation(organisation_id: str, kind: str) -> dict[str, str]:
    return {"id": organisation_id, "cluster_id": CLUSTER, "type": kind, "legal_name": kind, "country": "DE"}
