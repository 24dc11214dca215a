"""Sign-in at an OpenID Connect provider: authorization code with PKCE for a public client. Authlib has the words of the
protocol, joserfc checks the signature, httpx carries them.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import httpx
import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jws
from joserfc.errors import JoseError

from services.portal.sessions import Person, SignedIn, SignIn, Tokens
from services.portal.settings import OidcSettings
from shared.auth.keys import Keys, algorithms_of
from shared.clock import Clock
from shared.errors import Unavailable
from shared.http.problems import Malformed
from shared.logs import get_logger

LEEWAY_SECONDS: Final = 10
_TIMEOUT_SECONDS: Final = 5.0
_KEEP_CONFIGURATION_SECONDS: Final = 3600.0

log = get_logger(__name__)


class SignInRefused(Malformed):
    """The provider's answer is not one to this sign-in."""

    code = "SIGN_IN_REFUSED"


class _Configuration(msgspec.Struct, frozen=True):
    """What we need of the provider's discovery document."""

    issuer: str
    authorization_endpoint: str
    end_session_endpoint: str = ""


class _Tokens(msgspec.Struct, frozen=True):
    """What we need of the token answer."""

    id_token: str
    access_token: str
    refresh_token: str = ""
    expires_in: int = 60


@dataclass(frozen=True, slots=True)
class _Known:
    configuration: _Configuration
    until: float


class Provider:
    """One provider. Nothing is fetched before somebody signs in. Unavailable when it does not answer."""

    def __init__(self, settings: OidcSettings, http: httpx.Client, keys: Keys, now: Clock) -> None:
        self._settings = settings
        self._http = http
        self._keys = keys
        self._now = now
        self._known: _Known | None = None
        self._asking = threading.Lock()

    def sign_in_address(self, state: str, sign_in: SignIn, language: str) -> str:
        """Where to send the browser."""
        return str(
            prepare_grant_uri(
                self._configuration().authorization_endpoint,
                client_id=self._settings.portal_client_id,
                response_type="code",
                redirect_uri=callback_address(sign_in.origin),
                scope="openid profile",
                state=state,
                nonce=sign_in.nonce,
                code_challenge=create_s256_code_challenge(sign_in.verifier),
                code_challenge_method="S256",
                ui_locales=language,
            )
        )

    def sign_out_address(self, id_token: str, back: str) -> str:
        """Where to send the browser so that the provider's own session ends too; `back` where it has no such page."""
        try:
            endpoint = self._configuration().end_session_endpoint
        except Unavailable:
            return back
        if not endpoint:
            return back
        asked = {
            "id_token_hint": id_token,
            "client_id": self._settings.portal_client_id,
            "post_logout_redirect_uri": back,
        }
        return str(httpx.URL(endpoint).copy_merge_params(asked))

    def redeem(self, code: str, sign_in: SignIn) -> SignedIn:
        """Who has signed in, and their tokens. SignInRefused when the code or the token is not good for this sign-in."""
        given = self._tokens(code, sign_in)
        claims = self._verified(given, sign_in.nonce)
        return SignedIn(person=_person(claims, given.id_token), tokens=self._kept(given))

    def renew(self, refresh: str) -> Tokens:
        """New tokens. SignInRefused when the provider has ended the session, on whichever of its pages."""
        client = {"client_id": self._settings.portal_client_id}
        return self._kept(self._ask({"grant_type": "refresh_token", "refresh_token": refresh, **client}))

    def _kept(self, given: _Tokens) -> Tokens:
        expires_at = self._now() + timedelta(seconds=given.expires_in)
        return Tokens(access=given.access_token, refresh=given.refresh_token, expires_at=expires_at)

    def check_issuer(self, named: str | None) -> None:
        """RFC 9207: an answer that names its issuer must come from ours."""
        if named is not None and named != self._settings.oidc_issuer:
            raise SignInRefused("The answer comes from another identity provider.")

    def _tokens(self, code: str, sign_in: SignIn) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback_address(sign_in.origin),
            "client_id": self._settings.portal_client_id,
            "code_verifier": sign_in.verifier,
        }
        return self._ask(form)

    def _ask(self, form: Mapping[str, str]) -> _Tokens:
        try:
            answer = self._http.post(self._settings.oidc_token_url, data=dict(form), timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise _away() from error
        if answer.status_code >= 500:
            raise _away()
        if answer.status_code != 200:
            raise SignInRefused("The identity provider did not accept it.")
        try:
            return msgspec.json.decode(answer.content, type=_Tokens)
        except msgspec.DecodeError as error:
            raise _away() from error

    def _verified(self, tokens: _Tokens, nonce: str) -> Mapping[str, Any]:
        """The id token's claims, its signature and every claim checked (OpenID Connect Core 3.1.3.7)."""
        header, claims = self._signed(tokens.id_token)
        token = CodeIDToken(
            claims,
            header,
            options={
                "iss": {"essential": True, "value": self._settings.oidc_issuer},
                "aud": {"essential": True, "value": self._settings.portal_client_id},
                "nonce": {"essential": True},
            },
            params={
                "nonce": nonce,
                "client_id": self._settings.portal_client_id,
                "access_token": tokens.access_token,
            },
        )
        try:
            token.validate(now=int(time.time()), leeway=LEEWAY_SECONDS)
        except Exception as error:
            log.warning("id token refused", error=type(error).__name__)
            raise SignInRefused("The id token is not good for this sign-in.") from error
        return claims

    def _signed(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            header = dict(jws.extract_compact(token.encode()).headers())
            key = self._keys.find(header.get("kid"))
            if key is None:
                raise SignInRefused("The id token is signed with a key that the issuer does not have.")
            signed = jws.deserialize_compact(token, key, algorithms=list(algorithms_of(key)))
            return header, msgspec.json.decode(signed.payload, type=dict[str, Any])
        except (JoseError, msgspec.DecodeError, ValueError, TypeError) as error:
            raise SignInRefused("The id token is not one.") from error

    def _configuration(self) -> _Configuration:
        with self._asking:
            if self._known is None or self._known.until < time.monotonic():
                self._known = _Known(self._discover(), time.monotonic() + _KEEP_CONFIGURATION_SECONDS)
            return self._known.configuration

    def _discover(self) -> _Configuration:
        issuer = self._settings.oidc_issuer
        address = self._settings.oidc_configuration_url or f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            answer = self._http.get(address, timeout=_TIMEOUT_SECONDS).raise_for_status()
            found = msgspec.json.decode(answer.content, type=_Configuration)
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise _away() from error
        if found.issuer != issuer:
            log.error("the provider names another issuer", expected=issuer, found=found.issuer)
            raise _away()
        return found


def callback_address(origin: str) -> str:
    """Where the provider sends the browser back to."""
    return f"{origin}/callback"


def _away() -> Unavailable:
    return Unavailable("The identity provider does not answer; try again in a moment.", retry_after=5)


def _person(claims: Mapping[str, Any], id_token: str) -> Person:
    return Person(
        subject=str(claims["sub"]),
        name=str(claims.get("name") or claims.get("preferred_username") or ""),
        roles=_words(claims.get("roles")),
        person_id=_word(claims.get("person_id")),
        cluster_id=_word(claims.get("cluster_id")),
        organisation_ids=_words(claims.get("organisation_ids")),
        id_token=id_token,
    )


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _words(value: object) -> tuple[str, ...]:
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()
