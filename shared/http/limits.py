"""What is refused in a JSON body before anybody looks at its meaning."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from shared.errors import Violation
from shared.http.problems import Malformed

# Control characters other than tab, line feed and carriage return; NUL among them.
CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Integers that every JSON reader keeps exactly (RFC 7493).
LARGEST_INTEGER: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """How deep, how long, how many."""

    depth: int = 20
    string: int = 65_536
    items: int = 10_000


def read_json(raw: bytes) -> Any:
    """Parse JSON strictly (RFC 8259, no NaN, no lone surrogates). Malformed says line and column."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        reason = str(error).partition(": line")[0]
        raise Malformed(
            f"The body is not JSON: {reason} at {where}.",
            code="MALFORMED_JSON",
            violations=[Violation(field="", code="MALFORMED_JSON", message=reason, actual=where)],
        ) from error


def broken_limits(data: Any, raw: bytes, limits: JsonLimits) -> list[Violation]:
    """Every place where the body goes beyond the limits, and every key that stands twice."""
    count = _Count()
    violations = list(_walk(data, "", 1, limits, count))
    if not violations and _may_repeat_keys(raw, count):
        violations.extend(_repeated_keys(raw))
    return violations


@dataclass(slots=True)
class _Count:
    """Keys, and colons inside of strings: together the colons of a body in which no key stands twice."""

    colons: int = 0


def _walk(value: Any, path: str, depth: int, limits: JsonLimits, count: _Count) -> Iterator[Violation]:
    kind = type(value)
    if kind is str:
        count.colons += value.count(":")
        if len(value) > limits.string:
            yield _too_long(path, len(value), limits.string)
        if CONTROL.search(value):
            yield Violation(field=path, code="CONTROL_CHARACTER", message="Control characters are not taken.")
    elif kind is dict or kind is list:
        yield from _walk_into(value, path, depth, limits, count)
    elif kind is int and not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        yield Violation(
            field=path,
            code="NUMBER_TOO_LARGE",
            message="The number is too large.",
            actual=value,
            required={"min": -LARGEST_INTEGER, "max": LARGEST_INTEGER},
        )


def _walk_into(
    value: dict[str, Any] | list[Any], path: str, depth: int, limits: JsonLimits, count: _Count
) -> Iterator[Violation]:
    if depth > limits.depth:
        yield Violation(field=path, code="TOO_DEEP", message="The body is nested too deep.", required=limits.depth)
        return
    if isinstance(value, list):
        if len(value) > limits.items:
            yield _too_long(path, len(value), limits.items)
            return
        pairs: Any = enumerate(value)
    else:
        count.colons += len(value)
        pairs = value.items()
    prefix = f"{path}." if path else ""
    for name, item in pairs:
        if type(name) is str:
            yield from _check_name(name, prefix, count)
        yield from _walk(item, f"{prefix}{name}", depth + 1, limits, count)


def _check_name(name: str, prefix: str, count: _Count) -> Iterator[Violation]:
    count.colons += name.count(":")
    if CONTROL.search(name) or len(name) > 256:
        shown = CONTROL.sub("?", name[:40])
        yield Violation(field=f"{prefix}{shown}", code="BAD_FIELD_NAME", message="This cannot be the name of a field.")


def _too_long(path: str, actual: int, most: int) -> Violation:
    return Violation(field=path, code="TOO_LONG", message="It is too long.", actual=actual, required={"max": most})


def _may_repeat_keys(raw: bytes, count: _Count) -> bool:
    """orjson keeps the last of two equal keys. Without escaped colons, counting the colons tells whether it did."""
    return raw.count(b":") != count.colons or b"\\u003" in raw


def _repeated_keys(raw: bytes) -> list[Violation]:
    """The slow and exact look. Only the bodies that the count makes suspicious come here."""
    found: list[Violation] = []

    def remember(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                found.append(Violation(field=name, code="DUPLICATE_KEY", message="This key stands twice."))
            seen.add(name)
        return dict(pairs)

    json.loads(raw, object_pairs_hook=remember)
    return found
