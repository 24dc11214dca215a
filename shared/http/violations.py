"""marshmallow's messages as violations: the path of each field, a code for machines, what was given and what is taken."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, missing, validate

from shared.errors import Violation

Node = Schema | fields.Field[Any] | None

_KINDS: Final[tuple[tuple[type[fields.Field[Any]], str], ...]] = (
    (fields.Boolean, "true or false"),
    (fields.Integer, "integer"),
    (fields.Decimal, "number"),
    (fields.Number, "number"),
    (fields.AwareDateTime, "date and time with offset (RFC 3339)"),
    (fields.DateTime, "date and time (RFC 3339)"),
    (fields.Date, "date (YYYY-MM-DD)"),
    (fields.Time, "time (HH:MM:SS)"),
    (fields.UUID, "UUID"),
    (fields.Email, "mail address"),
    (fields.Url, "URL"),
    (fields.String, "text"),
    (fields.List, "list"),
    (fields.Dict, "object"),
    (fields.Nested, "object"),
)


def violations_of(schema: Schema, messages: Any, data: Any) -> list[Violation]:
    """All of marshmallow's complaints about `data`, in its order."""
    return list(_walk(schema, messages, data, ""))


def _walk(node: Node, messages: Any, value: Any, path: str) -> Iterator[Violation]:
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            if key == "_schema":
                yield from _walk(node, below, value, path)
            else:
                yield from _walk(_below(node, key), below, _value_at(value, key), f"{path}.{key}" if path else f"{key}")
    elif isinstance(messages, list | tuple):
        for message in messages:
            yield from _walk(node, message, value, path)
    else:
        yield _violation(node, str(messages), value, path)


def _below(node: Node, key: Any) -> Node:
    if isinstance(node, fields.Nested):
        node = node.schema
    if isinstance(node, Schema):
        if isinstance(key, int):
            return node
        named = (field for name, field in node.fields.items() if (field.data_key or name) == key)
        return next(named, None)
    if isinstance(node, fields.List):
        return node.inner
    if isinstance(node, fields.Dict):
        # marshmallow puts the complaints of a mapping under its key, then under the words key and value.
        return {"key": node.key_field, "value": node.value_field}.get(key, node)
    return None


def _value_at(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get(key, value if key in {"key", "value"} else None)
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return value


def _violation(node: Node, message: str, value: Any, path: str) -> Violation:
    code, required = _classify(node, message, value)
    return Violation(field=path, code=code, message=message, actual=_plain(value), required=required)


def _classify(node: Node, message: str, value: Any) -> tuple[str, Any]:
    if node is None:
        return ("UNKNOWN_FIELD", None) if message == _UNKNOWN else ("INVALID", None)
    texts = node.error_messages
    if message in {texts.get("required"), texts.get("null")}:
        return ("REQUIRED" if message == texts.get("required") else "NULL"), _kind(node)
    if isinstance(node, Schema):
        return ("INVALID_TYPE", "object") if message == texts.get("type") else ("INVALID", None)
    return _wrong_type(node) if message in texts.values() else _wrong_value(node, message, value)


def _wrong_value(node: fields.Field[Any], message: str, value: Any) -> tuple[str, Any]:
    try:
        typed = node._deserialize(value, None, None)  # noqa: SLF001 (without the validators)
    except Exception:  # noqa: BLE001 (whatever it is: it did not come as far as the validators)
        return _wrong_type(node)
    broken = (validator for validator in node.validators if message in _complaints(validator, typed))
    validator = next(broken, None)
    return _broken_rule(validator, value) if validator else ("INVALID", _kind(node))


_UNKNOWN: Final = Schema().error_messages["unknown"]


def _wrong_type(node: fields.Field[Any]) -> tuple[str, Any]:
    if isinstance(node, fields.Enum):
        return "NOT_ONE_OF", [choice.strip() for choice in node.choices_text.split(",")]
    return "INVALID_TYPE", _kind(node)


def _complaints(validator: Any, typed: Any) -> list[str]:
    """What this validator says about the value: the way to know whose complaint a message is."""
    try:
        validator(typed)
    except ValidationError as error:
        return [str(text) for text in error.messages] if isinstance(error.messages, list) else []
    return []


def _broken_rule(validator: Any, value: Any) -> tuple[str, Any]:
    if isinstance(validator, validate.Length):
        return _broken_length(validator, value)
    if isinstance(validator, validate.Range):
        return "OUT_OF_RANGE", {"min": validator.min, "max": validator.max}
    if isinstance(validator, validate.OneOf | validate.ContainsOnly):
        return "NOT_ONE_OF", list(validator.choices)
    if isinstance(validator, validate.Regexp):
        return "PATTERN", validator.regex.pattern
    if isinstance(validator, validate.Equal):
        return "NOT_EQUAL", validator.comparable
    return "INVALID", None


def _broken_length(validator: validate.Length, value: Any) -> tuple[str, Any]:
    least = validator.equal if validator.equal is not None else validator.min
    most = validator.equal if validator.equal is not None else validator.max
    too_short = hasattr(value, "__len__") and least is not None and len(value) < least
    return ("TOO_SHORT" if too_short else "TOO_LONG"), {"min": least, "max": most}


def _kind(node: Node) -> str | None:
    return next((word for cls, word in _KINDS if isinstance(node, cls)), None)


def _plain(value: Any) -> Any:
    return None if value is missing else value
