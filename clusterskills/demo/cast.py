"""Who acts in the demo: the people and programs of a running stack, each with their own token."""

from functools import cached_property
from pathlib import Path
from typing import Any

from clusterskills.client import Api, PasswordLogin
from shared.auth.client import ClientCredentials
from shared.bus.kafka import KafkaSettings

CLI_CLIENT = "clusterskills-cli"


class Cast:
    """Callers of one stack, made from its `stack.json`."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self.url: str = facts["url"]
        self.https_url: str = facts["https_url"]
        self.ca_file = Path(facts["ca_file"])
        self._token_url: str = facts["oidc"]["token_url"]
        self._made: dict[str, Api] = {}

    @cached_property
    def outsider(self) -> Api:
        """Somebody without any token."""
        return self._keep("outsider", Api(self.url))

    @cached_property
    def outsider_https(self) -> Api:
        """Somebody without any token, by https."""
        return self._keep("outsider https", Api(self.https_url, ca_file=self.ca_file))

    def person(self, role: str, cluster: str = "wfr-heilbronn") -> Api:
        """The demo's person in this role of this cluster."""
        name = f"{role} {cluster}"
        if name not in self._made:
            login = next(
                x for x in self.facts["logins"] if x["role"] == role and (x["cluster"] == cluster or role == "operator")
            )
            auth = PasswordLogin(self._token_url, CLI_CLIENT, login["username"], login["password"])
            self._keep(name, Api(self.url, auth))
        return self._made[name]

    def username(self, role: str, cluster: str = "wfr-heilbronn") -> str:
        """How that person signs in."""
        found: str = next(
            x["username"]
            for x in self.facts["logins"]
            if x["role"] == role and (x["cluster"] == cluster or role == "operator")
        )
        return found

    def program(self, client_id: str) -> Api:
        """A program with its own client."""
        if client_id not in self._made:
            client = next(x for x in self.facts["clients"] if x["client_id"] == client_id)
            auth = ClientCredentials(self._token_url, client_id, client["client_secret"])
            self._keep(client_id, Api(self.url, auth))
        return self._made[client_id]

    def token(self, client_id: str) -> str:
        """An access token of a program."""
        client = next(x for x in self.facts["clients"] if x["client_id"] == client_id)
        return ClientCredentials(self._token_url, client_id, client["client_secret"]).token()

    def kafka(self) -> KafkaSettings:
        """Where the events cross."""
        return KafkaSettings(kafka_bootstrap=self.facts["kafka"])

    def close(self) -> None:
        """Close all connections."""
        for api in self._made.values():
            api.close()

    def _keep(self, name: str, api: Api) -> Api:
        self._made[name] = api
        return api
