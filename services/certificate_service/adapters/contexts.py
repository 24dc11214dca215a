"""The JSON-LD contexts we sign and verify under: packaged with openbadgeslib, checked by hash, never fetched.

A context decides what a signature covers, so a byte changed in one is as bad as a changed key. Importing this module
reads and checks all of them; a process with a wrong one does not start.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

CREDENTIALS_V2 = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
OPEN_BADGES_EXTENSIONS = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"

_PACKAGED = {
    CREDENTIALS_V2: (
        "credentials-v2.json",
        "59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734",
    ),
    OPEN_BADGES: (
        "ob-v3p0-context-3.0.3.json",
        "3d34f4d4ef1bce691106e63798beb5e7b862ba841423f5ee1e53ab7ddf3bca84",
    ),
    OPEN_BADGES_EXTENSIONS: (
        "ob-v3p0-extensions.json",
        "87c06c81bc2317663bf288d740d94fddd2818c4342b186270ff6371dfaa63f93",
    ),
    # Older revisions and the proof's own context, for credentials of other issuers.
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json": (
        "ob-v3p0-context-3.0.1.json",
        "5f3d9dd6288ef437ff8286cf95ffbff609c748a66f24a1e9450c45ca64be1571",
    ),
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.2.json": (
        "ob-v3p0-context-3.0.2.json",
        "00666ad080ba407687ed1846b7f5e7495f5019042b202a727de47c48a1755c53",
    ),
    "https://w3id.org/security/data-integrity/v2": (
        "security-data-integrity-v2.json",
        "67f21e6e33a6c14e5ccfd2fc7865f7474fb71a04af7e94136cb399dfac8ae8f4",
    ),
}


class WrongContext(RuntimeError):
    """A packaged context is not the one our signatures were made under; the process must not start."""


class UnknownContext(ValueError):
    """A document names a context we do not hold."""


def read_packaged(name: str, expected_sha256: str) -> dict[str, Any]:
    """One context document of the package, or WrongContext when its bytes differ."""
    data = resources.files("openbadgeslib.ob3.contexts").joinpath(name).read_bytes()
    if hashlib.sha256(data).hexdigest() != expected_sha256:
        raise WrongContext(f"{name} of openbadgeslib has changed; signatures would change with it.")
    document: dict[str, Any] = json.loads(data)
    return document


CONTEXTS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {url: read_packaged(name, digest) for url, (name, digest) in _PACKAGED.items()}
)


def load(url: str, _options: object = None) -> dict[str, Any]:
    """PyLD's document loader: the contexts above and nothing else. "static" lets PyLD keep what it resolved."""
    if url not in CONTEXTS:
        raise UnknownContext(f"Context {url[:200]!r} is not one we hold; contexts are never fetched.")
    return {"contextUrl": None, "documentUrl": url, "document": CONTEXTS[url], "tag": "static"}
