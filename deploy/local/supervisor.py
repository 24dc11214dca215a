"""Runs a table: starts what can start side by side, watches it, restarts what dies, stops everything.

One supervisor owns one data folder. All processes die with it, even when it is killed: the kernel sends them SIGKILL.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from deploy.local import ports, processes
from deploy.local.artefacts import Say
from deploy.local.errors import StackError
from deploy.local.folder import Folder
from deploy.local.part import Running
from deploy.local.processes import Identity
from deploy.local.table import Table

_ENGINES = {"mongo", "kafka", "keycloak"}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_PROVEN_AFTER = 60.0
_LOOK_EVERY = 0.25


@dataclass(slots=True)
class _Life:
    """One part's row, its process, and how often it died lately."""

    running: Running
    well: threading.Event = field(default_factory=threading.Event)
    deaths: int = 0
    again_at: float = 0.0
    restarting: bool = False


class Supervisor:
    """Owns the processes of one stack. `start`, `watch` and `stop` are called by one thread, in this order."""

    def __init__(self, folder: Folder, table: Table, say: Say) -> None:
        self._folder, self._facts, self._say = folder, table.facts, say
        self._lives = {part.name: _Life(Running(part, folder.log(part.name))) for part in table.parts}
        self._gate = threading.Lock()
        self._stopping = threading.Event()
        self._state = "starting"

    def start(self) -> None:
        """Start every part when those it needs are well; return when all are, raise StackError when one cannot."""
        ports.refuse_taken(
            {name: port for life in self._lives.values() for name, port in life.running.part.ports.items()}
        )
        self._record("starting")
        with ThreadPoolExecutor(max_workers=max(1, len(self._lives))) as pool:
            waiting: set[Future[None]] = {pool.submit(self._bring_up, life) for life in self._lives.values()}
            try:
                while waiting:
                    done, waiting = wait(waiting, timeout=_LOOK_EVERY, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
            except BaseException:
                self._stopping.set()
                raise
        self._record("up")

    def watch(self, until: Callable[[], bool]) -> None:
        """Restart what dies, each time after a longer pause, until `until` says it is enough."""
        with ThreadPoolExecutor(max_workers=max(1, len(self._lives))) as pool:
            while not until():
                for life in self._lives.values():
                    self._look_after(life, pool)
                time.sleep(_LOOK_EVERY)
            self._stopping.set()

    def stop(self) -> None:
        """Stop everything: first what is ours and the gateway, then the engines below. At most 10 s."""
        self._stopping.set()
        self._record("stopping")
        with self._gate:
            lives = list(self._lives.values())
        self._stop_all(life for life in lives if life.running.part.name not in _ENGINES)
        self._stop_all(life for life in lives if life.running.part.name in _ENGINES)

    def close(self, state: str) -> None:
        """Write down how it ended; `down` or `failed`."""
        self._record(state)

    def _stop_all(self, lives: Iterable[_Life]) -> None:
        with ThreadPoolExecutor(max_workers=max(1, len(self._lives))) as pool:
            list(pool.map(lambda life: life.running.stop(), list(lives)))

    def _bring_up(self, life: _Life) -> None:
        for name in life.running.part.needs:
            while name in self._lives and not self._lives[name].well.wait(0.1):
                if self._stopping.is_set():
                    return
        began = time.monotonic()
        if self._spawn(life) and life.running.await_health(self._stopping.is_set):
            life.well.set()
            self._say(f"{life.running.part.name} is well after {time.monotonic() - began:.1f} s")

    def _spawn(self, life: _Life) -> bool:
        """Start a process unless everything is being stopped; the gate keeps `stop` from missing one."""
        life.running.part.prepare()
        with self._gate:
            if self._stopping.is_set():
                return False
            life.running.start()
        self._record(self._state)
        return True

    def _look_after(self, life: _Life, pool: ThreadPoolExecutor) -> None:
        if life.restarting:
            return
        if life.running.alive:
            if life.deaths and time.monotonic() - life.running.since > _PROVEN_AFTER:
                life.deaths = 0
            return
        if not life.again_at:
            self._mourn(life)
        elif time.monotonic() >= life.again_at:
            life.again_at, life.restarting = 0.0, True
            pool.submit(self._restart, life)

    def _mourn(self, life: _Life) -> None:
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**life.deaths)
        life.deaths += 1
        life.again_at = time.monotonic() + pause
        life.well.clear()
        self._say(f"{life.running.part.name} ended ({life.running.ending}); it is started again in {pause:.1f} s")

    def _restart(self, life: _Life) -> None:
        try:
            life.running.stop()  # children may have outlived it
            self._bring_up(life)
        except StackError as error:
            self._say(str(error))
            life.running.stop()
        finally:
            life.restarting = False

    def _record(self, state: str) -> None:
        with self._gate:
            self._state = state
            me = Identity.of(os.getpid())
            self._folder.write_stack(
                {
                    **self._facts,
                    "state": state,
                    "supervisor": {"pid": me.pid, "started": me.started},
                    "processes": {name: _entry(life) for name, life in self._lives.items() if life.running.pid},
                }
            )


def _entry(life: _Life) -> dict[str, float | int | str]:
    identity = life.running.identity or processes.Identity(life.running.pid, 0)
    return {"pid": identity.pid, "started": identity.started, "log": str(life.running.log)}
