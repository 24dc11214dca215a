"""What an event is: a frozen dataclass with a type and a key, and the envelope it travels in (CloudEvents 1.0)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

_REGISTRY: dict[str, type["Event"]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of every event. A concrete event names TYPE (`topic.verb.vN`) and KEY, the field with the aggregate's id.

    Fields hold ids and facts, never names, mail addresses or a partner's employee numbers. A field is only ever
    added, with a default; anything else is a new version suffix.
    """

    TYPE: ClassVar[str]
    KEY: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register each concrete event under its TYPE."""
        # No super(): a dataclass with slots is made twice, and zero-argument super() would name the first one.
        if "TYPE" in cls.__dict__:
            _REGISTRY[cls.TYPE] = cls

    @property
    def key(self) -> str:
        """Id of the aggregate this event is about: the Kafka key."""
        return str(getattr(self, self.KEY))

    @property
    def topic(self) -> str:
        """The aggregate type: the Kafka topic."""
        return topic_of(self.TYPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One event on its way. `sequence` counts the events of one aggregate from 1 without gaps.

    `id` is `topic/key/sequence`: unique without a second index, and the same after a replay. `time` is when it was
    decided (UTC, milliseconds). `traceparent` (W3C) ties it to the request that caused it.
    """

    id: str
    type: str
    source: str
    key: str
    sequence: int
    time: datetime
    traceparent: str
    event: Event


def topic_of(event_type: str) -> str:
    """`enrolment.confirmed.v1` is published on `enrolment`."""
    return event_type.split(".", 1)[0]


def event_id(topic: str, key: str, sequence: int) -> str:
    """The id of the event at this place of an aggregate's history."""
    return f"{topic}/{key}/{sequence}"


def registered() -> dict[str, type[Event]]:
    """Every event type that the platform publishes, by TYPE. Import `shared.schemas.registry` to have all loaded."""
    return dict(sorted(_REGISTRY.items()))


def event_class(event_type: str) -> type[Event] | None:
    """The class of a type, or None for a type that this version of the platform does not know."""
    return _REGISTRY.get(event_type)
