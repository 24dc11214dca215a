"""`clusterskills demo`."""

from pathlib import Path
from typing import Annotated

import typer

from clusterskills.output import AsJson, refuse, show
from deploy.local.errors import StackError


def register(app: typer.Typer) -> None:
    """Add `demo` to the program."""
    app.command()(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Walk the journey, stop everything, say by exit code.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="The stack's folder; with --once a new one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Start the whole platform with sample data and walk one course from draft to verified certificate."""
    from clusterskills.demo import walking

    try:
        with walking.folder_of(data, once) as folder:
            good = walking.run(folder, stay=not once, as_json=as_json)
    except StackError as error:
        refuse(error)
    if as_json:
        show({"good": good})
    if not good:
        raise typer.Exit(1)
