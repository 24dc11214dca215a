"""Fields and the resource that the bodies of several services are made of."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from marshmallow import Schema, fields, validate

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def links(**options: Any) -> fields.Dict:
    """Addresses of what belongs to a resource."""
    return mapping("Links", required=True, **options)


def mapping(model: str, values: fields.Field[Any] | None = None, **options: Any) -> fields.Dict:
    """A map by free keys. `model` is what generated clients call it."""
    metadata = {"x-model": model, **options.pop("metadata", {})}
    return fields.Dict(keys=fields.String(), values=values or fields.String(), metadata=metadata, **options)


class Resource(Schema):
    """What every resource shows."""

    id = fields.String(required=True)
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    links = links()


class Violation(Schema):
    """What is wrong with a field, and what it should be."""

    field = fields.String(required=True, metadata={"description": "The path of the field"})
    code = fields.String(required=True, metadata={"description": "The reason, a word for a machine"})
    message = fields.String(required=True, metadata={"description": "The reason, a sentence for a person"})
    actual = fields.Raw(allow_none=True, metadata={"description": "What was given"})
    required = fields.Raw(allow_none=True, metadata={"description": "What is taken"})
    row = fields.Integer(allow_none=True, metadata={"description": "Of an import or a list of rows, counted from 1"})


class Moment(fields.AwareDateTime):
    """A moment in UTC, to the millisecond: finer is not stored."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        moment: datetime = super()._deserialize(value, attr, data, **kwargs)
        try:
            utc = moment.astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type="datetime") from error
        return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


class Deadline(Moment):
    """A moment; or a plain date, which is loaded as a date: whoever knows the time zone says when that day ends."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            return super()._deserialize(value, attr, data, **kwargs)
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise self.make_error("invalid", input=value, obj_type="datetime") from error


class Since(Moment):
    """A moment of a filter; a plain date is the moment when that day begins in UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        whole = f"{value}T00:00:00+00:00" if isinstance(value, str) and _DAY.fullmatch(value) else value
        return super()._deserialize(whole, attr, data, **kwargs)


def text(most: int, **options: Any) -> fields.String:
    """A text of 1 to `most` characters."""
    return fields.String(validate=validate.Length(1, most), **options)


def pattern(expression: str, **options: Any) -> fields.String:
    """A text that matches."""
    return fields.String(validate=validate.Regexp(expression), **options)


def one_of(choices: tuple[str, ...], model: str | None = None, **options: Any) -> fields.String:
    """One of these words. `model` is what generated clients call them, where it is not the field's own name."""
    metadata = {**options.pop("metadata", {}), **({"x-model": model} if model else {})}
    return fields.String(validate=validate.OneOf(choices), metadata=metadata, **options)


def url(**options: Any) -> fields.Url:
    """A web address."""
    return fields.Url(schemes={"http", "https"}, validate=validate.Length(1, 2_000), **options)
