"""The wire format, with the CloudEvents SDK as the oracle."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.schemas.codec import Undecodable, UnknownType, decode, encode_data, headers
from shared.schemas.event import Envelope, event_class, event_id
from shared.schemas.registry import all_events
from tests.chaos.probe import Probe, probe_of
from tests.contracts.freeze import example

TOPIC = "probecodec"
KIND = probe_of(TOPIC)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
_MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


def _wire(event: Probe, sequence: int, time: datetime, traceparent: str = TRACEPARENT) -> list[tuple[str, bytes]]:
    return headers(
        event_id=event_id(event.topic, event.key, sequence),
        event_type=event.TYPE,
        source="/probe",
        key=event.key,
        sequence=sequence,
        time=time,
        traceparent=traceparent,
    )


@settings(max_examples=150, deadline=None)
@given(
    key=_TEXT, n=st.integers(-(2**60), 2**60), names=st.none() | _TEXT, sequence=st.integers(1, 2**53), time=_MOMENTS
)
def test_what_is_encoded_is_decoded_again(key: str, n: int, names: str | None, sequence: int, time: datetime) -> None:
    event = KIND(probe_id=key, n=n, names=names)
    envelope = decode(_wire(event, sequence, time), encode_data(event))

    assert envelope == Envelope(
        id=f"{TOPIC}/{key}/{sequence}",
        type=event.TYPE,
        source="/probe",
        key=key,
        sequence=sequence,
        time=time,
        traceparent=TRACEPARENT,
        event=event,
    )


@settings(max_examples=100, deadline=None)
@given(key=_TEXT, n=st.integers(0, 2**31), time=_MOMENTS, sequence=st.integers(1, 2**31))
def test_the_sdk_reads_what_we_write(key: str, n: int, time: datetime, sequence: int) -> None:
    event = KIND(probe_id=key, n=n)
    message = KafkaMessage(dict(_wire(event, sequence, time)), key.encode(), encode_data(event))
    read = from_binary(message, JSONFormat(), CloudEvent)

    attributes = read.get_attributes()
    assert (attributes["id"], attributes["type"], attributes["source"]) == (
        event_id(TOPIC, key, sequence),
        event.TYPE,
        "/probe",
    )
    assert (attributes["subject"], attributes["time"], attributes["specversion"]) == (key, time, "1.0")
    assert (attributes["sequence"], attributes["traceparent"]) == (str(sequence), TRACEPARENT)
    assert read.get_data() == {"probe_id": key, "n": n, "names": None, "poison": False}


@settings(max_examples=100, deadline=None)
@given(key=_TEXT, n=st.integers(0, 2**31), time=_MOMENTS)
def test_we_read_what_the_sdk_writes(key: str, n: int, time: datetime) -> None:
    attributes: dict[str, Any] = {
        "id": event_id(TOPIC, key, 3),
        "type": KIND.TYPE,
        "source": "/probe",
        "subject": key,
        "time": time,
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "sequence": "3",
    }
    event = CloudEvent(attributes, {"probe_id": key, "n": n, "unknown": "dropped"})
    message = to_binary(event, JSONFormat())
    value = message.value
    envelope = decode(list(message.headers.items()), value)

    assert envelope.event == KIND(probe_id=key, n=n)
    assert (envelope.time, envelope.sequence, envelope.traceparent) == (time, 3, "")


@pytest.mark.parametrize("event_type", sorted(all_events()))
def test_every_event_of_the_house_survives_the_wire(event_type: str) -> None:
    event = example(all_events()[event_type])
    wire = headers(
        event_id="x",
        event_type=event_type,
        source="/s",
        key=event.key,
        sequence=1,
        time=datetime.now(UTC),
        traceparent="",
    )
    assert decode(wire, encode_data(event)).event == event
    assert "ce_traceparent" not in dict(wire)


_NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
_GOOD = dict(_wire(KIND(probe_id="a", n=1), 1, _NOW))
_DATA = encode_data(KIND(probe_id="a", n=1))


@pytest.mark.parametrize(
    "name", ["ce_id", "ce_type", "ce_source", "ce_subject", "ce_sequence", "ce_time", "ce_specversion"]
)
def test_a_missing_attribute_is_named(name: str) -> None:
    without = [(other, value) for other, value in _GOOD.items() if other != name]
    with pytest.raises(Undecodable, match=name):
        decode(without, _DATA)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_sequence", b"one"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2026-03-01T09:00:00"),
        ("ce_time", b"9999-12-31T23:59:59-23:59"),
        ("ce_specversion", b"2.0"),
        ("ce_subject", b"another"),
        ("ce_id", b"\xff"),
        ("ce_id", None),
    ],
)
def test_a_wrong_attribute_is_refused(name: str, value: bytes) -> None:
    with pytest.raises(Undecodable):
        decode([*{**_GOOD, name: value}.items()], _DATA)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"probe_id": 1, "n": 1}', b'{"n": 1}', b"\xff\xfe", b"null"])
def test_wrong_data_is_refused(data: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(list(_GOOD.items()), data)


def test_no_value_at_all_is_refused() -> None:
    with pytest.raises(Undecodable):
        decode(list(_GOOD.items()), None)


def test_a_type_of_the_future_is_no_fault() -> None:
    assert event_class("probe.invented_tomorrow.v1") is None
    with pytest.raises(UnknownType):
        decode([*{**_GOOD, "ce_type": b"probe.invented_tomorrow.v1"}.items()], _DATA)


@settings(max_examples=200, deadline=None)
@given(
    wire=st.lists(st.tuples(st.sampled_from([*_GOOD, "other"]), st.binary(max_size=30)), max_size=10),
    data=st.binary(max_size=60),
)
def test_no_bytes_raise_anything_else(wire: list[tuple[str, bytes]], data: bytes) -> None:
    try:
        decode([*{**_GOOD, **dict(wire)}.items()], data)
    except (Undecodable, UnknownType):
        return


def test_times_are_milliseconds_of_rfc_3339() -> None:
    east = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert dict(_wire(KIND(probe_id="a", n=1), 1, _NOW))["ce_time"] == b"2026-03-01T09:00:00.000Z"
    assert decode(_wire(KIND(probe_id="a", n=1), 1, east), _DATA).time == east


def test_data_is_readable_json_with_every_field() -> None:
    assert json.loads(_DATA) == {"probe_id": "a", "n": 1, "names": None, "poison": False}
