"""Brings files of public repositories into the cache.

Addresses come from the jgo package, so no host name stands here. A download that broke goes on where it stopped; a file
is renamed into place only when its sum is right.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from jgo.maven import MavenContext

from deploy.local.artefacts import Artefact, Say, cache_folder, place
from deploy.local.errors import StackError

CHUNK = 1 << 15
_TRIES = 4


def addresses(artefact: Artefact) -> Iterator[str]:
    """Where public repositories have this file."""
    group, name, version, packaging = artefact.coordinate.split(":")
    context = MavenContext(repo_cache=cache_folder())
    component = context.project(group, name).at_version(version)
    file = component.artifact(packaging=packaging).filename
    for repository in context.remote_repos.values():
        yield f"{repository}/{component.path_prefix.as_posix()}/{file}"


def download_all(artefacts: list[Artefact], title: str, say: Say) -> None:
    """Bring these files into the cache. Raises StackError: no network, a full disk, or another content than we know."""
    if not artefacts:
        return
    progress = _Progress(title, len(artefacts), say)
    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(lambda artefact: _download(artefact, progress), artefacts))
    progress.finish()


def _download(artefact: Artefact, progress: _Progress) -> None:
    target = place(artefact)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
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
    part.replace(target)
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
    address = next(addresses(artefact))
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
