"""The clock door: what is due now."""

from collections.abc import Callable, Iterable

from services.certificate_service.actions.issuing import Decide, Issuing
from services.certificate_service.actions.visibility import Visibility
from shared.bus.timers import Timer, Turns
from shared.storage.work import UnitOfWork

_LOOK_SECONDS = 30.0
_GRANT_SECONDS = 2.0


def timers(visibility: Visibility, issuing: Issuing, new_work: Callable[[], UnitOfWork], decide: Decide) -> list[Timer]:
    """Employments begin and end by their dates, without an event on the day; what was held back may be granted."""

    def wrong(after: str) -> Iterable[tuple[str, tuple[str, str] | None]]:
        return visibility.wrong(new_work(), after)

    turns = Turns("visibility", wrong, lambda pair: decide(lambda work: visibility.put_right(*pair, work)))
    return [
        Timer("visibility", _LOOK_SECONDS, turns),
        Timer("give_out", _GRANT_SECONDS, lambda: issuing.give_out(new_work, decide)),
    ]
