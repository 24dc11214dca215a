"""One measured number beside the raw limit of the same run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Result:
    """`raw` is the same work by bare pymongo or kafka-python on the same stack; `ratio` = value / raw."""

    name: str
    value: float
    unit: str
    raw: float | None
    ratio: float | None
    conditions: str
    target: str = ""


def result(
    name: str, value: float, unit: str, conditions: str, *, raw: float | None = None, target: str = ""
) -> Result:
    """A result with its ratio worked out."""
    ratio = None if not raw else round(value / raw, 3)
    return Result(name, round(value, 2), unit, None if raw is None else round(raw, 2), ratio, conditions, target)


def write(results: Sequence[Result], file: Path) -> None:
    """Keep the results as JSON; those of earlier runs of other benchmarks stay."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(file.read_text()) if file.exists() else []
    names = {item.name for item in results}
    rows = [row for row in kept if row["name"] not in names] + [asdict(item) for item in results]
    file.write_text(json.dumps(rows, indent=2) + "\n")


def show(results: Sequence[Result]) -> None:
    """Print the table."""
    table = Table("name", "value", "unit", "raw", "ratio", "target", "conditions")
    for item in results:
        cells = (item.value, item.unit, item.raw, item.ratio, item.target, item.conditions)
        table.add_row(item.name, *("" if cell is None else str(cell) for cell in cells))
    Console(width=180).print(table)
