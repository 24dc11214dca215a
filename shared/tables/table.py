"""What a table is once it is opened: columns, rows, and the limits that it was held to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shared.errors import Invalid, Violation

CSV, XLSX, JSON, NDJSON, PARQUET = "csv", "xlsx", "json", "ndjson", "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a table may be; checked before and while it is read. Sizes in bytes."""

    size: int = 50_000_000
    json_size: int = 20_000_000
    unpacked: int = 400_000_000
    ratio: int = 200
    rows: int = 200_000
    columns: int = 200
    cells: int = 5_000_000
    cell: int = 32_768


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why one row, or one cell of it, cannot be used. `column` is None when the row as a whole is meant."""

    code: str
    message: str
    column: str | None = None
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. `number` counts the rows of data from 1; `line` is where a person finds it in the file, from 1."""

    number: int
    line: int
    cells: dict[str, Any] = field(default_factory=dict)
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An opened table. `rows` can be gone through once and raises TableError where the file breaks off."""

    format: str
    columns: tuple[str, ...]
    rows: Iterator[Row]
    encoding: str | None = None
    separator: str | None = None
    sheet: str | None = None


class TableError(Invalid):
    """The file as a whole cannot be read. `code` says why, the sentence what to do."""

    code = "TABLE_UNREADABLE"

    def __init__(self, code: str, message: str, *, actual: Any = None, required: Any = None) -> None:
        violation = Violation(field="file", code=code, message=message, actual=actual, required=required)
        super().__init__(message, code=code, violations=[violation])


def checked_columns(names: list[str], limits: Limits) -> tuple[str, ...]:
    """The header's names, trimmed, without empty ones at the end. Raises TableError for what nobody could map."""
    columns = [str(name or "").strip() for name in names]
    while columns and not columns[-1]:
        columns.pop()
    if not columns:
        raise TableError("TABLE_WITHOUT_HEADER", "The first row has no column names. Put the names into the first row.")
    if len(columns) > limits.columns:
        message = f"The table has {len(columns)} columns; at most {limits.columns} can be read."
        raise TableError("TABLE_TOO_MANY_COLUMNS", message, actual=len(columns), required=limits.columns)
    columns = [name or f"column {place}" for place, name in enumerate(columns, start=1)]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        message = f"Column names occur more than once: {', '.join(twice)}. Give each column a name of its own."
        raise TableError("TABLE_DUPLICATE_COLUMN", message, actual=twice)
    return tuple(columns)


def within_rows(rows: Iterator[Row], limits: Limits) -> Iterator[Row]:
    """The rows, each cell at most as long as allowed; TableError behind the last allowed row."""
    for row in rows:
        if row.number > limits.rows:
            message = f"The table has more than {limits.rows} rows. Split it into several files."
            raise TableError("TABLE_TOO_MANY_ROWS", message, required=limits.rows)
        yield _short_enough(row, limits.cell)


def _short_enough(row: Row, longest: int) -> Row:
    for column, value in row.cells.items():
        if isinstance(value, str) and len(value) > longest:
            message = f"The text has {len(value)} characters; at most {longest} are allowed."
            return Row(
                number=row.number,
                line=row.line,
                fault=Fault(code="CELL_TOO_LONG", message=message, column=column, value=value[:80]),
            )
    return row
