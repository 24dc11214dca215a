"""Verify access tokens. Each token is checked once and remembered by its hash until it expires or the keys change."""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from shared.auth.caller import Caller
from shared.auth.keys import ALGORITHMS, Keys, RemoteKeys, algorithms_of
from shared.errors import Forbidden, Unauthenticated, Violation
from shared.settings import setting

LEEWAY_SECONDS: Final = 10
_MOST_TOKENS: Final = 10_000
_LONGEST_TOKEN: Final = 16_384
_HEADER_TYPES: Final = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})
# Keycloak writes "Bearer" into access tokens, "ID" and "Refresh" into the others; other providers write nothing.
_CLAIM_TYPES: Final = frozenset({None, "bearer"})


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Which OpenID Connect provider we believe."""

    oidc_issuer: str = setting(
        "OIDC_ISSUER", "Issuer of the tokens we accept", example="https://id.example.org/auth/realms/clusterskills"
    )
    oidc_jwks_url: str = setting(
        "OIDC_JWKS_URL",
        "Where the issuer's public keys are, as seen from the services",
        example="http://keycloak:8080/auth/realms/clusterskills/protocol/openid-connect/certs",
    )
    oidc_audience: str = setting(
        "OIDC_AUDIENCE", "Audience a token must name", example="clusterskills", default="clusterskills"
    )


class _Registry(JWSRegistry):
    """Joserfc's algorithms without its opinion on their names: which of them count is decided here."""

    max_header_length = 4096  # some providers put their certificate there

    def get_alg(self, name: str) -> Any:
        """The algorithm, which has been checked against the key before."""
        return self.algorithms[name]


_REGISTRY: Final = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    expires_at: float
    generation: int


class TokenVerifier:
    """Says who calls, by a signed access token of one issuer for one audience.

    Raises Unauthenticated for every token that is not exactly that, and Unavailable when the keys cannot be had.
    """

    def __init__(
        self,
        issuer: str,
        jwks_url: str,
        audience: str,
        *,
        keys: Keys | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys or RemoteKeys(jwks_url)
        self._now = now
        self._seen: dict[bytes, _Verified] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: AuthSettings) -> "TokenVerifier":
        """The verifier that the settings describe. Nothing is fetched before the first token."""
        return cls(settings.oidc_issuer, settings.oidc_jwks_url, settings.oidc_audience)

    def verify(self, token: str) -> Caller:
        """The caller that this token names."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        seen = self._seen.get(digest)
        if seen and seen.expires_at > self._now() and seen.generation == self._keys.generation:
            return seen.caller
        verified = self._check(token)
        self._remember(digest, verified)
        return verified.caller

    def _check(self, token: str) -> _Verified:
        if len(token) > _LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
            raise _refused("It is not a signed token.")
        header = _header_of(token)
        _check_header(header)
        key = self._keys.find(header.get("kid"))
        generation = self._keys.generation
        if key is None:
            raise _refused("It is signed with a key that the issuer does not have.")
        if header["alg"] not in algorithms_of(key):
            raise _refused("Its algorithm does not go with its key.")
        try:
            payload = jws.deserialize_compact(token, key, registry=_REGISTRY).payload
        except (JoseError, ValueError, TypeError) as error:
            raise _refused("Its signature is wrong.") from error
        claims = _object(payload)
        self._check_claims(claims)
        return _Verified(_caller(claims), float(claims["exp"]) + LEEWAY_SECONDS, generation)

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        audience = claims.get("aud")
        if claims.get("iss") != self._issuer:
            raise _refused("It comes from another issuer.")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise _refused("It is meant for another audience.")
        if not _is_number(claims.get("exp")):
            raise _refused("It never expires.")
        if claims["exp"] + LEEWAY_SECONDS <= now:
            raise _refused("It has expired.")
        for claim in ("nbf", "iat"):
            if claim in claims and not (_is_number(claims[claim]) and claims[claim] - LEEWAY_SECONDS <= now):
                raise _refused("It is not valid yet.")
        if _lower(claims.get("typ")) not in _CLAIM_TYPES:
            raise _refused("It is not an access token.")

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        with self._lock:
            if len(self._seen) >= _MOST_TOKENS:
                self._forget_some()
            self._seen[digest] = verified

    def _forget_some(self) -> None:
        """Drop what has expired; if that is not a tenth, also the ones remembered first."""
        now = self._now()
        for digest in [digest for digest, seen in self._seen.items() if seen.expires_at <= now]:
            del self._seen[digest]
        surplus = len(self._seen) - _MOST_TOKENS * 9 // 10
        for digest in list(self._seen)[: max(surplus, 0)]:
            del self._seen[digest]


def acting_for(caller: Caller, organisation: str | None) -> Caller:
    """The caller with the employer picked for this request (header Acting-Organisation); the only one needs no pick.

    Raises Forbidden when the token does not name that organisation.
    """
    if organisation is None:
        if len(caller.organisation_ids) != 1:
            return caller
        return replace(caller, acting_organisation=next(iter(caller.organisation_ids)))
    if organisation not in caller.organisation_ids:
        raise Forbidden(
            "The token does not name the organisation that Acting-Organisation picks.",
            code="ORGANISATION_NOT_YOURS",
            violations=[
                Violation(
                    field="Acting-Organisation",
                    code="ORGANISATION_NOT_YOURS",
                    message="Not one of the token's organisations.",
                    required=sorted(caller.organisation_ids),
                )
            ],
        )
    return replace(caller, acting_organisation=organisation)


def _check_header(header: Mapping[str, Any]) -> None:
    if header.get("alg") not in ALGORITHMS:
        raise _refused("It is not signed with an algorithm that we accept.")
    if "crit" in header or "b64" in header:
        raise _refused("It asks for an extension that we do not know.")
    if _lower(header.get("typ")) not in _HEADER_TYPES:
        raise _refused("It is not an access token.")
    if not isinstance(header.get("kid"), str | None):
        raise _refused("Its key id is not a text.")


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject = _text(claims, "sub")
    if not subject:
        raise _refused("It names no subject.")
    organisations = _texts(claims, "organisation_ids")
    only = next(iter(organisations)) if len(organisations) == 1 else None
    return Caller(
        subject=subject,
        client_id=_text(claims, "azp") or _text(claims, "client_id") or "",
        person_id=_text(claims, "person_id"),
        cluster_id=_text(claims, "cluster_id"),
        organisation_ids=organisations,
        acting_organisation=only,
        roles=_texts(claims, "roles"),
        scopes=frozenset((_text(claims, "scope") or "").split()),
    )


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise _refused(f"Its claim {name} is not a text.")
    return value or None


def _texts(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """A list of texts; providers write a single one without the list."""
    value = claims.get(name)
    values = [value] if isinstance(value, str) else value or []
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise _refused(f"Its claim {name} is not a list of texts.")
    return frozenset(values)


def _header_of(token: str) -> dict[str, Any]:
    try:
        return _object(urlsafe_b64decode(token.split(".", 1)[0].encode("ascii")))
    except ValueError as error:
        raise _refused("Its header cannot be read.") from error


def _object(raw: bytes | None) -> dict[str, Any]:
    try:
        value = orjson.loads(raw or b"")
    except ValueError as error:
        raise _refused("It cannot be read.") from error
    if not isinstance(value, dict):
        raise _refused("It cannot be read.")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"The access token is not accepted. {why}", code="INVALID_TOKEN")
