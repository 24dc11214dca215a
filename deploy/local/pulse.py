"""Whether a process still answers: asked again and again, by somebody who waits for no answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

TIMES = 3
"""So often must a process have been asked in vain, whatever the clock says: we may have stood still ourselves."""
_EVERY = 1.0


class Pulse:
    """The answers of one process. Not thread-safe: one owner calls it, the questions run in the pool.

    `ask` says whether an answer came, and has a time limit of its own.
    """

    def __init__(self, ask: Callable[[], bool], hung_after: float) -> None:
        self._ask, self._hung_after = ask, hung_after
        self._asking: Future[bool] | None = None
        self._answered, self._in_vain = time.monotonic(), 0
        self._next = 0.0

    @property
    def silent_for(self) -> float:
        """Seconds since the last answer; 0 while the last question was answered."""
        return time.monotonic() - self._answered if self._in_vain else 0.0

    @property
    def hangs(self) -> bool:
        """Whether the process has been silent for longer than a stall lasts."""
        return self._in_vain >= TIMES and self.silent_for > self._hung_after

    def feel(self, pool: ThreadPoolExecutor) -> None:
        """Take in an answer that came, and ask the next time when it is due; returns at once."""
        now = time.monotonic()
        if self._asking is not None and self._asking.done():
            self._note(now, answered=not self._asking.exception() and self._asking.result())
        if self._asking is None and now >= self._next:
            self._asking = pool.submit(self._ask)

    def _note(self, now: float, *, answered: bool) -> None:
        self._asking, self._next = None, now + min(_EVERY, self._hung_after / 4)
        self._in_vain = 0 if answered else self._in_vain + 1
        if answered:
            self._answered = now
