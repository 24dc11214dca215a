"""Runs a table: starts what can start side by side, restarts what dies or hangs, replaces what it is asked to, stops all.

One supervisor owns one data folder. All processes die with it, even when it is killed: the kernel sends them SIGKILL.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from deploy.local import order, ports, processes
from deploy.local.artefacts import Say
from deploy.local.errors import StackError
from deploy.local.folder import Folder
from deploy.local.life import Life
from deploy.local.part import Running
from deploy.local.processes import Identity
from deploy.local.table import Table

_LOOK_EVERY = 0.05
_SHORT_PAUSE = 0.5
_LAST_PATIENCE = 5.0
_ENGINE_PATIENCE = 30.0
"""An engine that leaves while the others go on hands over its work first."""


class Supervisor:
    """Owns the processes of one stack. `start`, `watch` and `stop` are called by one thread, in this order."""

    def __init__(self, folder: Folder, table: Table, say: Say) -> None:
        self._folder, self._facts, self._say = folder, table.facts, say
        self._lives = {part.name: Life(part, folder.log(part.name)) for part in table.parts}
        self._gate = threading.Lock()
        self._stopping = threading.Event()
        self._state = "starting"
        self._silent: set[str] = set()
        self._order: order.Order | None = None

    def start(self) -> None:
        """Start every part when those it needs are well; return when all are, raise StackError when one cannot."""
        self._folder.order_file.unlink(missing_ok=True)
        ports.refuse_taken({name: port for life in self._lives.values() for name, port in life.part.ports.items()})
        self._record("starting")
        with self._pool() as pool:
            waiting: set[Future[None]] = {pool.submit(self._bring_up, life) for life in self._lives.values()}
            try:
                while waiting:
                    done, waiting = wait(waiting, timeout=0.25, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
            except BaseException:
                self._stopping.set()
                raise
        self._record("up")

    def watch(self, until: Callable[[], bool]) -> None:
        """Restart what dies or hangs and do what is ordered, until `until` says it is enough."""
        with self._pool() as pool:
            while not until():
                for life in self._lives.values():
                    self._look_after(life, pool)
                self._note_silence()
                self._take_order(pool)
                time.sleep(_LOOK_EVERY)
            self._stopping.set()

    def stop(self) -> None:
        """Stop everything: first what is ours, so that what was begun is answered, then the gateway and the engines."""
        self._stopping.set()
        self._record("stopping")
        with self._gate:
            lives = list(self._lives.values())
        self._stop_all(life for life in lives if not _goes_last(life))
        self._stop_all(life for life in lives if _goes_last(life))
        for listener in {listener for life in lives for listener in life.part.listeners}:
            listener.close()

    def close(self, state: str) -> None:
        """Write down how it ended; `down` or `failed`."""
        self._record(state)

    def _pool(self) -> ThreadPoolExecutor:
        """Return threads enough for everything at once: a question to each part, a restart of each, an order."""
        return ThreadPoolExecutor(max_workers=2 * len(self._lives) + 1)

    def _stop_all(self, lives: Iterable[Life]) -> None:
        with self._pool() as pool:
            list(pool.map(_end_both, list(lives)))

    # -- starting

    def _bring_up(self, life: Life) -> None:
        if self._have_what(life) and self._start(life.running):
            life.lives_again()
            self._record(self._state)

    def _have_what(self, life: Life) -> bool:
        """Wait until what a part needs is well; False when everything is being stopped meanwhile."""
        for name in life.part.needs:
            while name in self._lives and not self._lives[name].well.wait(0.1):
                if self._stopping.is_set():
                    return False
        return True

    def _start(self, running: Running) -> bool:
        """Start a process and wait until it is well; False when everything is being stopped meanwhile."""
        began = time.monotonic()
        running.part.prepare()
        with self._gate:
            if self._stopping.is_set():
                return False
            running.start()
        self._record(self._state)
        well = running.await_health(self._stopping.is_set)
        if well:
            self._say(f"{running.part.name} is well after {time.monotonic() - began:.1f} s")
        return well

    # -- looking after

    def _look_after(self, life: Life, pool: ThreadPoolExecutor) -> None:
        if not life.claim():
            return
        change = self._needed_change(life, pool)
        if change is None:
            life.release()
        else:
            pool.submit(self._change, life, change)

    def _needed_change(self, life: Life, pool: ThreadPoolExecutor) -> Callable[[Life], None] | None:
        """Return what must be done to a part now; usually nothing."""
        if life.running.alive:
            life.forgive()
            life.pulse.feel(pool)
            return self._end_hung if life.pulse.hangs else None
        if not life.again_at:
            self._mourn(life)
        if time.monotonic() < life.again_at:
            return None
        life.again_at = 0.0
        return self._restart

    def _change(self, life: Life, change: Callable[[Life], None]) -> None:
        try:
            change(life)
        except StackError as error:
            self._say(str(error))
            life.running.stop()
        finally:
            life.release()

    def _end_hung(self, life: Life) -> None:
        self._say(f"{life.name} has not answered for {life.pulse.silent_for:.0f} s; it is ended")
        life.running.kill()

    def _mourn(self, life: Life) -> None:
        ending, pause = life.running.ending, life.mourn()
        self._say(f"{life.name} ended ({ending}); it is started again in {pause:.1f} s")
        if pause > _SHORT_PAUSE:
            self._close_doors(life)

    def _close_doors(self, life: Life) -> None:
        """Who knocks at something that keeps dying shall hear so, not wait; unless another one serves there."""
        for listener in life.part.listeners:
            if not any(listener in other.part.listeners and other.running.alive for other in self._lives.values()):
                listener.close()

    def _restart(self, life: Life) -> None:
        if life.twin is None:
            life.running.stop()  # children may have outlived it, and hold what the next one needs
            self._bring_up(life)
        elif self._have_what(life):
            self._take_over(life, life.twin)

    def _note_silence(self) -> None:
        silent = {name for name, life in self._lives.items() if life.pulse.silent_for}
        if silent != self._silent:
            self._silent = silent
            self._record(self._state)

    # -- orders

    def _take_order(self, pool: ThreadPoolExecutor) -> None:
        if self._order is None or self._order.done:
            self._order = order.take(self._folder) or self._order
            if self._order and not self._order.done:
                pool.submit(self._obey, self._order)

    def _obey(self, given: order.Order) -> None:
        """Replace the parts one after the other; stop at the first that does not come up."""
        try:
            for life in order.choose(given, self._lives):
                self._replace(life)
                given.note(f"{life.name} was replaced")
                self._record(self._state)
        except StackError as error:
            given.fail(str(error))
        finally:
            given.end()
            self._record(self._state)

    def _replace(self, life: Life) -> None:
        while not life.claim():
            if self._stopping.wait(0.05):
                return
        try:
            if life.twin:
                self._take_over(life, life.twin)
            else:
                self._start_anew(life)
        finally:
            life.release()
        self._await_settled(life)

    def _take_over(self, life: Life, twin: Running) -> None:
        """The new process is well before the old one, if it lives, is asked to go; it finishes what it has begun."""
        try:
            if self._start(twin):
                old = life.swap()
                life.lives_again()
                self._record(self._state)
                old.stop()
        except StackError:
            twin.stop()
            raise

    def _start_anew(self, life: Life) -> None:
        """One that owns its data leaves, and comes back; others of its kind serve meanwhile."""
        life.part.leave()
        life.running.stop(patience=_ENGINE_PATIENCE)
        if self._start(life.running):
            life.lives_again()

    def _await_settled(self, life: Life) -> None:
        settled = life.part.settled or life.part.healthy
        if not processes.wait_until(lambda: self._stopping.is_set() or settled(), life.part.within):
            raise StackError(f"{life.name} is back, but the others of its kind did not settle with it.")

    # -- telling

    def _record(self, state: str) -> None:
        with self._gate:
            self._state = state
            me = Identity.of(os.getpid())
            content: dict[str, Any] = {
                **self._facts,
                "state": state,
                "supervisor": {"pid": me.pid, "started": me.started},
                "processes": {name: life.entry() for name, life in self._lives.items() if life.running.pid},
                "order": self._order.facts() if self._order else None,
            }
            self._folder.write_stack(content)


def _goes_last(life: Life) -> bool:
    return life.part.engine or life.part.last_signal is not signal.SIGTERM


def _end_both(life: Life) -> None:
    for running in filter(None, (life.running, life.twin)):
        running.stop(running.part.last_signal, min(_LAST_PATIENCE, running.part.patience))
