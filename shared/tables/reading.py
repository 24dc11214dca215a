"""Open an uploaded file as a table. The content decides what it is, not its name."""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, BinaryIO

import msgspec

from shared.tables import excel
from shared.tables.encodings import bom_length, checked_encoding, encoding_of
from shared.tables.table import (
    CSV,
    JSON,
    LIMITS,
    NDJSON,
    Fault,
    Limits,
    Row,
    Table,
    TableError,
    checked_columns,
    within_rows,
)

SEPARATORS = (";", ",", "\t", "|")
_SAMPLE_LINES, _SAMPLE_ROWS = 50, 1000
_SPACE = b" \t\r\n"
_BINARY = frozenset(map(chr, range(32))) - frozenset("\t\n\v\f\r")
"""Characters that no text has: what has them is a file of another kind."""


def open_table(
    file: BinaryIO,
    *,
    limits: Limits = LIMITS,
    encoding: str | None = None,
    separator: str | None = None,
    sheet: str | None = None,
) -> Table:
    """A table from a seekable file at its start. What is not told (encoding, separator, sheet) is found out.

    Raises TableError with TABLE_EMPTY, TABLE_TOO_LARGE, UNKNOWN_FORMAT and others; rows that cannot be used come with
    a `fault`, and the rest is read on.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    _check_size(size, limits.size)
    head = file.read(4096)
    file.seek(0)
    if not head.strip(_SPACE + b"\x00\xef\xbb\xbf\xff\xfe"):
        raise TableError("TABLE_EMPTY", "The file is empty.")
    if excel.is_container(head):
        return excel.open_workbook(file, limits, sheet)
    encoding = checked_encoding(encoding) if encoding else encoding_of(file)
    start = head[bom_length(file) :].decode(encoding, errors="replace")
    if not _BINARY.isdisjoint(start):
        raise excel.other_format()
    first = start.lstrip()[:1]
    if first == "[":
        return _open_json(file, encoding, size, limits)
    if first == "{":
        return _open_ndjson(file, encoding, limits)
    return _open_csv(file, encoding, separator, limits)


def _check_size(size: int, largest: int) -> None:
    if size > largest:
        message = f"The file has {size:,} bytes; at most {largest:,} can be read. Split it into several files."
        raise TableError("TABLE_TOO_LARGE", message, actual=size, required=largest)


class _Text(io.TextIOWrapper):
    """Leaves the file open, whoever closes or forgets it."""

    def close(self) -> None:
        """Let go of the file."""
        if not self.closed:
            self.detach()


def _text(file: BinaryIO, encoding: str, errors: str = "strict") -> Any:
    """A reader of the file's text behind the byte order mark, with line ends as they are. Does not close the file."""
    file.seek(bom_length(file))
    return _Text(file, encoding=encoding, errors=errors, newline="")


# -- separated values


def _open_csv(file: BinaryIO, encoding: str, separator: str | None, limits: Limits) -> Table:
    if separator is not None and separator not in SEPARATORS:
        message = "The separator must be a semicolon, a comma, a tab or a vertical bar."
        raise TableError("UNKNOWN_SEPARATOR", message, actual=separator[:10], required=list(SEPARATORS))
    separator = separator or _sniff(file, encoding)
    lines = _csv_rows(_text(file, encoding), separator, limits)
    header = next((cells for _, cells in lines if any(cell.strip() for cell in cells)), None)
    if header is None:
        raise TableError("TABLE_EMPTY", "The file is empty.")
    columns = checked_columns(header, limits)
    rows = (_csv_row(number, line, cells, columns) for number, (line, cells) in enumerate(_filled(lines), start=1))
    return Table(format=CSV, columns=columns, rows=within_rows(rows, limits), encoding=encoding, separator=separator)


def _sniff(file: BinaryIO, encoding: str) -> str:
    """The separator that splits the first lines into the most columns, the same number in each line."""
    sample = list(islice(_text(file, encoding, "replace"), _SAMPLE_LINES))

    def quality(separator: str) -> tuple[float, int]:
        widths = [len(cells) for cells in csv.reader(sample, delimiter=separator) if cells]
        usual = widths[0] if widths else 1
        return (widths.count(usual) / len(widths) if usual > 1 else 0.0), usual

    try:
        return max(SEPARATORS, key=quality)
    except csv.Error:
        return SEPARATORS[0]


def _csv_rows(text: Any, separator: str, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each record. Lines longer than all cells of a row may be are refused before they are kept."""
    csv.field_size_limit(max(csv.field_size_limit(), limits.size))
    reader = csv.reader(text, delimiter=separator, strict=False)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except UnicodeDecodeError as error:
            message = f"Line {line} is not text in the encoding {error.encoding}. Save the file as UTF-8."
            raise TableError("TABLE_UNREADABLE", message, actual={"line": line}) from error
        except csv.Error as error:
            message = f"Line {line} cannot be read: {error}."
            raise TableError("TABLE_UNREADABLE", message, actual={"line": line}) from error
        yield line, cells


def _filled(lines: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Records with something in them: empty lines are none."""
    return ((line, cells) for line, cells in lines if any(cell.strip() for cell in cells))


def _csv_row(number: int, line: int, cells: list[str], columns: tuple[str, ...]) -> Row:
    if any(cell.strip() for cell in cells[len(columns) :]):
        message = (
            f"The row has {len(cells)} cells, the header {len(columns)} columns. Is a separator in a text unquoted?"
        )
        return Row(number=number, line=line, fault=Fault(code="TOO_MANY_CELLS", message=message, value=cells[-1][:80]))
    filled = [unguarded(cell.strip()) for cell in cells]
    return Row(number=number, line=line, cells=dict(zip(columns, filled + [""] * len(columns), strict=False)))


GUARDED = ("=", "+", "-", "@", "\t", "\r")


def unguarded(text: str) -> str:
    """The text without the apostrophe by which `writing` keeps a spreadsheet from running it as a formula."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(GUARDED) else text


# -- JSON


def _open_json(file: BinaryIO, encoding: str, size: int, limits: Limits) -> Table:
    if size > limits.json_size:
        message = f"A JSON file may have {limits.json_size:,} bytes. Send larger ones as NDJSON, an object a line."
        raise TableError("TABLE_TOO_LARGE", message, actual=size, required=limits.json_size)
    try:
        items = msgspec.json.decode(_text(file, encoding).read().encode())
    except (ValueError, RecursionError) as error:
        raise TableError("TABLE_UNREADABLE", f"The file is not valid JSON: {error}.") from error
    rows = [_object_row(number, number, item) for number, item in enumerate(items, start=1)]
    return _of_objects(JSON, iter(rows), encoding, limits)


def _open_ndjson(file: BinaryIO, encoding: str, limits: Limits) -> Table:
    lines = ((line, text) for line, text in enumerate(_json_lines(file, encoding), start=1) if text.strip())
    rows = (_line_row(number, line, text) for number, (line, text) in enumerate(lines, start=1))
    return _of_objects(NDJSON, rows, encoding, limits)


def _json_lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Lines end at a line feed only: a text in JSON may hold other characters that Python takes for line ends."""
    file.seek(bom_length(file))
    reader, rest = codecs.getincrementaldecoder(encoding)(), ""
    try:
        while chunk := file.read(1 << 16):
            *whole, rest = (rest + reader.decode(chunk)).split("\n")
            yield from whole
        yield rest + reader.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise TableError("TABLE_UNREADABLE", f"The file is not text in {encoding}. Save it as UTF-8.") from error


def _line_row(number: int, line: int, text: str) -> Row:
    try:
        return _object_row(number, line, msgspec.json.decode(text.encode()))
    except (ValueError, RecursionError) as error:
        fault = Fault(code="NOT_JSON", message=f"The line is not valid JSON: {error}.", value=text[:80])
        return Row(number=number, line=line, fault=fault)


def _object_row(number: int, line: int, item: Any) -> Row:
    if isinstance(item, dict):
        return Row(number=number, line=line, cells=item)
    fault = Fault(code="NOT_AN_OBJECT", message='Each row must be an object: {"column": value}.', value=str(item)[:80])
    return Row(number=number, line=line, fault=fault)


def _of_objects(kind: str, rows: Iterator[Row], encoding: str, limits: Limits) -> Table:
    """The columns are the names that the first rows use, in the order in which they come."""
    first = list(islice(rows, _SAMPLE_ROWS))
    names = list(dict.fromkeys(name for row in first for name in row.cells))
    if not names:
        if first and first[0].fault:
            message = f"{first[0].fault.message} Send a list of objects, or one object in each line."
            raise TableError("TABLE_UNREADABLE", message)
        raise TableError("TABLE_EMPTY", "The file has no rows.")
    columns = checked_columns(names, limits)
    return Table(format=kind, columns=columns, rows=within_rows(chain(first, rows), limits), encoding=encoding)
