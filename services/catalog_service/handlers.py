"""The event door: `on_<event>`, one action each."""

from collections.abc import Callable

from services.catalog_service.actions import Actions
from shared.bus.inbox import Handler, Subscription
from shared.schemas import directory
from shared.schemas.enrolment import RosterCompleted
from shared.schemas.event import Event
from shared.storage.work import UnitOfWork


def subscriptions(acting: Callable[[UnitOfWork], Actions]) -> list[Subscription]:
    """The local copies, rebuilt at will; and what happens here because of what happened elsewhere."""

    def on_roster_completed(event: RosterCompleted, work: UnitOfWork) -> None:
        acting(work).sessions.complete(event.session_id)

    def copy(name: str) -> Handler:
        return lambda event, work: getattr(acting(work).copies, name)(event)

    copies: dict[type[Event], Handler] = {
        directory.OrganisationRegistered: copy("put_organisation"),
        directory.OrganisationChanged: copy("put_organisation"),
        directory.OrganisationSuspended: copy("suspend_organisation"),
        directory.AwardingGranted: copy("grant"),
        directory.AwardingWithdrawn: copy("withdraw"),
    }
    return [
        Subscription(name="copies", handlers=copies, event_time=True),
        Subscription(name="reactions", handlers={RosterCompleted: on_roster_completed}),
    ]
