"""Makes the realm file from `people.py`: `python -m deploy.identity.realm` writes it anew.

Keycloak's traps, all met here: a realm file that names client scopes suppresses the built-in ones, so `sub` needs its
own mapper; a scope without role mapping goes to everybody; attributes that decide what somebody may see are declared
in the user profile and may be edited by administrators only; without an audience mapper any client's token would do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy.identity import ids
from deploy.identity.people import (
    PEOPLE_SCOPES,
    PROGRAM_ROLES,
    ROLES,
    SCOPES,
    Client,
    Login,
    clients,
    logins,
)

REALM_FILE = Path(__file__).with_name("clusterskills-realm.json")
AUDIENCE = "clusterskills"
PASSWORD_VARIABLE = "CLUSTERSKILLS_DEMO_PASSWORD"  # noqa: S105 - the name of a variable
_ACCESS_TOKEN_SECONDS = 300
_STANDARD = ["basic", "claims", "profile", "email", "web-origins", "acr"]
_PROGRAM_STANDARD = ["basic", "claims"]
THEME = "clusterskills"
LANGUAGES = ("en", "de")
"""Those of the pages: nobody signs in in a language in which nothing else is said."""
Json = dict[str, Any]


def realm() -> Json:
    """Return the whole realm as Keycloak imports it."""
    return {
        "realm": "clusterskills",
        "displayName": "ClusterSkills",
        "enabled": True,
        "sslRequired": "external",
        "registrationAllowed": False,
        "loginWithEmailAllowed": True,
        "resetPasswordAllowed": True,
        "bruteForceProtected": True,
        "failureFactor": 10,
        "waitIncrementSeconds": 60,
        "maxFailureWaitSeconds": 900,
        "accessTokenLifespan": _ACCESS_TOKEN_SECONDS,
        "ssoSessionIdleTimeout": 3600,
        "ssoSessionMaxLifespan": 36_000,
        "defaultSignatureAlgorithm": "RS256",
        "eventsEnabled": True,
        "eventsExpiration": 2_592_000,
        "internationalizationEnabled": True,
        "supportedLocales": list(LANGUAGES),
        "defaultLocale": "en",
        "loginTheme": THEME,
        "smtpServer": _mail_server(),
        "roles": {"realm": [{"name": role} for role in (*ROLES, *PROGRAM_ROLES)]},
        "clientScopes": [*_standard_scopes(), *(_api_scope(name) for name in SCOPES)],
        "scopeMappings": [{"clientScope": name, "roles": list(roles)} for name, roles in SCOPES.items()],
        "defaultDefaultClientScopes": _STANDARD,
        "defaultOptionalClientScopes": ["offline_access"],
        "clients": [_portal(), _command_line(), *(_program(client) for client in clients())],
        "users": [*(_user(login) for login in logins()), *(_service_account(client) for client in clients())],
        "components": {"org.keycloak.userprofile.UserProfileProvider": [_user_profile()]},
    }


def text() -> str:
    """Return the content of the realm file."""
    return json.dumps(realm(), indent=2, ensure_ascii=False) + "\n"


def _mail_server() -> Json:
    return {
        "host": "${CLUSTERSKILLS_SMTP_HOST}",
        "port": "${CLUSTERSKILLS_SMTP_PORT}",
        "starttls": "${CLUSTERSKILLS_SMTP_STARTTLS}",
        "auth": "${CLUSTERSKILLS_SMTP_AUTH}",
        "user": "${CLUSTERSKILLS_SMTP_USER}",
        "password": "${CLUSTERSKILLS_SMTP_PASSWORD}",
        "from": "${CLUSTERSKILLS_MAIL_FROM}",
        "fromDisplayName": "ClusterSkills",
    }


def _standard_scopes() -> list[Json]:
    return [
        _scope("basic", _mapper("sub", "oidc-sub-mapper"), shown=False),
        _scope("claims", *_our_claims(), shown=False),
        _scope("profile", *_name_claims()),
        _scope("email", _property("email", "email")),
        _scope("web-origins", _mapper("allowed web origins", "oidc-allowed-origins-mapper"), shown=False),
        _scope("acr", _mapper("acr loa level", "oidc-acr-mapper", {"id.token.claim": "true"}), shown=False),
        _scope("offline_access"),
    ]


def _our_claims() -> list[Json]:
    audience = {"included.custom.audience": AUDIENCE, "access.token.claim": "true", "id.token.claim": "false"}
    roles = {**_claim("roles", "String"), "multivalued": "true"}
    return [
        _mapper("audience", "oidc-audience-mapper", audience),
        _mapper("roles", "oidc-usermodel-realm-role-mapper", roles),
        _attribute("person_id"),
        _attribute("cluster_id"),
        _attribute("organisation_ids", several=True),
    ]


def _name_claims() -> list[Json]:
    return [
        _property("username", "preferred_username"),
        _property("firstName", "given_name"),
        _property("lastName", "family_name"),
        _mapper("full name", "oidc-full-name-mapper", {**_claim("name", "String"), "access.token.claim": "false"}),
    ]


def _api_scope(name: str) -> Json:
    return _scope(name)


def _scope(name: str, *mappers: Json, shown: bool = True) -> Json:
    return {
        "name": name,
        "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": str(shown).lower(), "display.on.consent.screen": "false"},
        "protocolMappers": list(mappers),
    }


def _mapper(name: str, kind: str, config: dict[str, str] | None = None) -> Json:
    chosen = {"access.token.claim": "true", "introspection.token.claim": "true", **(config or {})}
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": chosen}


def _claim(name: str, kind: str) -> dict[str, str]:
    return {"claim.name": name, "jsonType.label": kind, "id.token.claim": "true", "userinfo.token.claim": "true"}


def _attribute(name: str, *, several: bool = False) -> Json:
    config = {"user.attribute": name, "multivalued": str(several).lower(), **_claim(name, "String")}
    return _mapper(name, "oidc-usermodel-attribute-mapper", config)


def _property(name: str, claim: str) -> Json:
    """A name or mail address goes into the id token for the pages, never into access tokens that services log."""
    config = {"user.attribute": name, **_claim(claim, "String"), "access.token.claim": "false"}
    return _mapper(claim, "oidc-usermodel-attribute-mapper", config)


def _portal() -> Json:
    origins = ["${CLUSTERSKILLS_PUBLIC_URL}", "${CLUSTERSKILLS_PUBLIC_HTTPS_URL}"]
    return {
        **_client("portal", "The pages", [*_STANDARD, *PEOPLE_SCOPES]),
        "publicClient": True,
        "standardFlowEnabled": True,
        "redirectUris": [f"{origin}/callback" for origin in origins],
        "webOrigins": origins,
        "attributes": {
            "pkce.code.challenge.method": "S256",
            "post.logout.redirect.uris": "##".join(f"{origin}/" for origin in origins),
        },
    }


def _command_line() -> Json:
    """The demo's command line signs in by password; a realm for real people should disable this client."""
    return {
        **_client("clusterskills-cli", "The command line, for demonstrations", [*_STANDARD, *PEOPLE_SCOPES]),
        "publicClient": True,
        "directAccessGrantsEnabled": True,
    }


def _program(client: Client) -> Json:
    return {
        **_client(client.client_id, client.client_id, [*_PROGRAM_STANDARD, *client.scopes]),
        "publicClient": False,
        "clientAuthenticatorType": "client-secret",
        "secret": f"${{{client.secret_variable}}}",
        "serviceAccountsEnabled": True,
        "protocolMappers": _facts_of(client),
    }


def _facts_of(client: Client) -> list[Json]:
    """What a program's token names beside its roles: the cluster and the organisations that it acts for."""
    home = [_home(client.cluster)] if client.cluster else []
    return [*home, *([_acts_for(client.organisations)] if client.organisations else [])]


def _acts_for(organisations: tuple[str, ...]) -> Json:
    value = json.dumps([ids.organisation_id(slug) for slug in organisations])
    config = {**_claim("organisation_ids", "JSON"), "claim.value": value}
    return _mapper("organisation_ids", "oidc-hardcoded-claim-mapper", config)


def _home(cluster: str) -> Json:
    config = {**_claim("cluster_id", "String"), "claim.value": ids.cluster_id(cluster)}
    return _mapper("cluster_id", "oidc-hardcoded-claim-mapper", config)


def _client(client_id: str, name: str, scopes: list[str]) -> Json:
    return {
        "clientId": client_id,
        "name": name,
        "enabled": True,
        "protocol": "openid-connect",
        "standardFlowEnabled": False,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "fullScopeAllowed": True,
        "defaultClientScopes": scopes,
        "optionalClientScopes": [],
    }


def _user(login: Login) -> Json:
    attributes = {
        "person_id": [login.person_id],
        "cluster_id": [ids.cluster_id(login.cluster)] if login.cluster else [],
        "organisation_ids": [ids.organisation_id(slug) for slug in login.organisations],
    }
    return {
        "id": ids.subject_id(login.username),
        "username": login.username,
        "email": login.username,
        "emailVerified": True,
        "firstName": login.given_name,
        "lastName": login.family_name,
        "enabled": True,
        "credentials": [{"type": "password", "value": f"${{{PASSWORD_VARIABLE}}}", "temporary": False}],
        "realmRoles": [login.role],
        "attributes": {name: values for name, values in attributes.items() if values},
    }


def _service_account(client: Client) -> Json:
    username = f"service-account-{client.client_id}"
    return {
        "id": ids.subject_id(username),
        "username": username,
        "enabled": True,
        "serviceAccountClientId": client.client_id,
        "realmRoles": [client.role],
        **({"clientRoles": {"realm-management": list(client.manages)}} if client.manages else {}),
    }


def _user_profile() -> Json:
    own = {"view": ["admin", "user"], "edit": ["admin", "user"]}
    given = {"view": ["admin", "user"], "edit": ["admin"]}
    attributes: list[Json] = [
        *({"name": name, "permissions": own} for name in ("email", "firstName", "lastName")),
        {"name": "username", "permissions": given},
        {"name": "person_id", "permissions": given},
        {"name": "cluster_id", "permissions": given},
        {"name": "organisation_ids", "permissions": given, "multivalued": True},
    ]
    config = {"attributes": attributes}  # attributes not named here are refused
    return {"providerId": "declarative-user-profile", "config": {"kc.user.profile.config": [json.dumps(config)]}}


if __name__ == "__main__":
    REALM_FILE.write_text(text(), encoding="utf-8")
