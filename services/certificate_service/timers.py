"""The clock door: what is due now."""

from collections.abc import Callable, Iterable

from services.certificate_service.actions.issuing import Issuing, Store
from services.certificate_service.actions.visibility import Visibility
from shared.bus.timers import Timer, Turns
from shared.storage.work import UnitOfWork

Decide = Callable[[Callable[[UnitOfWork], int]], int]
"""Runs an action in a transaction of its own, again when somebody was faster."""
_LOOK_SECONDS = 30.0
_GRANT_SECONDS = 2.0


def timers(visibility: Visibility, issuing: Issuing, new_work: Callable[[], UnitOfWork], decide: Decide) -> list[Timer]:
    """Employments begin and end by their dates, without an event on the day; what was held back may be granted."""

    def wrong(after: str) -> Iterable[tuple[str, tuple[str, str] | None]]:
        return visibility.wrong(new_work(), after)

    def give(enrolment_id: str) -> int:
        return decide(lambda work: issuing.give(enrolment_id, Store(work)))

    shown = Turns("visibility", wrong, lambda pair: decide(lambda work: visibility.put_right(*pair, work)))
    given = Turns("give_out", lambda after: issuing.ripe(Store(new_work()), after), give)
    return [Timer("visibility", _LOOK_SECONDS, shown), Timer("give_out", _GRANT_SECONDS, given)]
