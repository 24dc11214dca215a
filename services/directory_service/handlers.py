"""The event door: what other services know of a person, kept for the person's own export."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from services.directory_service.actions import Actions
from shared.bus.inbox import Handler, Subscription
from shared.schemas import certificate, enrolment
from shared.schemas.event import Envelope, Event, registered
from shared.storage.work import UnitOfWork

_PUBLISHERS = (enrolment.__name__, certificate.__name__)


def about_people() -> list[type[Event]]:
    """Every event of another service that names the person whom it is about."""
    others = (kind for kind in registered().values() if kind.__module__ in _PUBLISHERS)
    return [kind for kind in others if "person_id" in {field.name for field in fields(kind)}]


def subscriptions(acting: Callable[[UnitOfWork], Actions]) -> list[Subscription]:
    """What happened to people elsewhere, rebuilt at will."""

    def on_fact(event: Any, work: UnitOfWork) -> None:
        acting(work).exports.keep(event)

    def preload(envelopes: Sequence[Envelope], work: UnitOfWork) -> None:
        acting(work).exports.prepare([getattr(envelope.event, "person_id", "") for envelope in envelopes])

    handlers: dict[type[Event], Handler] = dict.fromkeys(about_people(), on_fact)
    return [Subscription(name="facts", handlers=handlers, prepare=preload, event_time=True)]
