"""The provider's public keys: fetched when first needed, kept, refreshed when a token names one that is not known."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from shared.errors import Unavailable
from shared.logs import get_logger

# What a token may be signed with. No shared secrets (HS*), no `none`.
ALGORITHMS: Final = ("RS256", "ES256", "Ed25519", "EdDSA")
REFRESH_SECONDS: Final = 300.0
_RETRY_SECONDS: Final = 5.0
_FETCH_TIMEOUT_SECONDS: Final = 2.0
# Ed25519 is the newer name (RFC 9864) of what EdDSA with this curve has been.
# Certificates are not looked at, and the algorithm is pinned below.
_NOT_THE_KEY: Final = frozenset({"x5c", "x5t", "x5t#S256", "x5u", "alg", "use", "key_ops"})
_KINDS: Final[dict[type, tuple[str, ...]]] = {RSAKey: ("RS256",), ECKey: ("ES256",), OKPKey: ("Ed25519", "EdDSA")}

log = get_logger(__name__)


class Keys(Protocol):
    """Where the verifier finds keys. `generation` grows whenever the set has changed."""

    @property
    def generation(self) -> int: ...

    def find(self, kid: str | None) -> Key | None:
        """The key of this id; without an id the only key there is. Unavailable when nobody can say."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    by_kid: Mapping[str, Key]
    fetched_at: float


class RemoteKeys:
    """A JWKS address. Keys once seen keep serving while the provider is down; its answer is asked again every five
    minutes (in the background) and when an unknown key id comes (at most every five seconds)."""

    def __init__(self, url: str, *, retry_seconds: float = _RETRY_SECONDS, refresh_seconds: float = REFRESH_SECONDS):
        self._url = url
        self._retry_seconds = retry_seconds
        self._refresh_seconds = refresh_seconds
        self._known: _Known | None = None
        self._tried_at = -retry_seconds
        self._last_try_failed = False
        self._fetching = threading.Lock()
        self.generation = 0

    def find(self, kid: str | None) -> Key | None:
        known = self._known
        if known is None:
            known = self._first()
        elif time.monotonic() - known.fetched_at > self._refresh_seconds:
            self._refresh_in_background()
        key = _pick(known, kid)
        return key or self._find_again(kid)

    def _first(self) -> _Known:
        self._fetch_unless_just_tried()
        if self._known is None:
            raise Unavailable("The identity provider does not answer; try again in a moment.", retry_after=2)
        return self._known

    def _find_again(self, kid: str | None) -> Key | None:
        self._fetch_unless_just_tried()
        found = _pick(self._known, kid) if self._known else None
        if found is None and self._last_try_failed:
            # It may be a new key of theirs: whoever cannot ask must not say that the token is bad.
            raise Unavailable("The identity provider does not answer; try again in a moment.", retry_after=2)
        return found

    def _refresh_in_background(self) -> None:
        if time.monotonic() - self._tried_at >= self._retry_seconds and not self._fetching.locked():
            threading.Thread(target=self._fetch_unless_just_tried, name="jwks", daemon=True).start()

    def _fetch_unless_just_tried(self) -> None:
        with self._fetching:
            if time.monotonic() - self._tried_at < self._retry_seconds:
                return
            self._tried_at = time.monotonic()
            try:
                self._keep(_download(self._url))
                self._last_try_failed = False
            except (httpx.HTTPError, ValueError) as error:
                self._last_try_failed = True
                log.warning("keys not fetched", url=self._url, error=type(error).__name__)

    def _keep(self, keys: Mapping[str, Key]) -> None:
        changed = self._known is None or _prints(self._known.by_kid) != _prints(keys)
        self._known = _Known(keys, time.monotonic())
        if changed:
            self.generation += 1
            log.info("keys fetched", url=self._url, kids=sorted(keys))


def algorithms_of(key: Key) -> tuple[str, ...]:
    """What goes with a key: pinned by its kind, not by what a token says."""
    return _KINDS[type(key)]


def _pick(known: _Known, kid: str | None) -> Key | None:
    if kid is not None:
        return known.by_kid.get(kid)
    return next(iter(known.by_kid.values())) if len(known.by_kid) == 1 else None


def _prints(keys: Mapping[str, Key]) -> dict[str, str]:
    return {kid: key.thumbprint() for kid, key in keys.items()}


def _download(url: str) -> dict[str, Key]:
    response = httpx.get(url, timeout=_FETCH_TIMEOUT_SECONDS, follow_redirects=False)
    response.raise_for_status()
    document = response.json()
    entries = document.get("keys") if isinstance(document, dict) else None
    usable = (_usable(entry) for entry in entries or () if isinstance(entry, dict))
    keys = dict(found for found in usable if found)
    if not keys:
        raise ValueError("no usable key")
    return keys


def _usable(entry: dict[str, Any]) -> tuple[str, Key] | None:
    """A public signing key of an algorithm that we accept; anything else in the set is not for us."""
    if entry.get("use", "sig") != "sig" or entry.get("kty") not in {"RSA", "EC", "OKP"}:
        return None
    try:
        key = import_key({name: value for name, value in entry.items() if name not in _NOT_THE_KEY})
    except (JoseError, ValueError, TypeError):
        return None
    if entry.get("alg", algorithms_of(key)[0]) not in algorithms_of(key):
        return None
    if entry.get("crv") not in {None, "P-256", "Ed25519"}:
        return None
    return str(entry.get("kid") or key.thumbprint()), key
