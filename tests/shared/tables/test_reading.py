"""Files as people send them are read as they were meant."""

import io
import json
from typing import Any

import pytest
import xlsxwriter

from shared.tables.reading import open_table
from shared.tables.table import Limits, Table, TableError

CENTRAL = {
    "cs": "jméno;město\nJiří Dvořák;Plzeň\nŽaneta Růžičková;Ústí nad Labem\n",
    "cs, two names only": "name;mail\nJiří Dvořák;j@x.example\n",
    "sk": "meno;mesto\nĽubomír Kováč;Košice\nŽofia Šťastná;Nové Zámky\n",
    "pl": "imię;miasto\nMałgorzata Wójcik;Łódź\nŚwiętosława;Gdańsk\n",
    "hu": "név;város\nŐry György;Győr\nÜrményi Ágnes;Pécs\n",
    "sr": "ime;grad\nĐorđe Petrović;Niš\nŽeljka Nikolić;Čačak\n",
    "ro": "nume;oraş\nŞtefan;Braşov\nMădălina;Constanţa\n",
}
WESTERN = {
    "de": "Name;Ort\nMüller;München\nGroß;Köln\n",
    "it": "nome;città\nNiccolò;Forlì\nGesù;Cantù\nperché;è\n",
    "es": "nombre;apellido\nÍñigo;Muñoz\nJosé;Peña\n",
    "fr": "prénom;nom\nFrançois;Lefèvre\nZoé;Côté\nŒdipe;Noël\n",
    "ca": "nom;població\nJordi;Lleó\nMaçà;Vilafranca del Penedès\n",
    "pt": "nome;cidade\nJoão;São Paulo\nConceição;Évora\n",
    "sv": "namn;ort\nÅsa;Göteborg\nJörgen;Malmö\n",
    "da": "navn;by\nSøren;Ærø\nÅse;København\n",
}


def table(data: bytes | str, **options: Any) -> Table:
    return open_table(io.BytesIO(data.encode() if isinstance(data, str) else data), **options)


def cells(data: bytes | str, **options: Any) -> list[dict[str, Any]]:
    return [row.cells for row in table(data, **options).rows]


def first_line(text: str) -> list[str]:
    return text.splitlines()[1].split(";")


@pytest.mark.parametrize("language", CENTRAL)
def test_text_in_windows_1250_is_recognised(language: str) -> None:
    opened = table(CENTRAL[language].encode("cp1250"))

    assert opened.encoding == "cp1250"
    assert list(next(opened.rows).cells.values()) == first_line(CENTRAL[language])


@pytest.mark.parametrize("language", WESTERN)
def test_text_in_windows_1252_is_recognised(language: str) -> None:
    assert list(cells(WESTERN[language].encode("cp1252"))[0].values()) == first_line(WESTERN[language])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_recognised_with_and_without_a_byte_order_mark(encoding: str) -> None:
    text = "ime;mesto\nМилица Đorđević;Kragujevac\n"

    assert cells(text.encode(encoding)) == [{"ime": "Милица Đorđević", "mesto": "Kragujevac"}]


def test_an_encoding_that_is_named_is_taken() -> None:
    assert cells("ime\nčšž\n".encode("cp1250"), encoding="windows-1250") == [{"ime": "čšž"}]


def test_an_unknown_encoding_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TableError) as refused:
        table("a\n1\n", encoding="rot13")

    assert refused.value.error_code == "UNKNOWN_ENCODING"


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_the_separator_is_found_out(separator: str) -> None:
    opened = table(f"first{separator}second\n1,5 h{separator}x\n" if separator != "," else "first,second\n1.5,x\n")

    assert opened.separator == separator
    assert opened.columns == ("first", "second")


def test_decimal_commas_do_not_make_columns() -> None:
    assert cells("name;hours;price\nA;1,5;10,00\nB;2,5;20,00\n")[1] == {"name": "B", "hours": "2,5", "price": "20,00"}


def test_one_column_is_a_table() -> None:
    assert cells("name\nAda\nGrace\n") == [{"name": "Ada"}, {"name": "Grace"}]


def test_rows_count_from_1_and_say_where_they_are_in_the_file() -> None:
    rows = list(table('a;b\n1;"two\nlines"\n\n2;x\n').rows)

    assert [(row.number, row.line) for row in rows] == [(1, 2), (2, 5)]
    assert rows[0].cells["b"] == "two\nlines"


def test_a_row_with_too_many_cells_is_a_fault_and_the_rest_is_read() -> None:
    rows = list(table("a;b\n1;2;3\n4;5\n").rows)

    assert rows[0].fault is not None
    assert rows[0].fault.code == "TOO_MANY_CELLS"
    assert rows[1].cells == {"a": "4", "b": "5"}


def test_a_row_with_too_few_cells_has_empty_ones() -> None:
    assert cells("a;b;c\n1\n") == [{"a": "1", "b": "", "c": ""}]


def test_json_keeps_its_values() -> None:
    rows = [{"title": {"en": "Welding"}, "hours": 8}, {"title": {"de": "Schweißen"}, "hours": 1.5}]

    assert cells(json.dumps(rows)) == rows


def test_ndjson_is_read_line_by_line_and_a_bad_line_is_a_fault() -> None:
    rows = list(table('{"a": 1}\n{"a": \n[1]\n\n{"a": "line\u2028separator"}\n').rows)

    assert [row.fault.code if row.fault else row.cells["a"] for row in rows] == [
        1,
        "NOT_JSON",
        "NOT_AN_OBJECT",
        "line\u2028separator",
    ]
    assert rows[-1].line == 5


def workbook(rows: list[list[Any]]) -> io.BytesIO:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("people")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    file.seek(0)
    return file


def test_a_workbook_is_read_with_numbers_as_they_were_typed() -> None:
    opened = open_table(workbook([["name", "hours", "staff id"], ["Ada", 1.5, 42]]))

    assert (opened.format, opened.sheet) == ("xlsx", "people")
    assert next(opened.rows).cells == {"name": "Ada", "hours": 1.5, "staff id": 42}


def test_rows_of_a_workbook_have_the_line_that_the_spreadsheet_shows() -> None:
    rows = list(open_table(workbook([[], ["name"], [], ["Ada"]])).rows)

    assert [(row.number, row.line) for row in rows] == [(1, 4)]


def test_an_unknown_sheet_is_refused_with_the_names_of_those_there() -> None:
    with pytest.raises(TableError) as refused:
        open_table(workbook([["a"]]), sheet="staff")

    assert refused.value.violations[0].required == ["people"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "TABLE_EMPTY"),
        (b"\xef\xbb\xbf \n", "TABLE_EMPTY"),
        (b"[]", "TABLE_EMPTY"),
        (b";;\n", "TABLE_EMPTY"),
        (b"a;b;a\n1;2;3\n", "TABLE_DUPLICATE_COLUMN"),
        (b'[{"a": 1}', "TABLE_UNREADABLE"),
        (b'{"a": {\n"b": 1}}', "TABLE_UNREADABLE"),
        (b"%PDF-1.7\x00\x01\x02", "UNKNOWN_FORMAT"),
    ],
)
def test_what_is_no_table_is_refused_with_a_code(data: bytes, code: str) -> None:
    with pytest.raises(TableError) as refused:
        list(table(data).rows)

    assert refused.value.error_code == code


def test_more_rows_than_allowed_are_refused() -> None:
    with pytest.raises(TableError) as refused:
        cells("a\n" + "1\n" * 11, limits=Limits(rows=10))

    assert refused.value.error_code == "TABLE_TOO_MANY_ROWS"


def test_a_cell_that_is_too_long_is_a_fault_of_its_row() -> None:
    rows = list(table("a\nxxxxxxxxxxx\nx\n", limits=Limits(cell=10)).rows)

    assert [row.fault.code if row.fault else None for row in rows] == ["CELL_TOO_LONG", None]
