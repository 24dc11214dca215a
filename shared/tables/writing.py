"""Rows out, streaming with flat memory: CSV, NDJSON, XLSX, Parquet."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO, Final

import orjson

from shared.tables.reading import GUARDED
from shared.tables.table import CSV, NDJSON, PARQUET, XLSX

TEXT, INTEGER, NUMBER, DAY, MOMENT, BOOLEAN = "text", "integer", "number", "day", "moment", "boolean"
MEDIA_TYPES: Final = {
    CSV: "text/csv; charset=utf-8",
    NDJSON: "application/x-ndjson",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    PARQUET: "application/vnd.apache.parquet",
}
_CHUNK_ROWS = 1000
Cells = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, and of what kind its values are (moments in UTC)."""

    name: str
    kind: str = TEXT


def guarded(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would run it as a formula; `reading` takes it off."""
    return f"'{text}" if text.lstrip("'").startswith(GUARDED) else text


def csv_chunks(columns: Sequence[Column], rows: Iterable[Cells], separator: str = ",") -> Iterator[bytes]:
    """CSV in UTF-8 with a byte order mark, so that spreadsheets see the encoding. Some hundred rows a chunk."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator="\r\n")
    writer.writerow([guarded(column.name) for column in columns])
    yield b"\xef\xbb\xbf" + _taken(buffer)
    remaining = iter(rows)
    while some := list(islice(remaining, _CHUNK_ROWS)):
        writer.writerows([_csv_cell(row.get(column.name)) for column in columns] for row in some)
        yield _taken(buffer)


def ndjson_chunks(columns: Sequence[Column], rows: Iterable[Cells]) -> Iterator[bytes]:
    """An object a line."""
    remaining = iter(rows)
    while some := list(islice(remaining, _CHUNK_ROWS)):
        yield b"".join(
            orjson.dumps(
                {column.name: _json_cell(row.get(column.name)) for column in columns}, option=orjson.OPT_APPEND_NEWLINE
            )
            for row in some
        )


def write_xlsx(columns: Sequence[Column], rows: Iterable[Cells], out: BinaryIO, sheet: str = "data") -> None:
    """A workbook with one sheet. Texts are never formulas or links. Excel takes 1,048,576 rows."""
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd",
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(out, options) as workbook:
        page = workbook.add_worksheet(sheet)
        moment = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        page.write_row(0, 0, [column.name for column in columns], workbook.add_format({"bold": True}))
        page.freeze_panes(1, 0)
        for line, row in enumerate(rows, start=1):
            for place, column in enumerate(columns):
                value = _xlsx_cell(row.get(column.name))
                if value is not None:
                    page.write(line, place, value, *([moment] if column.kind == MOMENT else []))


def write_parquet(columns: Sequence[Column], rows: Iterable[Cells], out: BinaryIO) -> None:
    """Parquet with a row group for each ten thousand rows."""
    import pyarrow
    from pyarrow import parquet

    kinds = {
        TEXT: pyarrow.string(),
        INTEGER: pyarrow.int64(),
        NUMBER: pyarrow.float64(),
        DAY: pyarrow.date32(),
        MOMENT: pyarrow.timestamp("ms", tz="UTC"),
        BOOLEAN: pyarrow.bool_(),
    }
    schema = pyarrow.schema([(column.name, kinds[column.kind]) for column in columns])
    remaining = iter(rows)
    with parquet.ParquetWriter(out, schema, compression="snappy") as writer:
        while some := list(islice(remaining, 10 * _CHUNK_ROWS)):
            wanted = [{c.name: _parquet_cell(row.get(c.name), c.kind) for c in columns} for row in some]
            writer.write_batch(pyarrow.RecordBatch.from_pylist(wanted, schema=schema))


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return guarded(value)
    return _moment(value) if isinstance(value, datetime) else str(value)


def _json_cell(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return _moment(value) if isinstance(value, datetime) else value


def _xlsx_cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def _parquet_cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == NUMBER:
        return float(value)
    if kind == TEXT and not isinstance(value, str):
        return _moment(value) if isinstance(value, datetime) else str(value)
    return value


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
