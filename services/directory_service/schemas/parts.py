"""The fields that the directory's bodies are made of."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import fields, validate

LANGUAGE: Final = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


class Id(fields.UUID):
    """A UUID as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return str(super()._deserialize(value, attr, data, **kwargs))


def count(most: int = 2**53 - 1, **options: Any) -> fields.Integer:
    """A whole number from 0."""
    return fields.Integer(validate=validate.Range(0, most), **options)
