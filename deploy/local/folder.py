"""The data folder of one stack: what is kept in it and who owns it now."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.identity import people
from deploy.identity.realm import PASSWORD_VARIABLE
from deploy.local import ports, processes
from deploy.local.errors import StackError
from deploy.local.processes import Identity
from services import manifests
from shared.wiring.manifest import Manifest

if TYPE_CHECKING:
    from filelock import FileLock

NEEDED_BYTES = 2_000_000_000
_FREED_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths and small files of a stack's data folder. Files with secrets are readable by their owner only."""

    path: Path

    @property
    def stack_file(self) -> Path:
        return self.path / "stack.json"

    @property
    def order_file(self) -> Path:
        """What the running supervisor is asked to do; it removes the file when it begins."""
        return self.path / "order.json"

    @property
    def supervisor_log(self) -> Path:
        return self.path / "logs" / "supervisor.log"

    def log(self, part: str) -> Path:
        return self.path / "logs" / f"{part}.log"

    def make(self) -> None:
        """Create the folder; raise StackError when it cannot be written or the disk is nearly full."""
        try:
            (self.path / "logs").mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            (self.path / ".writable").write_bytes(b"")
            (self.path / ".writable").unlink()
        except OSError as error:
            raise StackError(_explain(self.path, error)) from error
        refuse_full_disk(self.path)

    @property
    def scratch(self) -> Path:
        """Where the parts put temporary files; emptied at each start."""
        return self.path / "tmp"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Own the folder while the stack runs. The kernel frees the lock when its holder's last thread is gone."""
        lock = self._lock()
        try:
            lock.acquire(timeout=_FREED_WITHIN, poll_interval=0.05)
        except TimeoutError:
            holder = self.read_stack().get("supervisor", {}).get("pid", "unknown")
            raise StackError(
                f"A stack already runs in {self.path} (process {holder}); "
                f"`clusterskills stack down --data {self.path}` stops it."
            ) from None
        except OSError as error:
            raise StackError(_explain(self.path, error)) from error
        try:
            yield
        finally:
            lock.release()

    def is_owned(self) -> bool:
        """Say whether a supervisor runs this folder's stack now."""
        lock = self._lock()
        try:
            lock.acquire(timeout=0)
        except OSError:  # somebody has it, or the folder cannot be written
            return (self.path / "supervisor.lock").exists()
        lock.release()
        return False

    def _lock(self) -> FileLock:
        from filelock import FileLock  # loads asyncio: only who owns a folder waits for that

        return FileLock(self.path / "supervisor.lock")

    def read_stack(self) -> dict[str, Any]:
        """Return stack.json, or nothing when no stack was started here yet."""
        return _read(self.stack_file)

    def write_stack(self, content: dict[str, Any]) -> None:
        """Replace stack.json in one step."""
        _write(self.stack_file, content)

    def write_targets(self, targets: list[dict[str, Any]]) -> None:
        """Replace the file that tells Prometheus where the processes' numbers are."""
        _write(self.path / "targets.json", targets)

    def read_order(self) -> dict[str, Any]:
        """Return the order that waits, or nothing."""
        return _read(self.order_file)

    def write_order(self, content: dict[str, Any]) -> None:
        """Leave an order for the supervisor."""
        _write(self.order_file, content)

    def ports(self, names: list[str]) -> dict[str, int]:
        """Return the port of each name: free ones at the first start, the same ones ever after."""
        kept = self.kept_ports()
        missing = [name for name in names if name not in kept]
        if missing:
            kept |= dict(zip(missing, ports.find_free(len(missing)), strict=True))
            _write(self.path / "ports.json", kept)
        return {name: kept[name] for name in names}

    def nodes(self, wanted: int | None) -> int:
        """Return how many servers of each engine this stack has: as at its first start, where 1 is usual.

        Raise StackError when another number is asked for than the data was made with.
        """
        kept = self.kept_nodes()
        if kept is not None and wanted not in {None, kept}:
            raise StackError(
                f"The data in {self.path} was made by a stack with --nodes {kept}; it cannot run with --nodes {wanted}: "
                f"leave --nodes out, or use another --data folder."
            )
        if kept is None:
            kept = wanted or 1
            _write(self.path / "nodes.json", {"nodes": kept})
        return kept

    def kept_nodes(self) -> int | None:
        """Return the number of nodes that the data was made with; None when there is none yet."""
        kept: int | None = _read(self.path / "nodes.json").get("nodes", 1 if self.kept_ports() else None)
        return kept

    def kept_ports(self) -> dict[str, int]:
        """Return the ports that this stack was given before, by name."""
        return _read(self.path / "ports.json")

    def secrets(self, services: Iterable[Manifest] = ()) -> dict[str, str]:
        """Return the stack's secrets by environment variable, made at the first start. No services named: all ours."""
        kept: dict[str, str] = _read(self.path / "secrets.json")
        variables = [
            *(f"CLUSTERSKILLS_{name}" for name in _own_secrets(tuple(services) or manifests())),
            *(client.secret_variable for client in people.clients()),
            "KC_BOOTSTRAP_ADMIN_PASSWORD",
        ]
        made = {name: secrets.token_urlsafe(32) for name in variables} | {PASSWORD_VARIABLE: secrets.token_urlsafe(9)}
        if made.keys() - kept.keys():
            kept = made | kept
            _write(self.path / "secrets.json", kept)
        return kept

    def end_leftovers(self) -> list[str]:
        """End what a supervisor that was killed left running; return the names of those parts."""
        stack = self.read_stack()
        found: list[str] = []
        for name, entry in stack.get("processes", {}).items():
            members = processes.session(Identity(entry["pid"], entry["started"]))
            if members:
                processes.end(members, 3)
                found.append(name)
        return found

    def was_killed(self) -> bool:
        """Say whether the last supervisor ended without saying so. Ask only while owning the folder."""
        return self.read_stack().get("state") not in {None, "down", "failed"}


def _own_secrets(services: Sequence[Manifest]) -> list[str]:
    own = {name for service in services for name in service.secrets}
    # Used with compose; the embedded engines listen on the loopback address only.
    users = ["ADMIN", *(service.name.upper() for service in services)]
    speakers = ["ADMIN", *(service.name.upper() for service in services if service.worker)]
    passwords = (*(f"MONGO_PASSWORD_{name}" for name in users), *(f"KAFKA_PASSWORD_{name}" for name in speakers))
    return [*sorted(own), *passwords]


def refuse_full_disk(path: Path) -> None:
    """Raise StackError when too little space is left for the databases to work."""
    free = shutil.disk_usage(path).free
    if free < NEEDED_BYTES:
        raise StackError(
            f"Only {free / 1e9:.1f} GB are free on the disk of {path}; {NEEDED_BYTES / 1e9:.0f} GB are needed: "
            "free some space, or use --data on another disk."
        )


def _explain(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return f"The disk of {path} is full: free some space, or use --data on another disk."
    return f"The folder {path} cannot be written ({error.strerror}): use --data with a folder of yours."


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StackError(f"{path} cannot be read ({error}): move it away, or use another --data folder.") from error
    return content


def _write(path: Path, content: dict[str, Any] | list[dict[str, Any]]) -> None:
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        json.dump(content, target, indent=2)
    scratch.replace(path)
