"""Keycloak's admin API: programs' keys and people's logins. Each step may be repeated and then changes nothing more."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from shared.auth.client import ClientCredentials
from shared.errors import Conflict, Unavailable

_SECONDS: Final = 5.0
_MARK: Final = "clusterskills.key"
_ALWAYS: Final = ("basic", "claims")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program as the identity provider knows it: `id` is ours too, `role` what its service account has."""

    id: str
    client_id: str
    name: str
    role: str
    scopes: tuple[str, ...]
    cluster_id: str
    organisation_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Somebody who will sign in with `email` as the user name."""

    email: str
    given_name: str
    family_name: str
    role: str
    person_id: str
    cluster_id: str
    organisation_ids: tuple[str, ...] = ()


class Identity:
    """The realm, as our own client may change it. Unavailable when it does not answer as it should."""

    def __init__(self, admin_url: str, auth: ClientCredentials) -> None:
        """`admin_url`: .../admin/realms/{realm}, as seen from here."""
        self._auth = auth
        self._http = httpx.Client(base_url=admin_url, auth=auth, timeout=_SECONDS, trust_env=False)

    # -- programs

    def make_program(self, program: Program) -> None:
        """Make the client with its claims, scopes and role."""
        answer = self._call("POST", "/clients", json=_client(program), known=(400, 409))
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise Conflict("The identity provider does not take a key of this name.", code="KEY_REFUSED")
        account = self._call("GET", f"/clients/{program.id}/service-account-user").json()
        self._give_role(account["id"], program.role)

    def secret(self, program_id: str) -> str | None:
        """Its present secret; None when there is no such client any more."""
        answer = self._call("GET", f"/clients/{program_id}/client-secret", known=(404,))
        return None if answer.status_code == httpx.codes.NOT_FOUND else str(answer.json()["value"])

    def rotate(self, program_id: str) -> None:
        """Make a new secret. The old one gets no token from now on."""
        self._call("POST", f"/clients/{program_id}/client-secret")

    def end_program(self, program_id: str) -> None:
        """Remove the client: it gets no token from now on."""
        self._call("DELETE", f"/clients/{program_id}", known=(404,))

    def programs(self) -> list[str]:
        """Ids of all clients that were made here.

        The mark is looked at here: Keycloak leaves out of a search what it does not hold searchable, and lists everybody.
        """
        found: list[str] = []
        first = 0
        while page := self._call("GET", "/clients", params={"first": first, "max": 200}).json():
            found += [client["id"] for client in page if client.get("attributes", {}).get(_MARK) == "true"]
            first += len(page)
        return found

    def last_used(self, client_id: str) -> datetime | None:
        """When it last got a token, within the time for which the provider keeps its events."""
        query = {"client": client_id, "type": "CLIENT_LOGIN", "max": 1}
        events = self._call("GET", "/events", params=query).json()
        return datetime.fromtimestamp(events[0]["time"] / 1000, UTC) if events else None

    def token_seconds(self) -> int:
        """How long a token is good that was given out: also after its program's end. Our own says it for all."""
        part = self._auth.token().split(".")[1]
        claims = json.loads(urlsafe_b64decode(part + "=="))
        return int(claims["exp"] - claims["iat"])

    # -- people

    def make_login(self, login: Login, password: str) -> None:
        """Let somebody sign in. Conflict when there is a login with this address that is somebody else's."""
        body = _user(login, password)
        answer = self._call("POST", "/users", json=body, known=(400, 409))
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise Conflict("The identity provider does not take this password or address.", code="LOGIN_REFUSED")
        self._give_role(self._login(login), login.role)

    def end_role(self, person_id: str, role: str) -> None:
        """Take a role from a person and end their sessions. A login without any role of ours is removed."""
        for user_id in self._logins_of(person_id):
            path = f"/users/{user_id}/role-mappings/realm"
            held = self._call("GET", path).json()
            self._call("DELETE", path, json=[one for one in held if one["name"] == role], known=(404,))
            if {one["name"] for one in held if not _everybody_has(one["name"])} <= {role}:
                self._call("DELETE", f"/users/{user_id}", known=(404,))
            else:
                self._call("POST", f"/users/{user_id}/logout", known=(404,))

    def end_logins(self, person_id: str) -> int:
        """Remove each login of a person; returns how many there were."""
        ours = self._logins_of(person_id)
        for user_id in ours:
            self._call("DELETE", f"/users/{user_id}", known=(404,))
        return len(ours)

    # -- inside

    def _logins_of(self, person_id: str) -> list[str]:
        found = self._call("GET", "/users", params={"q": f"person_id:{person_id}", "max": 10}).json()
        return [user["id"] for user in found if user.get("attributes", {}).get("person_id") == [person_id]]

    def _login(self, login: Login) -> str:
        """The id of the login, which must be this person's: who repeats what failed half-way finds the own one."""
        found = self._call("GET", "/users", params={"username": login.email, "exact": "true"}).json()
        for user in found:
            if user.get("attributes", {}).get("person_id") == [login.person_id]:
                self._act_for(user, login.organisation_ids)
                return str(user["id"])
        raise Conflict("Somebody signs in with this address already.", code="LOGIN_EXISTS")

    def _act_for(self, user: Json, organisation_ids: Sequence[str]) -> None:
        """A login acts for the organisations it was made for. A role for others would hold for those as well: refused."""
        known = user.get("attributes", {}).get("organisation_ids", [])
        if set(known) == set(organisation_ids) or not organisation_ids:
            return
        if known:
            raise Conflict(
                "This person signs in for other organisations already; a login acts for one set of them.",
                code="LOGIN_EXISTS",
            )
        attributes = {**user.get("attributes", {}), "organisation_ids": list(organisation_ids)}
        self._call("PUT", f"/users/{user['id']}", json={**user, "attributes": attributes})

    def _give_role(self, user_id: str, role: str) -> None:
        """Only roles that it does not have yet are offered: nothing to do is no error."""
        offered = self._call("GET", f"/users/{user_id}/role-mappings/realm/available").json()
        wanted = [one for one in offered if one["name"] == role]
        if wanted:
            self._call("POST", f"/users/{user_id}/role-mappings/realm", json=wanted)

    def _call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        known: tuple[int, ...] = (),
    ) -> httpx.Response:
        try:
            answer = self._http.request(method, path, json=json, params=params)
        except httpx.HTTPError as error:
            raise Unavailable("The identity provider does not answer; try again in a moment.") from error
        if not (answer.is_success or answer.status_code in known):
            raise Unavailable(f"The identity provider refused ({answer.status_code}); try again in a moment.")
        return answer


def _client(program: Program) -> Json:
    claims = [_claim("cluster_id", program.cluster_id, "String")]
    if program.organisation_ids:
        claims.append(_claim("organisation_ids", json.dumps(list(program.organisation_ids)), "JSON"))
    return {
        "id": program.id,
        "clientId": program.client_id,
        "name": program.name,
        "enabled": True,
        "protocol": "openid-connect",
        "publicClient": False,
        "clientAuthenticatorType": "client-secret",
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "fullScopeAllowed": True,
        "defaultClientScopes": [*_ALWAYS, *program.scopes],
        "optionalClientScopes": [],
        "protocolMappers": claims,
        "attributes": {_MARK: "true"},
    }


def _claim(name: str, value: str, kind: str) -> Json:
    config = {
        "claim.name": name,
        "claim.value": value,
        "jsonType.label": kind,
        "access.token.claim": "true",
        "introspection.token.claim": "true",
        "id.token.claim": "false",
        "userinfo.token.claim": "false",
    }
    mapper = "oidc-hardcoded-claim-mapper"
    return {"name": name, "protocol": "openid-connect", "protocolMapper": mapper, "config": config}


def _everybody_has(role: str) -> bool:
    """Whether Keycloak gives this role to each login by itself."""
    return role in {"offline_access", "uma_authorization"} or role.startswith("default-roles-")


def _user(login: Login, password: str) -> Json:
    attributes = {
        "person_id": [login.person_id],
        "cluster_id": [login.cluster_id],
        "organisation_ids": list(login.organisation_ids),
    }
    return {
        "username": login.email,
        "email": login.email,
        "emailVerified": True,
        "firstName": login.given_name,
        "lastName": login.family_name,
        "enabled": True,
        "attributes": {name: values for name, values in attributes.items() if values},
        "credentials": [{"type": "password", "value": password, "temporary": False}],
    }
