"""Files that are broken or meant to break something get a clear error, and little memory."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import xlsxwriter

from shared.tables.reading import open_table
from shared.tables.table import Limits, TableError

SHEET = "xl/worksheets/sheet1.xml"


def workbook(fill: Callable[[Any], object], **options: Any) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("x")
        sheet.write_row(0, 0, ["name", "hours"])
        fill(sheet)
        if "macros" in options:
            vba = io.BytesIO(b"not a real macro")
            book.add_vba_project(vba, is_stream=True)
    return file.getvalue()


def with_sheet(text: bytes, more: dict[str, bytes] | None = None) -> bytes:
    """A small workbook whose sheet is this XML."""
    file, plain = io.BytesIO(), workbook(lambda sheet: None)
    with zipfile.ZipFile(io.BytesIO(plain)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, text if name == SHEET else old.read(name))
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return file.getvalue()


def sheet_of(rows: bytes) -> bytes:
    space = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return b'<?xml version="1.0"?><worksheet xmlns="' + space + b'"><sheetData>' + rows + b"</sheetData></worksheet>"


def refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(TableError) as refused:
        list(open_table(io.BytesIO(data), limits=limits or Limits()).rows)
    assert len(refused.value.detail) > 20
    return refused.value.error_code


def test_a_file_over_the_limit_is_refused_before_it_is_read() -> None:
    assert refusal(b"a\n" + b"1\n" * 100, Limits(size=100)) == "TABLE_TOO_LARGE"


def test_a_zip_bomb_is_refused_by_its_ratio() -> None:
    assert refusal(with_sheet(sheet_of(b" " * 20_000_000))) == "TABLE_SUSPICIOUS"


def test_a_workbook_whose_parts_add_up_to_too_much_is_refused() -> None:
    parts = {f"xl/media/{n}.bin": b"0123456789abcdef" * 1000 for n in range(20)}

    assert refusal(with_sheet(sheet_of(b""), parts), Limits(unpacked=100_000)) == "TABLE_SUSPICIOUS"


def test_a_million_columns_are_refused() -> None:
    assert refusal((";".join(f"c{n}" for n in range(1_000_000)) + "\n1\n").encode()) == "TABLE_TOO_MANY_COLUMNS"


def test_one_cell_in_the_last_corner_of_a_sheet_takes_no_memory() -> None:
    corner = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'

    assert refusal(with_sheet(sheet_of(corner))) == "TABLE_TOO_MANY_COLUMNS"


def test_a_cell_in_the_last_row_of_a_sheet_takes_no_memory() -> None:
    far = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="A1048576"><v>1</v></c></row>'

    assert refusal(with_sheet(sheet_of(far))) == "TABLE_TOO_MANY_ROWS"


def test_a_workbook_with_a_password_is_refused_with_the_reason() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(1000)

    assert refusal(ole) == "TABLE_ENCRYPTED"


def test_an_old_binary_workbook_is_refused_as_another_format() -> None:
    assert refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)) == "UNKNOWN_FORMAT"


def test_a_zip_file_of_something_else_is_refused_as_another_format() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<a/>")

    assert refusal(file.getvalue()) == "UNKNOWN_FORMAT"


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_workbook_is_refused(kept: float) -> None:
    data = workbook(lambda sheet: sheet.write_row(1, 0, ["Ada", 1]))

    assert refusal(data[: int(len(data) * kept)]) == "TABLE_UNREADABLE"


def test_a_workbook_with_macros_is_refused() -> None:
    assert refusal(workbook(lambda sheet: None, macros=True)) == "TABLE_WITH_MACROS"


def test_merged_cells_are_refused_with_their_place() -> None:
    data = workbook(lambda sheet: sheet.merge_range(1, 0, 3, 0, "Ada"))
    with pytest.raises(TableError, match="A2:A4"):
        open_table(io.BytesIO(data))


def test_a_formula_counts_as_its_saved_value() -> None:
    data = workbook(lambda sheet: (sheet.write(1, 0, "Ada"), sheet.write_formula(1, 1, "=3*2", None, 6)))

    assert next(open_table(io.BytesIO(data)).rows).cells == {"name": "Ada", "hours": 6}


def test_a_formula_without_a_saved_value_is_refused_with_its_place() -> None:
    rows = b'<row r="1"><c r="A1" t="str"><v>name</v></c></row><row r="2"><c r="A2"><f>1+1</f></c></row>'
    with pytest.raises(TableError, match="A2"):
        open_table(io.BytesIO(with_sheet(sheet_of(rows))))


def test_bytes_that_are_no_text_in_a_named_encoding_are_refused_with_the_line() -> None:
    with pytest.raises(TableError, match="Line"):
        list(open_table(io.BytesIO(b"a;b\n1;\xff\n"), encoding="utf-8").rows)


def test_deeply_nested_json_is_refused() -> None:
    assert refusal(b"[" * 100_000) == "TABLE_UNREADABLE"


MEASURED = """
import io, resource, sys
sys.path.insert(0, ".")
from shared.tables.reading import open_table
data = b"name;hours;place;note;id\\n" + b"Ada Lovelace;1,5;Heilbronn;a few words of text here;1234567\\n" * 200_000
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(1 for _ in open_table(io.BytesIO(data)).rows)
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_two_hundred_thousand_rows_are_read_with_flat_memory() -> None:
    printed = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True).stdout

    rows, megabytes = map(int, printed.split())
    assert rows == 200_000
    assert megabytes < 20
