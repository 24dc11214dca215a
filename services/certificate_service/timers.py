"""The clock door: what is due now."""

from collections.abc import Callable

from services.certificate_service.actions.visibility import Decide, Visibility
from shared.bus.worker import Timer
from shared.storage.work import UnitOfWork

_LOOK_SECONDS = 30.0


def timers(visibility: Visibility, new_work: Callable[[], UnitOfWork], decide: Decide) -> list[Timer]:
    """Employments begin and end by their dates, without an event on the day."""
    return [Timer("visibility", _LOOK_SECONDS, lambda: visibility.reconcile(new_work, decide))]
