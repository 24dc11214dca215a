"""Starting and ending operating system processes so that none is left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_Job = tuple[Callable[[], "subprocess.Popen[bytes]"], "Future[subprocess.Popen[bytes]]"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that can be recognised later: process ids are given out again, the start time tells them apart."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity:
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """Return the living process, or None when it ended or its id belongs to another one now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class _Spawner:
    """One thread that lives as long as we do and starts all children.

    The kernel sends the parent-death signal when the *thread* that forked ends, so a short-lived caller must not fork.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._owner = 0

    def run(self, job: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._owner != os.getpid():
                self._owner, self._jobs = os.getpid(), queue.SimpleQueue()
                threading.Thread(target=self._work, name="spawner", daemon=True).start()
        result: Future[subprocess.Popen[bytes]] = Future()
        self._jobs.put((job, result))
        return result.result()

    def _work(self) -> None:
        while True:
            job, result = self._jobs.get()
            try:
                result.set_result(job())
            except BaseException as error:  # noqa: BLE001 - the caller gets it from the future
                result.set_exception(error)


_spawner = _Spawner()


def die_with(parent: int) -> Callable[[], None]:
    """Return what a child calls to be killed when its parent dies; when that is dead already, the child ends."""

    def bind() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    keep: Iterable[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a command in its own session, its output appended to `log`. It is killed when this process dies.

    It inherits the descriptors in `keep` and no others.
    """
    log.parent.mkdir(parents=True, exist_ok=True)

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                pass_fds=tuple(keep),
                preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - it only calls a function loaded before
            )

    return _spawner.run(start)


def family(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its living descendants."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def session(leader: Identity) -> list[psutil.Process]:
    """Return the living processes that a session leader of ours started, also when it died before them."""
    first = leader.find()
    if first is None and psutil.pid_exists(leader.pid) and not _is_zombie(leader.pid):
        return []  # its id belongs to a stranger now, which the kernel allows only when its session is empty
    found = set(family(first)) if first else set[psutil.Process]()
    return list(found | {process for process in psutil.process_iter() if _belongs(process, leader)})


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _belongs(process: psutil.Process, leader: Identity) -> bool:
    try:
        member = os.getsid(process.pid) == leader.pid and process.create_time() >= leader.started - 1
        return member and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


def end(processes: Iterable[psutil.Process], patience: float, number: signal.Signals = signal.SIGTERM) -> int:
    """Ask each process to stop, force those that have not after `patience` seconds; return how many were forced."""
    members = {member for process in processes for member in family(process)}
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.send_signal(number)
    _gone, stubborn = psutil.wait_procs(list(members), timeout=patience)
    kill_now(stubborn)
    return len(stubborn)


def kill_now(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL each process with its descendants and wait until they are gone."""
    members = {member for process in processes for member in family(process)}
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(list(members), timeout=5)


def wait_until(true: Callable[[], Any], within: float, every: float = 0.1) -> bool:
    """Ask `true` until it holds (True) or `within` seconds are over (False)."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(every)
    return False


def last_lines(log: Path, count: int = 15) -> str:
    """Return the end of a log file, for a person who wants to know why."""
    if not log.exists():
        return ""
    with log.open("rb") as source:
        source.seek(max(0, log.stat().st_size - 16_384))
        return "\n".join(source.read().decode(errors="replace").splitlines()[-count:])


def sweep(prefix: str) -> None:
    """Remove temporary folders `<prefix><process id>-...` whose process is gone: those of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        owner = folder.name.removeprefix(prefix).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
