"""`clusterskills skills`: take vocabularies in."""

from pathlib import Path
from typing import Annotated

import typer

from clusterskills.output import AsJson, Data
from deploy.local.stack import DEFAULT_DATA

commands = typer.Typer(help="Vocabularies of skills.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `skills` to the program."""
    app.add_typer(commands, name="skills")


@commands.callback()
def _together() -> None:
    """Hold the commands together also when there is only one."""


@commands.command(name="import")
def take(
    folder: Annotated[Path, typer.Argument(help="The official download of ESCO, unpacked.")],
    data: Data = DEFAULT_DATA,
    mongo: Annotated[str | None, typer.Option(help="Instead of --data: the catalogue's MongoDB.")] = None,
    prefix: Annotated[str, typer.Option(help="With --mongo: start of the database names.")] = "clusterskills_",
    version: Annotated[str | None, typer.Option(help="Where the files do not name it.")] = None,
    suggest: Annotated[bool, typer.Option(help="Let skills be suggested by meaning, too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Take the official download of ESCO, any version. What it no longer has is kept for the courses that name it."""
    from clusterskills import skills_import

    skills_import.take(folder, data, mongo=mongo, prefix=prefix, version=version, suggest=suggest, as_json=as_json)
