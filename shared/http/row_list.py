"""Rows of a JSON body that are judged one by one: a malformed row comes back with what is wrong, the others go on."""

from typing import Any

from marshmallow import ValidationError, fields

from shared.errors import BadRow
from shared.http.violations import violations_of


class RowList(fields.List[Any]):
    """A list of nested rows. Each is a loaded row or a BadRow; only the list itself can be refused as a whole."""

    inner: fields.Nested

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return [self._row(raw) for raw in value]

    def _row(self, raw: Any) -> Any:
        try:
            return self.inner.deserialize(raw)
        except ValidationError as error:
            return BadRow(raw, tuple(violations_of(self.inner.schema, error.messages, raw)))
