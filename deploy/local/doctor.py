"""`clusterskills stack doctor`: every reason why the stack might not start here, looked at one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from deploy.local import artefacts, ports, programs
from deploy.local.download import addresses
from deploy.local.errors import StackError
from deploy.local.folder import Folder, refuse_full_disk

_NEEDED_MEMORY = {1: 3_000_000_000, 3: 5_000_000_000}
"""By the number of servers of each engine."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    well: bool
    sentence: str


def examine(data: Path) -> list[Finding]:
    """Look at everything; never raises."""
    return [_look(subject, check) for subject, check in _checks(Folder(data.resolve()))]


def _checks(folder: Folder) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "platform", _platform
    yield "programs", _programs
    yield "memory", lambda: _memory(folder)
    yield "data folder", lambda: _writable(folder)
    yield "disk", lambda: _disk(folder)
    yield "downloads", _downloads
    yield "stack", lambda: _state(folder)
    yield "ports", lambda: _ports(folder)


def _look(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, well=True, sentence=check())
    except StackError as error:
        return Finding(subject, well=False, sentence=str(error))


def _platform() -> str:
    programs.refuse_other_platforms()
    return "Linux x86-64 with Python 3.11 or newer."


def _programs() -> str:
    found = (programs.mongod(), programs.java(), programs.caddy())
    return f"MongoDB, Java and Caddy are installed ({', '.join(str(path) for path in found)})."


def _memory(folder: Folder) -> str:
    free, needed = psutil.virtual_memory().available, _NEEDED_MEMORY[folder.kept_nodes() or 1]
    if free < needed and not folder.is_owned():
        raise StackError(f"Only {free / 1e9:.1f} GB of memory are free; {needed / 1e9:.0f} GB are needed.")
    return f"{free / 1e9:.1f} GB are free."


def _writable(folder: Folder) -> str:
    existing = _nearest(folder.path)
    try:
        probe = existing / f".clusterskills-{id(folder)}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise StackError(
            f"The folder {existing} cannot be written ({error.strerror}): use --data with a folder of yours."
        ) from error
    return f"{folder.path} can be written."


def _disk(folder: Folder) -> str:
    refuse_full_disk(_nearest(folder.path))
    return "There is room for the databases."


def _downloads() -> str:
    wanted = [item for name in ("kafka", "keycloak", "frontend") for item in artefacts.read_lock(name)]
    missing = [item for item in wanted if not artefacts.has(item)]
    if not missing:
        return f"Kafka, Keycloak and the pages' files are in the cache ({artefacts.cache_folder()})."
    address = next(addresses(missing[0]))
    try:
        requests.head(address, timeout=10).raise_for_status()
    except requests.RequestException as error:
        raise StackError(
            f"{len(missing)} files are not in the cache yet and the network does not give them ({type(error).__name__})."
        ) from error
    return f"{len(missing)} files will be downloaded at the first start (about 200 MB in all)."


def _state(folder: Folder) -> str:
    if folder.is_owned():
        return "A stack runs in this folder."
    if folder.was_killed():
        return "The last stack here was ended by force; the next start cleans up."
    return "No stack runs in this folder."


def _ports(folder: Folder) -> str:
    kept = folder.kept_ports()
    if not kept:
        return "Free ones will be found at the first start."
    if folder.is_owned():
        return "In use by this stack."
    ports.refuse_taken(kept)
    return "This stack's ports are free."


def _nearest(path: Path) -> Path:
    """Return the path itself, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())
