"""`clusterskills seats check`: whether every seat belongs to an enrolment, and every enrolment has its seat."""

from __future__ import annotations

from typing import Annotated

import typer

from clusterskills.output import AsJson, Data, refuse, say
from deploy.local import stack
from deploy.local.errors import StackError

commands = typer.Typer(no_args_is_help=True, help="Look after the seats of sessions.")


def register(app: typer.Typer) -> None:
    """Add `seats` to the program."""
    app.add_typer(commands, name="seats")


@commands.callback()
def seats() -> None:
    """Look after the seats of sessions."""


@commands.command()
def check(
    data: Data = stack.DEFAULT_DATA,
    repair: Annotated[bool, typer.Option("--repair", help="Set the numbers right.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the seats of every session of a running stack with its enrolments.

    Each session whose numbers are wrong is a line of JSON. Exit code 1 when one was found and not repaired.
    """
    try:
        code = stack.beside_worker(data, "enrolment", ["seats", *(["--repair"] if repair else [])], log_level="warning")
    except StackError as error:
        refuse(error)
    if code == 0 and not repair and not as_json:
        say("Seats and enrolments agree in every session.")
    raise typer.Exit(code)
