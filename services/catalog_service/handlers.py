"""The event door: `on_<event>`, one action each."""

from collections.abc import Callable

from services.catalog_service.actions import Actions
from shared.bus.inbox import Subscription
from shared.schemas.enrolment import RosterCompleted
from shared.storage.work import UnitOfWork


def subscriptions(acting: Callable[[UnitOfWork], Actions]) -> list[Subscription]:
    """What happens here because of what happened elsewhere."""

    def on_roster_completed(event: RosterCompleted, work: UnitOfWork) -> None:
        acting(work).sessions.complete(event.session_id)

    return [Subscription(name="reactions", handlers={RosterCompleted: on_roster_completed})]
