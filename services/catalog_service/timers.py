"""The clock door: what is due now, one action each."""

from collections.abc import Callable

from services.catalog_service.actions import Actions
from shared.bus.worker import Timer

CHUNK = 200


def timers(decide: Callable[[Callable[[Actions], int]], int], reading: Callable[[], Actions]) -> list[Timer]:
    """`decide` commits one action alone; `reading` looks what is due."""

    def close_due() -> int:
        """Sessions whose application deadline passed."""
        due = reading().sessions.due(CHUNK)
        return sum(decide(lambda actions, i=i: actions.sessions.close_when_due(i)) for i in due)  # type: ignore[misc]

    return [Timer("close_due", 1.0, close_due)]
