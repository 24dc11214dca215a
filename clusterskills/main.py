"""The program `clusterskills`. Each command lives in a module of its own; this one only puts them together.

A module that adds commands offers `register(app)` and is named in `_COMMANDS`. It loads at import only what describes its
commands; what a command needs is loaded when it runs.

Exit codes: 0 done; 1 refused or failed, with one sentence that says why; 2 the command itself is wrong.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

_COMMANDS = {
    "stack": "clusterskills.stack",
    "demo": "clusterskills.demo.command",
    "logins": "clusterskills.logins",
    "events": "clusterskills.events",
    "seats": "clusterskills.seats",
    "skills": "clusterskills.skills",
    "token": "clusterskills.token",
}


def build(arguments: list[str]) -> typer.Typer:
    """Return the program with the commands that these arguments may need: the named one, or all for the help text."""
    app = typer.Typer(
        name="clusterskills",
        help="Training and upskilling programmes for partnerships of European industrial clusters.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_together)
    named = arguments[0] if arguments and arguments[0] in _COMMANDS else None
    for name, module in _COMMANDS.items():
        if named in {None, name} and arguments != ["--version"]:
            import_module(module).register(app)
    return app


def main() -> None:
    """Run the command that the person typed."""
    if sys.version_info < (3, 11):  # noqa: UP036 - somebody may run it with an older Python all the same
        sys.exit("Python 3.11 or newer is needed.")
    build(sys.argv[1:])()


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clusterskills {version('clusterskills')}")
        raise typer.Exit


def _together(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold the commands together also when only one is loaded."""


if __name__ == "__main__":
    main()
