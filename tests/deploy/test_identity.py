"""The realm as file and as served: tokens carry what services check, and nobody gets a scope that is not theirs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from deploy.identity import ids, people, realm
from tests.stack import Stack

SCOPES_PAGE = Path(__file__).parents[2] / "docs" / "scopes.md"


def test_the_realm_file_is_what_its_tables_make() -> None:
    assert realm.REALM_FILE.read_text(encoding="utf-8") == realm.text(), "run `python -m deploy.identity.realm`"


def test_the_realm_file_holds_no_secret() -> None:
    content = json.loads(realm.REALM_FILE.read_text(encoding="utf-8"))
    secrets = [client["secret"] for client in content["clients"] if "secret" in client]
    secrets += [item["value"] for user in content["users"] for item in user.get("credentials", [])]

    assert secrets
    assert all(secret.startswith("${CLUSTERSKILLS_") for secret in secrets)


def test_ids_stay_the_same_for_ever() -> None:
    assert ids.cluster_id("wfr-heilbronn") == "aa45def6-084c-52fc-8ca9-95ad15bb1e88"
    assert ids.person_id("trainer@heilbronn.example") == "e9253afa-7c5b-5e61-aa65-79e08f304e05"
    assert ids.organisation_id("musterwerk-fraestechnik") != ids.cluster_id("musterwerk-fraestechnik")


def test_a_trainers_token_names_person_cluster_organisations_roles_and_scopes(stack: Stack) -> None:
    claims = _verified(stack, stack.token("trainer@heilbronn.example"))

    assert claims["iss"] == stack.facts["oidc"]["issuer"]
    assert "clusterskills" in claims["aud"]
    assert claims["sub"] == ids.subject_id("trainer@heilbronn.example")
    assert claims["azp"] == "clusterskills-cli"
    assert claims["person_id"] == ids.person_id("trainer@heilbronn.example")
    assert claims["cluster_id"] == ids.cluster_id("wfr-heilbronn")
    assert claims["organisation_ids"] == [ids.organisation_id("musterakademie-heilbronn")]
    assert claims["roles"] == ["trainer"]
    assert _scopes(claims) == _scopes_of("trainer")


@pytest.mark.parametrize("role", [role for role in people.ROLES if role != "operator"])
def test_each_role_gets_its_scopes_and_no_other(stack: Stack, role: str) -> None:
    found = [login.username for login in people.logins() if login.role == role]
    chosen = next((name for name in found if name.endswith("@moravia.example")), found[0])

    assert _scopes(_verified(stack, stack.token(chosen))) == _scopes_of(role)


def test_a_token_names_no_person_in_words(stack: Stack) -> None:
    claims = _verified(stack, stack.token("worker@aragon.example"))

    assert not {"name", "email", "given_name", "family_name", "preferred_username"} & claims.keys()


def test_a_partners_portal_acts_for_its_own_cluster_only(stack: Stack) -> None:
    claims = _verified(stack, stack.client_token("partner-mobinov"))

    assert claims["cluster_id"] == ids.cluster_id("mobinov")
    assert _scopes(claims) == set(people.PARTNER_SCOPES)
    assert "person_id" not in claims


def test_a_providers_program_names_the_provider_it_acts_for(stack: Stack) -> None:
    claims = _verified(stack, stack.client_token("provider-zone"))

    assert claims["organisation_ids"] == [ids.organisation_id("minta-akademia-zala")]
    assert claims["cluster_id"] == ids.cluster_id("zone")


def test_the_table_of_scopes_is_what_the_realm_file_says() -> None:
    mapped = json.loads(realm.REALM_FILE.read_text(encoding="utf-8"))["scopeMappings"]
    rows = re.findall(r"^\| `([a-z:]+)` \|[^|]+\|([^|]+)\|$", SCOPES_PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert {scope: set(re.findall(r"`([\w-]+)`", roles)) for scope, roles in rows} == {
        one["clientScope"]: set(one["roles"]) for one in mapped
    }


def test_a_program_cannot_ask_for_more_than_its_role_may_have(stack: Stack) -> None:
    secret = next(c["client_secret"] for c in stack.facts["clients"] if c["client_id"] == "names-certificate")
    form = {"grant_type": "client_credentials", "client_id": "names-certificate", "client_secret": secret}
    answer = httpx.post(stack.facts["oidc"]["token_url"], data=form | {"scope": "operations"}, timeout=30)

    assert answer.status_code == httpx.codes.BAD_REQUEST


def test_nobody_changes_the_cluster_of_their_own_account(stack: Stack) -> None:
    header = {"Authorization": f"Bearer {stack.token('worker@friuli.example')}"}
    account = stack.facts["oidc"]["issuer"] + "/account"
    changed = {"attributes": {"cluster_id": [ids.cluster_id("zone")]}}
    httpx.post(account, headers=header, json=changed, timeout=30)

    claims = _verified(stack, stack.token("worker@friuli.example"))
    assert claims["cluster_id"] == ids.cluster_id("comet-fvg")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_issuer_is_the_same_on_both_addresses(stack: Stack, scheme: str) -> None:
    base = {"http": stack.url, "https": stack.https_url}[scheme]
    address = f"{base}/auth/realms/clusterskills/.well-known/openid-configuration"
    answer = httpx.get(address, verify=stack.tls, timeout=30).raise_for_status().json()

    assert answer["issuer"] == stack.facts["oidc"]["issuer"]


def test_a_token_asked_for_by_https_is_good(stack: Stack) -> None:
    secret = next(c["client_secret"] for c in stack.facts["clients"] if c["client_id"] == "platform-operator")
    form = {"grant_type": "client_credentials", "client_id": "platform-operator", "client_secret": secret}
    address = f"{stack.https_url}/auth/realms/clusterskills/protocol/openid-connect/token"
    answer = httpx.post(address, data=form, verify=stack.tls, timeout=30).raise_for_status().json()

    assert "operations" in _scopes(_verified(stack, answer["access_token"]))


def _verified(stack: Stack, token: str) -> dict[str, Any]:
    keys = httpx.get(stack.facts["oidc"]["jwks_url"], timeout=30).raise_for_status().json()
    return jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims


def _scopes(claims: dict[str, Any]) -> set[str]:
    return set(claims["scope"].split()) - {"profile", "email"}


def _scopes_of(role: str) -> set[str]:
    return {scope for scope, roles in people.SCOPES.items() if role in roles}


def test_the_discovery_document_does_not_repeat_a_forged_host(stack: Stack) -> None:
    address = "/auth/realms/clusterskills/.well-known/openid-configuration"
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    answers = [httpx.get(f"{stack.url}{address}", headers=forged), httpx.get(f"{stack.url}{address}")]

    assert answers[0].json() == answers[1].json()
    assert "evil.example" not in answers[0].text
    assert answers[0].json()["token_endpoint"].startswith(f"{stack.url}/auth/")


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize("endpoint", ["token", "userinfo"])
def test_no_page_of_another_origin_may_read_what_the_provider_answers(stack: Stack, method: str, endpoint: str) -> None:
    address = f"{stack.url}/auth/realms/clusterskills/protocol/openid-connect/{endpoint}"
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    form = {"grant_type": "authorization_code", "client_id": "portal", "code": "x"}
    answer = httpx.request(method, address, headers=asked, data=form if method == "POST" else None, timeout=30)

    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_the_provider_leads_back_to_the_pages_own_addresses_only(stack: Stack) -> None:
    address = f"{stack.url}/auth/realms/clusterskills/protocol/openid-connect/auth"
    asked = {
        "client_id": "portal",
        "response_type": "code",
        "scope": "openid",
        "code_challenge_method": "S256",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    }
    back = [f"{stack.url}/callback", f"{stack.https_url}/callback"]
    elsewhere = [f"{stack.url}/callback/x", f"{stack.url}/", f"{stack.url}/verify?x=1", "https://evil.example/callback"]
    found = [httpx.get(address, params={**asked, "redirect_uri": uri}, timeout=30) for uri in (*back, *elsewhere)]

    assert [answer.status_code for answer in found] == [200, 200, 400, 400, 400, 400]


def test_signing_out_leads_back_to_the_start_page_only(stack: Stack) -> None:
    address = f"{stack.url}/auth/realms/clusterskills/protocol/openid-connect/logout"
    asked = {"client_id": "portal"}
    places = (f"{stack.url}/", f"{stack.https_url}/", f"{stack.url}/verify", "https://evil.example/")
    found = [httpx.get(address, params={**asked, "post_logout_redirect_uri": uri}, timeout=30) for uri in places]

    assert [answer.status_code for answer in found] == [302, 302, 400, 400]
