"""The clock door: what is due now."""

from collections.abc import Callable

from services.certificate_service.actions.issuing import Issuing
from services.certificate_service.actions.visibility import Decide, Visibility
from shared.bus.worker import Timer
from shared.storage.work import UnitOfWork

_LOOK_SECONDS = 30.0
_GRANT_SECONDS = 2.0


def timers(visibility: Visibility, issuing: Issuing, new_work: Callable[[], UnitOfWork], decide: Decide) -> list[Timer]:
    """Employments begin and end by their dates, without an event on the day; what was held back may be granted."""
    return [
        Timer("visibility", _LOOK_SECONDS, lambda: visibility.reconcile(new_work, decide)),
        Timer("give_out", _GRANT_SECONDS, lambda: issuing.give_out(new_work, decide)),
    ]
