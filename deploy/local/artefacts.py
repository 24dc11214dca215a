"""Downloads: Kafka's jars and Keycloak's distribution, checked against the sums in this folder and kept in the cache.

`kafka.lock` and `keycloak.lock` hold one `coordinate  sha256` per line. What the cache lacks is fetched by fetching.py.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from deploy.local.errors import StackError

_HERE = Path(__file__).parent
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Artefact:
    """One file of a public repository: group, name, version and packaging, and the only content we accept."""

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        _group, name, version, packaging = self.coordinate.split(":")
        return f"{name}-{version}.{packaging}"


# Python 3.11.4 brought the filter; before it the archive is trusted because its sum was checked.
_SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def cache_folder() -> Path:
    """Return the folder for everything downloaded; it stands outside the checkout and is shared by all clones."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "clusterskills"


def read_lock(name: str) -> list[Artefact]:
    """Return the artefacts that a lock file of this folder names."""
    lines = (_HERE / f"{name}.lock").read_text(encoding="utf-8").splitlines()
    return [Artefact(*line.split()) for line in lines if line and not line.startswith("#")]


def has(artefact: Artefact) -> bool:
    """Say whether the cache holds this artefact."""
    return place(artefact).exists()


def unpacked(artefact: Artefact, archive: Path, name: str, finish: Callable[[Path], None], say: Say) -> Path:
    """Return the folder that holds an archive's content, unpacked and finished once for all stacks of this user.

    The folder appears under its name only when it is complete, so a break in between leaves nothing half done.
    """
    folder = cache_folder() / name
    if folder.exists():
        return folder
    with locked(f"unpack-{name}", say):
        if folder.exists():
            return folder
        say(f"Unpacking {artefact.file_name}")
        scratch = Path(tempfile.mkdtemp(prefix=".unpack-", dir=cache_folder()))
        try:
            with tarfile.open(archive) as content:
                content.extractall(scratch, **_SAFELY)  # noqa: S202 (its sum was checked)
            (root,) = scratch.iterdir()
            finish(root)
            root.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


@contextmanager
def locked(name: str, say: Say) -> Iterator[None]:
    """Hold the cache's lock of this name; the kernel frees it when its holder dies, so it is never stale."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / f"{name}.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            say("Another start on this machine is downloading or unpacking; waiting for it")
            lock.acquire()
    except OSError as error:
        raise StackError(
            f"The cache folder {folder} cannot be written ({error.strerror}): set XDG_CACHE_HOME."
        ) from error
    try:
        yield
    finally:
        lock.release()


def place(artefact: Artefact) -> Path:
    """Return where the cache keeps this artefact."""
    return cache_folder() / "files" / f"{artefact.sha256[:12]}-{artefact.file_name}"
