"""Events as they come from Kafka, for tests that hand them to an inbox themselves."""

from datetime import datetime

from shared.bus.held import Incoming
from shared.clock import utc_now
from shared.schemas.codec import encode_data, headers
from shared.schemas.event import Event, event_id


def incoming(
    event: Event, sequence: int, *, source: str = "/test", offset: int | None = None, at: datetime | None = None
) -> Incoming:
    """The record of an aggregate's event number `sequence`; at that offset unless another one is given."""
    wire = headers(
        event_id=event_id(event.topic, event.key, sequence),
        event_type=event.TYPE,
        source=source,
        key=event.key,
        sequence=sequence,
        time=at or utc_now(),
        traceparent="",
    )
    return Incoming(
        topic=event.topic,
        partition=0,
        offset=sequence if offset is None else offset,
        key=event.key,
        headers=tuple(wire),
        value=encode_data(event),
    )
