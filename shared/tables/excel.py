"""XLSX workbooks: looked through before they are opened, because opening one takes what its size claims."""

import re
import zipfile
from datetime import datetime, time, timedelta
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum

from shared.tables.table import XLSX, Fault, Limits, Row, Table, TableError, checked_columns, within_rows

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_CHUNK, _OVERLAP = 1 << 20, 64
_PLACE = re.compile(rb'<(?:\w+:)?c [^>]*?r="([A-Z]{1,3})([0-9]{1,7})"')
_ROW = re.compile(rb'<(?:\w+:)?row [^>]*?r="([0-9]{1,7})"')
_NO_VALUE = re.compile(
    rb'<(?:\w+:)?c [^>]*?r="([A-Z]{1,3}[0-9]{1,7})"[^>]*>\s*<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)'
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


def is_container(head: bytes) -> bool:
    """Whether a file that begins so is a spreadsheet file of some kind, ours or not."""
    return head.startswith((_ZIP, _OLE))


def open_workbook(file: BinaryIO, limits: Limits, sheet: str | None = None) -> Table:
    """The named or the first visible sheet. Formulas count as the value that was saved with them; none is run.

    Raises TableError: TABLE_ENCRYPTED, TABLE_WITH_MACROS, TABLE_SUSPICIOUS (it unpacks to too much), UNKNOWN_FORMAT,
    TABLE_UNREADABLE, UNKNOWN_SHEET, MERGED_CELLS, TABLE_TOO_MANY_COLUMNS, TABLE_TOO_MANY_ROWS.
    """
    _look_through(file, limits)
    file.seek(0)
    try:
        workbook = CalamineWorkbook.from_filelike(file)
        found = _sheet(workbook, sheet)
        merged = found.merged_cell_ranges
    except PasswordError as error:
        raise _encrypted() from error
    except (CalamineError, ValueError, OSError) as error:
        raise _broken() from error
    if merged:
        where = ", ".join(f"{_name(*start)}:{_name(*end)}" for start, end in merged[:5])
        raise TableError("MERGED_CELLS", f"Cells are merged: {where}. Split them, so that each row has its own values.")
    return _table(found, limits)


def _look_through(file: BinaryIO, limits: Limits) -> None:
    file.seek(0)
    if file.read(8) == _OLE:
        file.seek(0)
        raise _encrypted() if _ENCRYPTED in file.read(1 << 20) else other_format()
    try:
        with zipfile.ZipFile(file) as archive:
            _check_archive(archive, limits)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError) as error:
        raise _broken() from error


def _check_archive(archive: zipfile.ZipFile, limits: Limits) -> None:
    names = archive.namelist()
    if not any(name.startswith("xl/") for name in names):
        raise other_format()
    if any(name.endswith("vbaProject.bin") for name in names):
        raise TableError("TABLE_WITH_MACROS", "The workbook has macros. Save it as .xlsx without macros.")
    budget = limits.unpacked
    for entry in archive.infolist():
        if entry.file_size > limits.ratio * max(entry.compress_size, 1024) or entry.file_size > budget:
            message = "The workbook unpacks to far more than its size. Save the rows as CSV."
            raise TableError("TABLE_SUSPICIOUS", message, actual=entry.file_size, required=limits.unpacked)
        budget -= entry.file_size
    for name in names:
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            _check_extent(archive, name, limits)


def _check_extent(archive: zipfile.ZipFile, name: str, limits: Limits) -> None:
    """How far the sheet reaches: one cell in the last corner would make the reader allocate all before it."""
    last_row = last_column = 0
    without_value: list[str] = []
    with archive.open(name) as sheet:
        rest = b""
        while chunk := sheet.read(_CHUNK):
            text = rest + chunk
            last_row = max(last_row, *(int(number) for number in _ROW.findall(text)), 0)
            for letters, number in _PLACE.findall(text):
                last_row, last_column = max(last_row, int(number)), max(last_column, _column(letters))
            without_value += [place.decode() for place in _NO_VALUE.findall(text)]
            rest = text[-_OVERLAP:]
    if last_column > limits.columns:
        message = f"The sheet reaches to column {last_column}; at most {limits.columns} columns can be read."
        raise TableError("TABLE_TOO_MANY_COLUMNS", message, actual=last_column, required=limits.columns)
    if last_row > limits.rows + 1 or last_row * last_column > limits.cells:
        message = f"The sheet reaches to row {last_row} and column {last_column}. Split it into several files."
        raise TableError("TABLE_TOO_MANY_ROWS", message, actual=last_row, required=limits.rows)
    if without_value:
        where = ", ".join(dict.fromkeys(without_value[:5]))
        message = (
            f"Formulas were saved without their values: {where}. Open the workbook, save it again, or paste values."
        )
        raise TableError("FORMULA_WITHOUT_VALUE", message, actual=where)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _name(row: int, column: int) -> str:
    """The place as a person reads it: (0, 27) is AB1."""
    letters, rest = "", column + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(65 + digit) + letters
    return f"{letters}{row + 1}"


def _sheet(workbook: CalamineWorkbook, name: str | None) -> CalamineSheet:
    sheets = [s.name for s in workbook.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
    if name is not None and name not in sheets:
        message = f"There is no sheet {name[:40]}; there are: {', '.join(sheets)}."
        raise TableError("UNKNOWN_SHEET", message, actual=name[:40], required=sheets)
    if not sheets:
        raise TableError("TABLE_EMPTY", "The workbook has no sheet with rows.")
    return workbook.get_sheet_by_name(name or sheets[0])


def _table(sheet: CalamineSheet, limits: Limits) -> Table:
    lines = enumerate(sheet.iter_rows(), start=1)
    filled = ((line, cells) for line, cells in lines if any(cell not in ("", None) for cell in cells))
    header = next(filled, None)
    if header is None:
        raise TableError("TABLE_EMPTY", f"The sheet {sheet.name} is empty.")
    columns = checked_columns([str(cell) for cell in header[1]], limits)
    rows = (_row(number, line, cells, columns) for number, (line, cells) in enumerate(filled, start=1))
    return Table(format=XLSX, columns=columns, rows=within_rows(rows, limits), sheet=sheet.name)


def _row(number: int, line: int, cells: list[Any], columns: tuple[str, ...]) -> Row:
    if any(cell not in ("", None) for cell in cells[len(columns) :]):
        message = f"A value stands beside the {len(columns)} columns of the header."
        return Row(number=number, line=line, fault=Fault(code="TOO_MANY_CELLS", message=message))
    return Row(number=number, line=line, cells={c: _value(v) for c, v in zip(columns, cells, strict=False)})


def _value(cell: Any) -> Any:
    """Whole numbers without a fraction, times of a day as text, durations as hours: as people typed them."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return int(cell)
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date()
    if isinstance(cell, timedelta):
        return cell.total_seconds() / 3600
    return cell.strip() if isinstance(cell, str) else cell


def _encrypted() -> TableError:
    return TableError("TABLE_ENCRYPTED", "The workbook is protected by a password. Save it without one.")


def other_format() -> TableError:
    """For a file of a kind that is not read here."""
    return TableError("UNKNOWN_FORMAT", "This is no CSV, XLSX, JSON or NDJSON file. Save it as .xlsx or .csv.")


def _broken() -> TableError:
    return TableError("TABLE_UNREADABLE", "The workbook is damaged or incomplete. Save it again and send all of it.")
