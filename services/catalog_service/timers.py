"""The clock door: what is due now, one action each."""

from collections.abc import Callable

from services.catalog_service.actions import Actions
from shared.bus.timers import Timer, Turns, walk


def timers(decide: Callable[[Callable[[Actions], int]], int], reading: Callable[[], Actions]) -> list[Timer]:
    """`decide` commits one action alone; `reading` looks what is due."""
    # Sessions whose application deadline passed.
    close_due = Turns(
        "close_due",
        walk(lambda after, limit: reading().sessions.due(after, limit)),
        lambda session_id: decide(lambda actions: actions.sessions.close_when_due(session_id)),
    )
    return [Timer("close_due", 1.0, close_due)]
