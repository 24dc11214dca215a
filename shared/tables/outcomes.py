"""What became of each row of an import, and the failed rows as a file to mend and send again."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.tables.table import Fault, Row

FAILED = "failed"
COLUMNS = ("row", "line", "outcome", "code", "column", "value", "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`row` counts the rows of data from 1, `line` is its place in the file. `id` names what was made or changed."""

    row: int
    line: int
    outcome: str
    code: str = ""
    column: str = ""
    value: str = ""
    message: str = ""
    id: str = ""


def failed(row: Row, fault: Fault) -> Outcome:
    """A row that was not taken."""
    return Outcome(
        row=row.number,
        line=row.line,
        outcome=FAILED,
        code=fault.code,
        column=fault.column or "",
        value="" if fault.value is None else str(fault.value)[:200],
        message=fault.message,
    )


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many rows had each outcome; a row with several faults counts once."""
    return dict(Counter({outcome.row: outcome.outcome for outcome in outcomes}.values()))


def report(outcomes: Iterable[Outcome]) -> Iterator[dict[str, Any]]:
    """The outcomes as rows of a table with `COLUMNS`."""
    return ({name: getattr(outcome, name) for name in COLUMNS} for outcome in outcomes)


def mending_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of a file of failed rows: the file's own, then what is wrong. The importer passes the last two over."""
    return (*columns, "error code", "error message")


def to_mend(cells: Mapping[str, Any], faults: Sequence[Fault]) -> dict[str, Any]:
    """A failed row as it was sent, with everything that is wrong with it."""
    return {
        **cells,
        "error code": ", ".join(dict.fromkeys(fault.code for fault in faults)),
        "error message": " ".join(dict.fromkeys(fault.message for fault in faults)),
    }
