"""Four independent verifiers, so that "it verifies" is said by somebody else than ourselves.

Python: openvc-core and openbadgeslib. JavaScript: @digitalbazaar/vc and @digitalcredentials/verifier-core, installed by
`npm ci` from package-lock.json into the user's cache folder on first use. All of them resolve did:web and the status
list over HTTPS from the addresses in the credential; `ca_file` is the authority that signed that server's certificate.
"""

import hashlib
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from openbadgeslib.ob3 import contexts as packaged
from openbadgeslib.ob3.ldp import OB3LdpVerifier
from openvc import VerificationPolicy, verify_credential
from openvc.did.base import DidResolverRegistry
from openvc.did.did_web import DidWebResolver
from openvc.resolvers import default_status_list_resolver

_HERE = Path(__file__).parent
_SCRIPT = _HERE / "node_verifiers.mjs"
_INSTALL_SECONDS = 180
_VERIFY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What one verifier says; `detail` is its own reason."""

    accepted: bool
    detail: str


class NodeMissing(Exception):
    """The JavaScript verifiers cannot run here; the text says why."""


def verify_with_all(signed: bytes, *, ca_file: Path | str | None = None) -> dict[str, bool]:
    """Each verifier's verdict by name. Raises NodeMissing where the JavaScript ones cannot run."""
    return {name: answer.accepted for name, answer in explain_with_all(signed, ca_file=ca_file).items()}


def explain_with_all(signed: bytes, *, ca_file: Path | str | None = None) -> dict[str, Answer]:
    """Like `verify_with_all`, with reasons."""
    return {**explain_with_python(signed, ca_file=ca_file), **explain_with_node(signed, ca_file=ca_file)}


def explain_with_python(signed: bytes, *, ca_file: Path | str | None = None) -> dict[str, Answer]:
    """The two that need nothing but our test environment."""
    return {
        "openvc-core": _attempt(lambda: _openvc(signed, ca_file)),
        "openbadgeslib": _attempt(lambda: _openbadgeslib(signed, ca_file)),
    }


def explain_with_node(signed: bytes, *, ca_file: Path | str | None = None) -> dict[str, Answer]:
    """The two JavaScript ones; about a second, the first time an installation more."""
    return explain_many_with_node([signed], ca_file=ca_file)[0]


def explain_many_with_node(signed: Sequence[bytes], *, ca_file: Path | str | None = None) -> list[dict[str, Answer]]:
    """The answers about each credential, from one process."""
    script = _script_in(node_folder())
    credentials = [json.loads(one) for one in signed]
    given = {
        "credentials": credentials,
        "contexts": packaged.bundled_contexts(),
        "hosts": sorted(set().union(*map(_hosts, credentials))),
    }
    environment = {**os.environ, **({"NODE_EXTRA_CA_CERTS": str(ca_file)} if ca_file else {})}
    done = subprocess.run(
        ["node", str(script)],
        input=json.dumps(given).encode(),
        capture_output=True,
        env=environment,
        timeout=_VERIFY_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The JavaScript verifiers broke:\n{done.stderr.decode()[-2000:]}")
    return [{name: Answer(**answer) for name, answer in one.items()} for one in json.loads(done.stdout)]


def node_folder() -> Path:
    """Where the JavaScript verifiers are installed, installing them first if need be; NodeMissing says why not."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise NodeMissing("node and npm are not installed")
    sources = [_HERE / "package.json", _HERE / "package-lock.json"]
    folder = _cache() / f"interop-{_digest(*sources)}"
    if not folder.exists():
        _install(sources, folder)
    return folder


def _install(sources: list[Path], folder: Path) -> None:
    """All or nothing: another test process may be doing the same."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        for source in sources:
            shutil.copy(source, temporary)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        try:
            done = subprocess.run(
                command, cwd=temporary, capture_output=True, timeout=_INSTALL_SECONDS, check=False, text=True
            )
        except subprocess.TimeoutExpired:
            raise NodeMissing(f"npm ci took longer than {_INSTALL_SECONDS} s") from None
        if done.returncode:
            raise NodeMissing(f"npm ci failed: {done.stderr.strip()[-300:]}")
        complete = folder.with_name(f"{folder.name}.{os.getpid()}.{time.monotonic_ns()}")
        shutil.copytree(temporary, complete, symlinks=True)
    try:
        complete.rename(folder)
    except OSError:
        shutil.rmtree(complete)


def _script_in(folder: Path) -> Path:
    """Our script beside node_modules, where its imports are found; a changed script gets another name."""
    script = folder / f"{_SCRIPT.stem}-{_digest(_SCRIPT)}{_SCRIPT.suffix}"
    if not script.exists():
        draft = script.with_name(f"{script.name}.{os.getpid()}")
        shutil.copy(_SCRIPT, draft)
        draft.rename(script)
    return script


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clusterskills"


def _attempt(verify: Callable[[], object]) -> Answer:
    try:
        verify()
    except Exception as error:  # noqa: BLE001 - whatever a verifier raises is its refusal
        return Answer(False, f"{type(error).__name__}: {error}"[:500])
    return Answer(True, "")


def _openvc(signed: bytes, ca_file: Path | str | None) -> None:
    """With the status list's own signature checked and its issuer bound to the credential's."""
    site = _Site(ca_file)
    resolver = DidResolverRegistry([DidWebResolver(site.json)])
    verify_credential(
        json.loads(signed),
        resolver=resolver,
        resolve_status_list=default_status_list_resolver(resolver=resolver, fetch=site.text),
        policy=VerificationPolicy(require_status_issuer_binding=True),
        extra_contexts=packaged.bundled_contexts(),
    )


def _openbadgeslib(signed: bytes, ca_file: Path | str | None) -> None:
    """It checks a status list's signature only in the JWT form, so it asks for that one."""
    site = _Site(ca_file, accept="application/vc+jwt, application/json;q=0.5")
    OB3LdpVerifier().verify(signed, check_status=True, verify_status_list=True, download=site.bytes)


class _Site:
    """Fetches for the Python verifiers, whose own fetches refuse a host that is not public."""

    def __init__(self, ca_file: Path | str | None, accept: str = "application/json") -> None:
        self._verify = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._accept = accept

    def bytes(self, url: str) -> bytes:
        answer = httpx.get(url, verify=self._verify, headers={"accept": self._accept}, timeout=10)
        return answer.raise_for_status().content

    def text(self, url: str) -> str:
        return self.bytes(url).decode()

    def json(self, url: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.bytes(url))
        return found


def _hosts(credential: Mapping[str, Any]) -> set[str]:
    """The hosts the credential's own documents are on."""
    issuer = credential.get("issuer")
    did = str(issuer.get("id") if isinstance(issuer, dict) else issuer)
    status = credential.get("credentialStatus", [])
    entries = [entry for entry in (status if isinstance(status, list) else [status]) if isinstance(entry, dict)]
    lists = {urlsplit(str(entry.get("statusListCredential"))).netloc for entry in entries}
    return lists | ({unquote(did.split(":")[2])} if did.startswith("did:web:") else set())
