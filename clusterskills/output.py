"""What all commands have in common: sentences and tables for people, JSON for programs, the folder, refusals.

Loading a module with commands loads nothing that only running one needs: the program starts at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from deploy.local import stack
from deploy.local.errors import StackError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; what is said on the way goes to the error output.")]
Data = Annotated[Path, typer.Option("--data", help="The folder that keeps the stack's data, ports and secrets.")]


def say(sentence: str) -> None:
    """Print one line for a person."""
    typer.echo(sentence)


def saying(as_json: bool) -> Callable[[str], None]:
    """Return what says how far a command is: on the error output where the result is JSON."""
    return (lambda sentence: typer.echo(sentence, err=True)) if as_json else say


def show(content: Any) -> None:
    """Print one JSON value on one line."""
    typer.echo(json.dumps(content, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for a person."""
    from rich.console import Console
    from rich.table import Table

    made = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        made.add_row(*row)
    Console(highlight=False, soft_wrap=True, markup=False).print(made)


def facts_of(data: Path) -> dict[str, Any]:
    """Return what stack.json says of a folder; end the command where no stack was started."""
    try:
        return stack.status(data)[0]
    except StackError as error:
        refuse(error)


def refuse(reason: object) -> NoReturn:
    """Say why not on the error output, and end with exit code 1."""
    typer.echo(str(reason), err=True)
    raise typer.Exit(1)
