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
_FIRST_PATIENCE_SECONDS: Final = 2.5
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
    minutes and when an unknown key id comes (at most every five seconds).

    Asking happens in a thread of its own. Only who comes before any key is known waits for it; afterwards nobody does,
    whatever key ids strangers make up, unless `patience_seconds` says so: for tokens that the provider itself handed us.
    """

    def __init__(
        self,
        url: str,
        *,
        retry_seconds: float = _RETRY_SECONDS,
        refresh_seconds: float = REFRESH_SECONDS,
        patience_seconds: float = 0.0,
    ) -> None:
        self._url = url
        self._retry_seconds = retry_seconds
        self._refresh_seconds = refresh_seconds
        self._patience_seconds = patience_seconds
        self._known: _Known | None = None
        self._tried_at = -retry_seconds
        self._last_try_failed = False
        self._asking = False
        self._settled = threading.Condition()
        self.generation = 0

    def find(self, kid: str | None) -> Key | None:
        known = self._known
        if known is None:
            self._ask(_FIRST_PATIENCE_SECONDS)
        elif time.monotonic() - known.fetched_at > self._refresh_seconds:
            self._ask(0)
        found = self._pick(kid)
        if found is None and known is not None:
            self._ask(self._patience_seconds)
            found = self._pick(kid)
        if found is None and (self._known is None or self._asking or self._last_try_failed):
            # It may be a new key of theirs: whoever cannot ask must not say that the token is bad.
            raise Unavailable("The identity provider does not answer; try again in a moment.", retry_after=1)
        return found

    def _pick(self, kid: str | None) -> Key | None:
        return _pick(self._known, kid) if self._known else None

    def _ask(self, patience: float) -> None:
        """Begin to ask, unless that is under way or was done just now; wait for the end as long as `patience` says."""
        with self._settled:
            if not self._asking and time.monotonic() - self._tried_at >= self._retry_seconds:
                self._asking = True
                threading.Thread(target=self._fetch, name="jwks", daemon=True).start()
            if patience:
                self._settled.wait_for(lambda: not self._asking, patience)

    def _fetch(self) -> None:
        failed = True
        try:
            self._keep(_download(self._url))
            failed = False
        except (httpx.HTTPError, ValueError) as error:
            log.warning("keys not fetched", url=self._url, error=type(error).__name__)
        finally:
            with self._settled:
                self._asking, self._last_try_failed, self._tried_at = False, failed, time.monotonic()
                self._settled.notify_all()

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
