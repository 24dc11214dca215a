"""Signs of life: whether each thread of a process goes on, and which one does not."""

import sys
import threading
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field

_STEP = 2.0


@dataclass(slots=True)
class Pulse:
    """One thread's sign of life: `beat` while it works, `rest` before it waits for work however long."""

    name: str
    limit: float
    count: int = 0
    resting: bool = True

    def beat(self) -> None:
        """I go on."""
        self.resting = False
        self.count += 1

    def rest(self) -> None:
        """I have nothing to do; no sign is expected until the next beat."""
        self.resting = True
        self.count += 1


@dataclass(slots=True)
class _Seen:
    count: int = -1
    quiet: float = 0.0


@dataclass(slots=True)
class Progress:
    """The pulses of one process. Whoever watches looks often; only the time between looks counts as silence.

    So a process that was frozen as a whole is not taken for a hanging one when it wakes up.
    """

    pulses: dict[str, Pulse] = field(default_factory=dict)
    trouble: str | None = None
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def pulse(self, name: str, limit: float) -> Pulse:
        """The pulse of the thread of this name; it hangs when it works and shows nothing for `limit` seconds."""
        return self.pulses.setdefault(name, Pulse(name, limit))

    def look(self, threads: Iterable[threading.Thread], passed: float) -> str | None:
        """What is wrong, `passed` seconds after the last look: the first thread that died or hangs, or None."""
        living = {thread.name for thread in threads if thread.is_alive()}
        dead = [name for name in self.pulses if name not in living]
        hung = [name for name, pulse in self.pulses.items() if self._quiet(pulse, passed) > pulse.limit]
        self.trouble = f"{dead[0]} died" if dead else f"{hung[0]} hangs" if hung else None
        return self.trouble

    def _quiet(self, pulse: Pulse, passed: float) -> float:
        seen = self._seen.setdefault(pulse.name, _Seen())
        moved = pulse.resting or pulse.count != seen.count
        seen.count, seen.quiet = pulse.count, 0.0 if moved else seen.quiet + min(passed, _STEP)
        return seen.quiet


def places(threads: Iterable[threading.Thread]) -> dict[str, list[str]]:
    """Where each living thread is: files, lines and functions, the innermost last; no values."""
    frames = sys._current_frames()  # noqa: SLF001 (there is no other way)
    return {
        thread.name: [f"{at.filename}:{at.lineno} {at.name}" for at in traceback.extract_stack(frames[thread.ident])]
        for thread in threads
        if thread.ident in frames
    }
