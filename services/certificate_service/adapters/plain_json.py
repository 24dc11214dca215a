"""Which JSON we take at all: bounded, plain, and read the same by every JSON-LD processor.

The limits are several times what a real credential needs (6 kB, 60 objects) and keep a hostile one below a second.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]

MAX_BYTES = 128 * 1024
MAX_DEPTH = 24
MAX_VALUES = 3000
MAX_OBJECTS = 400
MAX_ARRAY = 250
MAX_EXACT_INTEGER = 2**53

# C0 except tab, line feed and carriage return, and DEL: Python and JavaScript write them differently into N-Quads.
# A lone surrogate cannot be written at all.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class BadDocument(ValueError):
    """The document is not one we sign or verify; the message says why and is safe to show."""


def parse(data: bytes | str | Mapping[str, Any]) -> Document:
    """The JSON object in `data`, checked by `require_plain`; BadDocument otherwise."""
    text = _encoded(data)
    if len(text) > MAX_BYTES:
        raise BadDocument(f"The document is longer than {MAX_BYTES} bytes.")
    try:
        document = json.loads(text, object_pairs_hook=_without_twice, parse_constant=_no_constant)
    except BadDocument:
        raise
    except (ValueError, RecursionError):
        raise BadDocument("The document is not JSON in UTF-8.") from None
    if not isinstance(document, dict):
        raise BadDocument("The document is not a JSON object.")
    plain: Document = _like_javascript(document, 0)
    require_plain(plain)
    return plain


def require_plain(document: Document) -> None:
    """Refuse what is too large, too deep, not JSON, or writes a canonical form that processors disagree about."""
    objects = 0
    for values, (value, depth) in enumerate(_walk(document), start=1):
        objects += isinstance(value, dict)
        if depth > MAX_DEPTH:
            raise BadDocument(f"The document is nested deeper than {MAX_DEPTH} levels.")
        if values > MAX_VALUES or objects > MAX_OBJECTS:
            raise BadDocument("The document has too many parts.")
        _require_plain_value(value)


def text_problem(text: str) -> str | None:
    """Why this text may not stand in a credential, or None; for input checks before anything is signed."""
    found = _FORBIDDEN.search(text)
    return f"contains the control character U+{ord(found[0]):04X}" if found else None


def number(value: float) -> int | float:
    """The number as JavaScript reads it: 5.0 is the integer 5, and so is its canonical form."""
    return int(value) if value.is_integer() and abs(value) < MAX_EXACT_INTEGER else value


def _encoded(data: bytes | str | Mapping[str, Any]) -> bytes:
    try:
        if isinstance(data, bytes):
            return data
        text = data if isinstance(data, str) else json.dumps(dict(data), ensure_ascii=False)
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        raise BadDocument("The document is not plain JSON.") from None


def _without_twice(pairs: list[tuple[str, Any]]) -> Document:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadDocument("A member occurs twice in one object.")
    return found


def _no_constant(name: str) -> Any:
    raise BadDocument(f"{name} is not a JSON number.")


def _like_javascript(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise BadDocument(f"The document is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, dict):
        return {name: _like_javascript(member, depth + 1) for name, member in value.items()}
    if isinstance(value, list):
        return [_like_javascript(member, depth + 1) for member in value]
    return number(value) if isinstance(value, float) else value


def _walk(value: Any, depth: int = 0) -> Iterator[tuple[Any, int]]:
    waiting = [(value, depth)]
    while waiting:
        current, level = waiting.pop()
        yield current, level
        if isinstance(current, dict):
            waiting += [(member, level + 1) for member in current.values()]
        elif isinstance(current, list):
            waiting += [(member, level + 1) for member in current]


def _require_plain_value(value: Any) -> None:
    if isinstance(value, str):
        _require_text(value)
    elif isinstance(value, dict):
        for name in value:
            _require_text(name)
    elif isinstance(value, list):
        if len(value) > MAX_ARRAY:
            raise BadDocument(f"A list has more than {MAX_ARRAY} members.")
    elif not isinstance(value, bool):
        _require_number(value)


def _require_text(value: object) -> None:
    if not isinstance(value, str):
        raise BadDocument("A member's name is not text.")
    if problem := text_problem(value):
        raise BadDocument(f"A text {problem}.")


def _require_number(value: object) -> None:
    if value is None:
        raise BadDocument("A member is null; an absent member is left out.")
    if not isinstance(value, int | float):
        raise BadDocument(f"A {type(value).__name__} is not JSON.")
    if isinstance(value, float) and (not math.isfinite(value) or value.is_integer()):
        raise BadDocument("A number is not one that all processors write alike.")
    if abs(value) >= MAX_EXACT_INTEGER:
        raise BadDocument("A number is too large to be exact.")
