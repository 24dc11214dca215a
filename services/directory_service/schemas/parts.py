"""The fields that the directory's bodies are made of."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, fields, validate

LANGUAGE: Final = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


class Id(fields.UUID):
    """A UUID as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return str(super()._deserialize(value, attr, data, **kwargs))


def text(most: int, **options: Any) -> fields.String:
    """A text of 1 to `most` characters."""
    return fields.String(validate=validate.Length(1, most), **options)


def pattern(expression: str, **options: Any) -> fields.String:
    """A text that matches."""
    return fields.String(validate=validate.Regexp(expression), **options)


def one_of(choices: tuple[str, ...], **options: Any) -> fields.String:
    """One of these words."""
    return fields.String(validate=validate.OneOf(choices), **options)


def url(**options: Any) -> fields.Url:
    """A web address."""
    return fields.Url(schemes={"http", "https"}, validate=validate.Length(1, 2_000), **options)


def count(most: int = 2**53 - 1, **options: Any) -> fields.Integer:
    """A whole number from 0."""
    return fields.Integer(validate=validate.Range(0, most), **options)


class DirectoryResource(Schema):
    """What every resource shows."""

    id = fields.String(required=True)
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
