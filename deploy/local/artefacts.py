"""Downloads: Kafka's jars and Keycloak's distribution, checked against the sums in this folder and kept in the cache.

`kafka.lock` and `keycloak.lock` hold one `coordinate  sha256` per line. Addresses come from the jgo package, so no host
name stands here. A download that broke goes on where it stopped; a file is renamed into place only when its sum is right.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import requests
from jgo.maven import MavenContext

from deploy.local.errors import StackError

_HERE = Path(__file__).parent
CHUNK = 1 << 15
_TRIES = 4
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

    def addresses(self) -> Iterator[str]:
        group, name, version, packaging = self.coordinate.split(":")
        context = MavenContext(repo_cache=cache_folder())
        component = context.project(group, name).at_version(version)
        artifact = component.artifact(packaging=packaging)
        for repository in context.remote_repos.values():
            yield f"{repository}/{component.path_prefix.as_posix()}/{artifact.filename}"


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


def fetch(artefacts: Iterable[Artefact], title: str, say: Say) -> list[Path]:
    """Return the local files of these artefacts, downloading what the cache lacks."""
    wanted = list(artefacts)
    missing = [artefact for artefact in wanted if not _place(artefact).exists()]
    if missing:
        with locked(f"download-{title.lower()}", say):
            _download_all([artefact for artefact in missing if not _place(artefact).exists()], title, say)
    return [_place(artefact) for artefact in wanted]


def has(artefact: Artefact) -> bool:
    """Say whether the cache holds this artefact."""
    return _place(artefact).exists()


def unpacked(artefact: Artefact, archive: Path, name: str, finish: Callable[[Path], None], say: Say) -> Path:
    """Return the folder that holds an archive's content, unpacked and finished once for all stacks of this user.

    The folder appears under its name only when it is complete, so a break in between leaves nothing half done.
    """
    place = cache_folder() / name
    if place.exists():
        return place
    with locked(f"unpack-{name}", say):
        if place.exists():
            return place
        say(f"Unpacking {artefact.file_name}")
        scratch = Path(tempfile.mkdtemp(prefix=".unpack-", dir=cache_folder()))
        try:
            with tarfile.open(archive) as content:
                content.extractall(scratch, **_SAFELY)  # noqa: S202 (its sum was checked)
            (root,) = scratch.iterdir()
            finish(root)
            root.rename(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return place


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


def _place(artefact: Artefact) -> Path:
    return cache_folder() / "files" / f"{artefact.sha256[:12]}-{artefact.file_name}"


def _download_all(artefacts: list[Artefact], title: str, say: Say) -> None:
    if not artefacts:
        return
    progress = _Progress(title, len(artefacts), say)
    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(lambda artefact: _download(artefact, progress), artefacts))
    progress.finish()


def _download(artefact: Artefact, progress: _Progress) -> None:
    place = _place(artefact)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(".part")
    for attempt in range(_TRIES):
        try:
            _receive(artefact, part, progress)
            break
        except OSError as error:  # requests' errors are OSErrors; so is a full disk
            if attempt == _TRIES - 1 or not isinstance(error, requests.RequestException):
                raise _explained(artefact, error) from error
    if _sum(part) != artefact.sha256:
        part.unlink()
        raise StackError(
            f"{artefact.file_name} is not the file we know (its SHA-256 differs); it was thrown away. Try again."
        )
    part.replace(place)
    progress.done_one()


def _explained(artefact: Artefact, error: OSError) -> StackError:
    if isinstance(error, requests.RequestException):
        return StackError(
            f"{artefact.file_name} could not be downloaded ({type(error).__name__}): the first start needs the network. "
            "What came so far is kept; run the same command again."
        )
    return StackError(f"{artefact.file_name} could not be written to {cache_folder()}: {error.strerror}.")


def _receive(artefact: Artefact, part: Path, progress: _Progress) -> None:
    """Append what is missing of a file, asking only for the bytes after those we have."""
    have = part.stat().st_size if part.exists() else 0
    address = next(iter(artefact.addresses()))
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(address, headers=headers, stream=True, timeout=(10, 30)) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return
        response.raise_for_status()
        mode = "ab" if response.status_code == requests.codes.partial_content else "wb"
        with part.open(mode) as target:
            for chunk in response.iter_content(CHUNK):
                target.write(chunk)
                progress.add(len(chunk))


def _sum(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


class _Progress:
    """Says how far the downloads are, at most once for every ten megabytes."""

    def __init__(self, title: str, count: int, say: Say) -> None:
        self._title, self._count, self._say = title, count, say
        self._lock = threading.Lock()
        self._bytes = self._done = self._told = 0

    def add(self, size: int) -> None:
        with self._lock:
            self._bytes += size
            if self._bytes - self._told >= 10_000_000:
                self._told = self._bytes
                self._say(
                    f"Downloading {self._title}: {self._bytes // 1_000_000} MB, {self._done} of {self._count} files"
                )

    def done_one(self) -> None:
        with self._lock:
            self._done += 1

    def finish(self) -> None:
        self._say(f"Downloaded {self._title}: {self._bytes / 1_000_000:.0f} MB, sums checked")
