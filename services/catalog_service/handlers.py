"""The event door: `on_<event>`, one action each."""

from collections.abc import Callable
from typing import Any

from services.catalog_service.actions import Actions
from shared.bus.inbox import Handler, Subscription
from shared.schemas import directory, enrolment
from shared.schemas.enrolment import RosterCompleted
from shared.schemas.event import Event
from shared.storage.work import UnitOfWork

_LEFT = (
    enrolment.EnrolmentCancelled,
    enrolment.EnrolmentNoShow,
    enrolment.EnrolmentCompleted,
    enrolment.EnrolmentFailed,
)


def subscriptions(acting: Callable[[UnitOfWork], Actions]) -> list[Subscription]:
    """The local copies and who has a seat, rebuilt at will; and what happens here because of what happened elsewhere."""

    def on_roster_completed(event: RosterCompleted, work: UnitOfWork) -> None:
        acting(work).sessions.complete(event.session_id)

    def on_confirmed(event: enrolment.EnrolmentConfirmed, work: UnitOfWork) -> None:
        acting(work).sessions.let_in(event.enrolment_id, event.session_id, event.person_id, event.cluster_id)

    def on_left(event: enrolment.EnrolmentEvent, work: UnitOfWork) -> None:
        acting(work).sessions.let_out(event.enrolment_id)

    def on_capacity(event: enrolment.SeatsCapacityChanged, work: UnitOfWork) -> None:
        acting(work).sessions.tell_seats(event.session_id, capacity=event.capacity)

    def on_availability(event: enrolment.SeatsAvailabilityChanged, work: UnitOfWork) -> None:
        acting(work).sessions.tell_seats(event.session_id, availability=event.availability)

    def copy(put: Callable[[Actions, Any], None]) -> Handler:
        return lambda event, work: put(acting(work), event)

    copies: dict[type[Event], Handler] = {
        directory.OrganisationRegistered: copy(lambda to, event: to.copies.put_organisation(event)),
        directory.OrganisationChanged: copy(lambda to, event: to.copies.put_organisation(event)),
        directory.OrganisationSuspended: copy(lambda to, event: to.copies.suspend_organisation(event)),
        directory.PortalChanged: copy(lambda to, event: to.copies.put_portal(event)),
        directory.AwardingGranted: copy(lambda to, event: to.copies.grant(event)),
        directory.AwardingWithdrawn: copy(lambda to, event: to.copies.withdraw(event)),
    }
    seats: dict[type, Any] = {
        enrolment.EnrolmentConfirmed: on_confirmed,
        **dict.fromkeys(_LEFT, on_left),
        enrolment.SeatsCapacityChanged: on_capacity,
        enrolment.SeatsAvailabilityChanged: on_availability,
    }
    return [
        Subscription(name="copies", handlers=copies, event_time=True),
        Subscription(name="reactions", handlers={RosterCompleted: on_roster_completed}),
        Subscription(name="participants", handlers=seats, event_time=True),
    ]
