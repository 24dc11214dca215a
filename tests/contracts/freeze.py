"""Golden events: examples of every published version, kept permanently. `python -m tests.contracts.freeze` adds what is
missing and never changes what is there: a frozen event was published and must always load.

A type that got fields since gets one more example, `TYPE+2.json`, `TYPE+3.json`: so a field that was added is protected
as the first ones are."""

from __future__ import annotations

import json
import types
import typing
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Union

from shared.schemas.codec import encode_data, headers
from shared.schemas.event import Event, event_id, topic_of
from shared.schemas.registry import all_events, publisher_of

FOLDER = Path(__file__).parent / "golden"
TIME = datetime(2026, 3, 1, 9, 30, 15, 250_000, tzinfo=UTC)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def path_of(event_type: str) -> Path:
    """The file of a type."""
    return FOLDER / f"{event_type}.json"


def examples_of(event_type: str) -> list[Path]:
    """The frozen examples of a type, the oldest first."""
    later = FOLDER.glob(f"{event_type}+*.json")
    return [path for path in (path_of(event_type), *sorted(later)) if path.exists()]


def unfrozen_fields(event_type: str, kind: type[Event]) -> set[str]:
    """Fields of the class that stand in no example yet."""
    frozen = (json.loads(path.read_text(encoding="utf-8"))["data"] for path in examples_of(event_type))
    return {item.name for item in fields(kind)}.difference(*frozen)


def example(kind: type[Any]) -> Any:
    """An instance with every field filled, optional ones too."""
    hints = typing.get_type_hints(kind)
    return kind(**{item.name: _value(hints[item.name], item.name) for item in fields(kind)})


def golden(event_type: str, kind: type[Event]) -> dict[str, Any]:
    """What is kept: the record as it goes over the wire, with the data readable."""
    event: Event = example(kind)
    wire = headers(
        event_id=event_id(event.topic, event.key, 3),
        event_type=event_type,
        source=f"/{publisher_of(event_type)}",
        key=event.key,
        sequence=3,
        time=TIME,
        traceparent=TRACEPARENT,
    )
    return {
        "topic": topic_of(event_type),
        "key": event.key,
        "headers": {name: value.decode() for name, value in wire},
        "data": json.loads(encode_data(event)),
    }


def _value(hint: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _value(next(argument for argument in arguments if argument is not type(None)), name)
    if origin is list:
        return [_value(arguments[0], name)]
    if origin is dict:
        return {_value(arguments[0], "en"): _value(arguments[1], name)}
    if is_dataclass(hint) and isinstance(hint, type):
        return example(hint)
    simple: dict[Any, Any] = {int: 3, float: 87.5, bool: True, datetime: TIME, date: TIME.date()}
    return simple.get(hint, name if name == "en" else f"{name}-1")


def main() -> None:
    """Freeze the types and the fields that are not frozen yet."""
    FOLDER.mkdir(exist_ok=True)
    for event_type, kind in all_events().items():
        before = len(examples_of(event_type))
        path = FOLDER / f"{event_type}+{before + 1}.json" if before else path_of(event_type)
        if unfrozen_fields(event_type, kind):
            path.write_text(json.dumps(golden(event_type, kind), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            print(f"frozen: {path.name}")


if __name__ == "__main__":
    main()
