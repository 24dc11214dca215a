"""The wire format: CloudEvents 1.0 in Kafka binary mode, by hand for speed (the SDK is the oracle in tests)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.schemas.event import Envelope, Event, event_class

SPEC_VERSION = "1.0"
Headers = list[tuple[str, bytes]]
_ENCODER = msgspec.json.Encoder(order="deterministic")


class Undecodable(Exception):
    """The bytes are not an event that we could ever read: a poison record."""


class UnknownType(Exception):
    """A well-formed event of a type that this version does not know: to be skipped."""


_DECODERS: dict[type[Event], msgspec.json.Decoder[Any]] = {}


def encode_data(event: Event) -> bytes:
    """The event's fields as JSON; times as RFC 3339 in UTC."""
    return _ENCODER.encode(event)


def decode_data(event_type: str, data: bytes) -> Event:
    """Read the fields of a known type; unknown fields are dropped, wrong types refused with their path."""
    kind = event_class(event_type)
    if kind is None:
        raise UnknownType(event_type)
    try:
        event: Event = _decoder_of(kind).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Undecodable(f"{event_type}: {error}") from error
    return event


def headers(
    *, event_id: str, event_type: str, source: str, key: str, sequence: int, time: datetime, traceparent: str
) -> Headers:
    """The record's headers. `sequence` and `traceparent` are CloudEvents extension attributes."""
    found = [
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_id", event_id.encode()),
        ("ce_type", event_type.encode()),
        ("ce_source", source.encode()),
        ("ce_subject", key.encode()),
        ("ce_time", _rfc3339(time).encode()),
        ("ce_sequence", str(sequence).encode()),
        ("content-type", b"application/json"),
    ]
    if traceparent:
        found.append(("ce_traceparent", traceparent.encode()))
    return found


def decode(record_headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Envelope:
    """Read a Kafka record. Raises Undecodable for anything that is no event, UnknownType for one of the future."""
    attributes = _attributes(record_headers)
    try:
        event_type = attributes["ce_type"]
        if attributes["ce_specversion"] != SPEC_VERSION:
            raise Undecodable(f"CloudEvents {attributes['ce_specversion']} is not spoken here.")
        event = decode_data(event_type, value or b"")
        envelope = Envelope(
            id=attributes["ce_id"],
            type=event_type,
            source=attributes["ce_source"],
            key=attributes["ce_subject"],
            sequence=int(attributes["ce_sequence"]),
            time=_moment(attributes["ce_time"]),
            traceparent=attributes.get("ce_traceparent", ""),
            event=event,
        )
    except KeyError as error:
        raise Undecodable(f"The CloudEvents attribute {error.args[0]} is missing.") from error
    except (ValueError, OverflowError) as error:
        raise Undecodable("A CloudEvents attribute cannot be read.") from error
    if event.key != envelope.key:
        raise Undecodable(f"{event_type}: subject {envelope.key} is not the event's key {event.key}.")
    return envelope


def _attributes(record_headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    try:
        return {name: value.decode() for name, value in record_headers}
    except (UnicodeDecodeError, AttributeError) as error:
        raise Undecodable(f"A header is not UTF-8 text: {error}") from error


def _decoder_of(kind: type[Event]) -> msgspec.json.Decoder[Any]:
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    return decoder


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
