"""Which columns of a file an import would read as which fields, asked before anything is uploaded."""

from collections.abc import Callable, Sequence

from marshmallow import Schema, fields, validate

from shared.http.door import Call, Door, Reply
from shared.tables.mapping import Field, Proposal

_MOST, _LONGEST = 200, 500


class ColumnsBody(Schema):
    """The column names of a file."""

    columns = fields.List(
        fields.String(validate=validate.Length(1, _LONGEST)),
        required=True,
        validate=validate.Length(1, _MOST),
        metadata={"description": "The names in the file's first row"},
    )


class FieldView(Schema):
    """A field of the import and the column proposed for it."""

    name = fields.String(required=True, metadata={"description": "The field, as `mapping` names it"})
    required = fields.Boolean(required=True, metadata={"description": "Whether an import needs a column for it"})
    column = fields.String(required=True, allow_none=True, metadata={"description": "The proposed column; null: none"})


class ProposalView(Schema):
    """Every field of the import with its proposed column."""

    fields_ = fields.List(fields.Nested(FieldView), required=True, data_key="fields", attribute="fields")
    unused = fields.List(fields.String(), required=True, metadata={"description": "Columns that no field takes"})


def add_columns_route(
    door: Door,
    base: str,
    *,
    scope: str,
    wanted: Sequence[Field],
    propose: Callable[[Call, Sequence[str]], Proposal],
) -> None:
    """`POST {base}/columns`: the mapping that an import of such a file would use. It changes nothing."""

    @door.post(f"{base}/columns", scope=scope, body=ColumnsBody, returns=ProposalView, status=200, plain=True)
    def propose_columns(call: Call) -> Reply:
        """Say which column would be read as which field: as the last time, else by the columns' names."""
        found = propose(call, call.body["columns"])
        shown = [
            {"name": field.name, "required": field.required, "column": found.columns.get(field.name)}
            for field in wanted
        ]
        return Reply({"fields": shown, "unused": list(found.unused)})
