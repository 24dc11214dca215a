"""Every version of every event that was ever published still loads, with every field that it had."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, make_dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from shared.schemas.codec import decode, encode_data
from shared.schemas.event import Event
from shared.schemas.registry import PUBLISHERS, all_events, publisher_of, topics
from tests.contracts.freeze import FOLDER, examples_of, golden, unfrozen_fields

FROZEN = sorted(FOLDER.glob("*.json"))


def violations(frozen: dict[str, Any], kind: type[Event]) -> list[str]:
    """What keeps a class from reading what was published: removed fields, new required ones, changed types."""
    data, known = frozen["data"], {item.name: item for item in fields(kind)}
    found = [f"the published field {name} is gone" for name in data if name not in known]
    found += [
        f"the new field {name} has no default"
        for name, item in known.items()
        if name not in data and item.default is MISSING and item.default_factory is MISSING
    ]
    try:
        event = msgspec.json.decode(msgspec.json.encode(data), type=kind)
    except msgspec.ValidationError as error:
        return [*found, str(error)]
    again = json.loads(encode_data(event))
    return found + [
        f"the field {name} reads differently" for name in data if name in known and again[name] != data[name]
    ]


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: path.stem)
def test_a_published_event_still_loads_with_every_field(path: Path) -> None:
    frozen = json.loads(path.read_text(encoding="utf-8"))
    event_type = frozen["headers"]["ce_type"]
    kind = all_events().get(event_type)
    assert kind is not None, f"{event_type} was published; it may not vanish from the registry"

    wire = [(name, value.encode()) for name, value in frozen["headers"].items()]
    envelope = decode(wire, json.dumps(frozen["data"]).encode())

    assert violations(frozen, kind) == []
    assert (envelope.event.topic, envelope.key, envelope.sequence) == (frozen["topic"], frozen["key"], 3)
    assert path in examples_of(event_type)


def test_every_type_is_frozen() -> None:
    missing = set(all_events()) - {path.stem for path in FROZEN}
    assert not missing, "freeze them: python -m tests.contracts.freeze"


@pytest.mark.parametrize(("event_type", "kind"), all_events().items())
def test_every_field_stands_in_a_frozen_example_also_one_that_was_added_later(
    event_type: str, kind: type[Event]
) -> None:
    assert unfrozen_fields(event_type, kind) == set(), "freeze them: python -m tests.contracts.freeze"


def test_an_example_that_is_made_now_has_every_field_filled() -> None:
    for event_type, kind in all_events().items():
        made = golden(event_type, kind)
        assert set(made["data"]) == {item.name for item in fields(kind)}
        assert None not in made["data"].values()


def test_no_field_may_be_removed_added_as_required_or_retyped() -> None:
    """The guard itself: each forbidden change of a schema is noticed."""
    base: dict[str, Any] = {"namespace": {"KEY": "probe_id"}, "frozen": True, "kw_only": True, "bases": (Event,)}
    frozen = {"data": {"probe_id": "a", "n": 1}}

    def changed(*columns: Any) -> type[Any]:
        return make_dataclass("Changed", columns, **base)

    assert violations(frozen, changed(("probe_id", str), ("n", int))) == []
    assert violations(frozen, changed(("probe_id", str), ("n", int), ("more", str, "default"))) == []
    assert violations(frozen, changed(("probe_id", str))) == ["the published field n is gone"]
    assert "the new field more has no default" in violations(
        frozen, changed(("probe_id", str), ("n", int), ("more", str))
    )
    assert violations(frozen, changed(("probe_id", str), ("n", str)))
    assert violations(frozen, changed(("probe_id", str), ("n", float))) == []  # 1 and 1.0 are one number in JSON


def test_every_type_belongs_to_one_topic_verb_and_version() -> None:
    for event_type, kind in all_events().items():
        topic, verb, version = event_type.split(".")
        assert topic in topics()
        assert verb.islower()
        assert version.removeprefix("v").isdigit()
        assert kind.KEY in {item.name for item in fields(kind)}
        assert publisher_of(event_type) in PUBLISHERS


def test_a_type_defined_in_a_test_is_not_published() -> None:
    class Stray(Event):
        TYPE: ClassVar[str] = "stray.seen.v1"
        KEY: ClassVar[str] = "stray_id"

    assert Stray.TYPE not in all_events()
