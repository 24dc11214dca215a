"""The clock door: what is due now."""

from collections.abc import Callable, Iterable

from services.certificate_service.actions.visibility import Visibility
from shared.bus.timers import Timer, Turns
from shared.storage.work import UnitOfWork

_LOOK_SECONDS = 30.0
Decide = Callable[[Callable[[UnitOfWork], int]], int]
"""Runs an action in a transaction of its own, again when somebody was faster."""


def timers(visibility: Visibility, new_work: Callable[[], UnitOfWork], decide: Decide) -> list[Timer]:
    """Employments begin and end by their dates, without an event on the day."""

    def wrong(after: str) -> Iterable[tuple[str, tuple[str, str] | None]]:
        return visibility.wrong(new_work(), after)

    turns = Turns("visibility", wrong, lambda pair: decide(lambda work: visibility.put_right(*pair, work)))
    return [Timer("visibility", _LOOK_SECONDS, turns)]
