"""One row of the launcher's table, and the running process made from it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.local import processes
from deploy.local.errors import StackError
from deploy.local.listener import Listener, fill_in, open_all
from deploy.local.processes import Identity

_LARGEST_LOG = 50_000_000


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Part:
    """A process of the stack: what to run, where it listens, what must be well before, and how to see that it is well."""

    name: str
    command: tuple[str, ...]
    healthy: Callable[[], bool]
    ports: Mapping[str, int] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    prepare: Callable[[], None] = _nothing
    """Runs before each start and must be safe to repeat: writes configuration, formats a new data folder."""
    within: float = 120.0
    patience: float = 6.0
    listeners: tuple[Listener, ...] = ()
    """Sockets that the launcher holds for it; their marks in command and environment become descriptors."""
    answers: Callable[[], bool] | None = None
    """Whether it answers at all, with a time limit; `healthy` where that is no different."""
    hung_after: float = 15.0
    """Seconds without an answer after which it is ended and started again; a stall of 5 s is no death."""
    spare: Part | None = None
    """Its twin with other inner ports: runs beside it while one takes over from the other."""
    engine: bool = False
    """Whether others of the stack need it to do their work: it is stopped last."""
    leave: Callable[[], None] = _nothing
    """Runs before it is stopped while the rest goes on: hands its work to the others of its kind."""
    settled: Callable[[], bool] | None = None
    """Whether its kind can spare the next one after it was restarted; `healthy` where that is no different."""
    last_signal: signal.Signals = signal.SIGTERM
    """What ends it when the whole stack is stopped and nobody is served any more."""


class Running:
    """A part's process, its log file and its identity. Not thread-safe: one owner starts and ends it."""

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.identity: Identity | None = None
        self.since = 0.0
        self._killed = False

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether the process itself was stopped by a signal; its children may go on."""
        with contextlib.suppress(psutil.Error):
            return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        return False

    @property
    def ending(self) -> str:
        """Say how the process ended."""
        if self._killed:
            return "killed by us"
        code = None if self._process is None else self._process.poll()
        if code is None:
            return "it lives"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def start(self) -> None:
        """Start the process, which `part.prepare` must have made ready; returns at once."""
        self.since, self._killed = time.monotonic(), False
        _keep_small(self.log)
        given = open_all(self.part.listeners)
        command = [fill_in(word, given) for word in self.part.command]
        env = {**os.environ, **{name: fill_in(value, given) for name, value in self.part.env.items()}}
        self._process = processes.spawn(command, log=self.log, env=env, cwd=self.part.cwd, keep=given.values())
        self.identity = Identity.of(self._process.pid)

    def await_health(self, given_up: Callable[[], bool] = bool) -> bool:
        """Wait until the part is well (True) or the wait is given up (False).

        Raise StackError with its last log lines when it ends or is not well in time.
        """

        def settled() -> bool:
            if given_up():
                return True
            if not self.alive:
                raise self._failure(f"ended by itself ({self.ending})")
            return self.part.healthy()

        if not processes.wait_until(settled, self.part.within, every=0.2):
            raise self._failure(f"was not well after {self.part.within:.0f} s")
        return not given_up()

    def stop(self, number: signal.Signals = signal.SIGTERM, patience: float | None = None) -> None:
        """Ask the process to stop, and force it when it is not gone in time."""
        if self._process is not None:
            processes.end(self._members(), self.part.patience if patience is None else patience, number)
            self._process.wait()

    def kill(self) -> None:
        """SIGKILL the process with its children and wait until they are gone."""
        if self._process is not None:
            self._killed = True
            processes.kill_now(self._members())
            self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send one signal to the process itself, for instance SIGSTOP and SIGCONT."""
        if self._process is not None:
            self._process.send_signal(number)

    def stands_still(self) -> bool:
        """Whether each thread of the process itself has been stopped by a signal."""
        if self._process is None:
            return True
        try:
            tasks = [task.read_text() for task in Path(f"/proc/{self._process.pid}/task").glob("*/stat")]
        except OSError:  # a thread ended while we looked: it was not stopped
            return False
        return all(task.rpartition(")")[2].split()[0] in "tT" for task in tasks)

    def _members(self) -> list[psutil.Process]:
        """Return the living processes of the part: its session, which its first process leads."""
        return processes.session(self.identity) if self.identity else []

    def _failure(self, what: str) -> StackError:
        lines = processes.last_lines(self.log)
        return StackError(f"{self.part.name} {what}. The last lines of {self.log}:\n{lines}")


def _keep_small(log: Path) -> None:
    """Set a log aside that has grown large; the one set aside before is dropped."""
    if log.exists() and log.stat().st_size > _LARGEST_LOG:
        log.replace(log.with_suffix(".old.log"))
