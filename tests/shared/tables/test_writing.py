"""What goes out is safe to open and comes in again equal."""

import io
import subprocess
import sys
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from shared.tables.outcomes import Outcome, counts, mending_columns, to_mend
from shared.tables.reading import open_table
from shared.tables.table import Fault
from shared.tables.writing import (
    BOOLEAN,
    DAY,
    INTEGER,
    MOMENT,
    NUMBER,
    Column,
    csv_chunks,
    ndjson_chunks,
    write_parquet,
    write_xlsx,
)

NAMES = [Column("name"), Column("note")]
# What a door accepts as text: no control characters, and ends without spaces.
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1).map(str.strip).filter(bool)
ROWS = st.lists(st.fixed_dictionaries({"name": WORDS, "note": WORDS}), min_size=1, max_size=5)


def back(data: bytes) -> list[dict[str, Any]]:
    return [row.cells for row in open_table(io.BytesIO(data)).rows]


@given(ROWS)
def test_csv_comes_in_again_equal(rows: list[dict[str, Any]]) -> None:
    assert back(b"".join(csv_chunks(NAMES, rows))) == rows


@given(ROWS)
def test_ndjson_comes_in_again_equal(rows: list[dict[str, Any]]) -> None:
    assert back(b"".join(ndjson_chunks(NAMES, rows))) == rows


@given(ROWS)
def test_a_workbook_comes_in_again_equal(rows: list[dict[str, Any]]) -> None:
    out = io.BytesIO()
    write_xlsx(NAMES, rows, out)

    assert back(out.getvalue()) == rows


@pytest.mark.parametrize("text", ["=1+1", "+49 123", "-1", "@SUM(A1)", "\tx", "'=1"])
def test_no_text_begins_as_a_formula_in_csv(text: str) -> None:
    line = b"".join(csv_chunks([Column("a")], [{"a": text}])).decode("utf-8-sig").splitlines()[1]

    assert line.strip('"').startswith("'")


def test_each_kind_of_value_is_written_to_parquet() -> None:
    columns = [Column("n", INTEGER), Column("x", NUMBER), Column("d", DAY), Column("m", MOMENT), Column("b", BOOLEAN)]
    moment = datetime(2026, 11, 24, 8, tzinfo=UTC)
    row = {"n": 1, "x": 1.5, "d": date(2026, 11, 24), "m": moment, "b": True}
    out = io.BytesIO()
    write_parquet(columns, [row, {}], out)

    assert parquet.read_table(io.BytesIO(out.getvalue())).to_pylist() == [row, dict.fromkeys(row)]


def test_a_row_with_several_faults_counts_once() -> None:
    outcomes = [
        Outcome(row=1, line=2, outcome="failed", code="A"),
        Outcome(row=1, line=2, outcome="failed", code="B"),
        Outcome(row=2, line=3, outcome="created"),
    ]

    assert counts(outcomes) == {"failed": 1, "created": 1}


def test_a_failed_row_goes_back_as_it_was_with_what_is_wrong() -> None:
    faults = [Fault(code="NOT_A_DATE", message="No date."), Fault(code="COLUMN_MISSING", message="No name.")]

    assert mending_columns(["a"]) == ("a", "error code", "error message")
    assert to_mend({"a": 1}, faults) == {
        "a": 1,
        "error code": "NOT_A_DATE, COLUMN_MISSING",
        "error message": "No date. No name.",
    }


MEASURED = """
import resource, sys, tempfile
sys.path.insert(0, ".")
from shared.tables.writing import *
from shared.tables import writing
columns = [Column("id", INTEGER), *(Column(f"c{n}") for n in range(6))]
rows = lambda: ({"id": n, **{f"c{i}": f"some text {n}" for i in range(6)}} for n in range(int(sys.argv[2])))
def write(out):
    match sys.argv[1]:
        case "csv": out.writelines(csv_chunks(columns, rows()))
        case "ndjson": out.writelines(ndjson_chunks(columns, rows()))
        case "xlsx": write_xlsx(columns, rows(), out)
        case "parquet": write_parquet(columns, rows(), out)
with tempfile.TemporaryFile() as out:
    write(out)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.parametrize("kind", ["csv", "ndjson", pytest.param("xlsx", marks=pytest.mark.slow), "parquet"])
def test_ten_times_the_rows_take_no_more_memory(kind: str) -> None:
    def peak(rows: int) -> int:
        command = [sys.executable, "-c", MEASURED, kind, str(rows)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert peak(60_000) - peak(20_000) < 30
