"""Fields and the resource that the bodies of several services are made of."""

from typing import Any

from marshmallow import Schema, fields, validate


class Resource(Schema):
    """What every resource shows."""

    id = fields.String(required=True)
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


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
