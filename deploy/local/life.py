"""One part of a running stack over all its processes: the one that serves, its twin that takes over, its deaths."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.local.part import Part, Running
from deploy.local.pulse import Pulse

FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_PROVEN_AFTER = 1.0


class Life:
    """A part's row and its present process. The supervisor's main thread looks at it; one restart at a time changes it."""

    def __init__(self, part: Part, log: Path) -> None:
        self.name = part.name
        self.running = Running(part, log)
        self.twin = Running(part.spare, log) if part.spare else None
        self.pulse = self._new_pulse()
        self.well = threading.Event()
        self._changing = threading.Lock()
        self.again_at = 0.0
        self._deaths = 0
        self._well_since = 0.0

    @property
    def part(self) -> Part:
        return self.running.part

    def claim(self) -> bool:
        """Have the start, end or replacement of its process to oneself; False when somebody else has. See `release`."""
        return self._changing.acquire(blocking=False)

    def release(self) -> None:
        """Let others change it again."""
        self._changing.release()

    def mourn(self) -> float:
        """Note that the process ended; return the pause before the next one, which is none at first."""
        pause = min(_LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._deaths - 1)) if self._deaths else 0.0
        self._deaths += 1
        self.again_at = time.monotonic() + pause
        self.well.clear()
        return pause

    def forgive(self) -> None:
        """Forget earlier deaths of a process that has been well for long enough: it can live where it is."""
        if self._deaths and self.well.is_set() and time.monotonic() - self._well_since > _PROVEN_AFTER:
            self._deaths = 0

    def swap(self) -> Running:
        """Let the twin be the process that serves; return the one that was."""
        if self.twin is None:
            return self.running
        self.running, self.twin = self.twin, self.running
        return self.twin

    def lives_again(self) -> None:
        """Note that the present process is well."""
        self.pulse = self._new_pulse()
        self._well_since = time.monotonic()
        self.well.set()

    def entry(self) -> Mapping[str, Any]:
        """Return what stack.json says of it."""
        identity = self.running.identity
        return {
            "pid": self.running.pid,
            "started": identity.started if identity else 0,
            "log": str(self.running.log),
            "silent": self.pulse.silent_for > 0,
        }

    def _new_pulse(self) -> Pulse:
        running = self.running
        answers = running.part.answers or running.part.healthy
        return Pulse(lambda: not running.stopped and answers(), running.part.hung_after)
