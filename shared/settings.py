"""Settings: read once from the environment at boot, typed, refused by name when missing, masked in logs."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar

PREFIX = "CLUSTERSKILLS_"
T = TypeVar("T")


class SettingsError(Exception):
    """The process must not start. Each line names a variable, what it is, and an example."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line of the configuration table in the README."""

    name: str
    description: str
    default: str
    example: str
    secret: bool


def setting(name: str, description: str, *, example: str, default: Any = MISSING, secret: bool = False) -> Any:
    """Declare a dataclass field that is read from `CLUSTERSKILLS_<name>`."""
    metadata = {"name": PREFIX + name, "description": description, "example": example, "secret": secret}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def load(cls: type[T], environment: Mapping[str, str] | None = None) -> T:
    """Read `cls` (a frozen dataclass of settings) from the environment. All problems are reported at once."""
    source = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    problems: list[str] = []
    for item in _declared(cls):
        _read(item, source, values, problems)
    if problems:
        raise SettingsError("\n".join(problems))
    return cls(**values)


def table(*classes: type) -> list[SettingRow]:
    """Every setting of the given classes once, in order of declaration: the README's configuration table."""
    rows: dict[str, SettingRow] = {}
    for cls in classes:
        for item in _declared(cls):
            default = "required" if item.default is MISSING else str(item.default)
            meta = item.metadata
            rows.setdefault(
                meta["name"], SettingRow(meta["name"], meta["description"], default, meta["example"], meta["secret"])
            )
    return list(rows.values())


def masked(settings: Any) -> dict[str, str]:
    """The settings as text for the log, secrets hidden, also those that stand in an address."""
    return {
        item.metadata["name"]: "***" if item.metadata["secret"] else _shown(str(getattr(settings, item.name)))
        for item in _declared(type(settings))
    }


def _shown(text: str) -> str:
    return re.sub(r"://[^/\s]*@", "://***@", text)


def _declared(cls: type) -> Iterator[Field[Any]]:
    return (item for item in fields(cls) if "name" in item.metadata)


def _read(item: Field[Any], source: Mapping[str, str], values: dict[str, Any], problems: list[str]) -> None:
    name, example = item.metadata["name"], item.metadata["example"]
    raw = source.get(name)
    if raw is None or raw == "":
        if item.default is MISSING:
            problems.append(f"{name} is not set: {item.metadata['description']}. Example: {name}={example}")
        return
    try:
        values[item.name] = _parse(item.type, raw)
    except ValueError:
        problems.append(f"{name} cannot be read as {_type_name(item.type)}. Example: {name}={example}")


def _parse(kind: Any, raw: str) -> Any:
    name = _type_name(kind)
    if name == "int":
        return int(raw)
    if name == "float":
        return float(raw)
    if name == "bool":
        return _parse_bool(raw)
    return raw


def _parse_bool(raw: str) -> bool:
    choices = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if raw.lower() not in choices:
        raise ValueError(raw)
    return choices[raw.lower()]


def _type_name(kind: Any) -> str:
    return kind if isinstance(kind, str) else kind.__name__
