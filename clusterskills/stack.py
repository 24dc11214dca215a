"""`clusterskills stack`: start, stop and look after the whole platform on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from deploy.local import doctor, stack
from deploy.local.errors import StackError
from deploy.local.folder import Folder
from deploy.local.table import PROCESSES

commands = typer.Typer(
    help="The platform on this machine: databases, sign-in, gateway, services.", no_args_is_help=True
)
_console = Console(highlight=False, soft_wrap=True)
Data = Annotated[Path, typer.Option("--data", help="The folder that keeps the stack's data, ports and secrets.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add `stack` to the program."""
    app.add_typer(commands, name="stack")


def say(sentence: str) -> None:
    """Print one line of progress."""
    _console.print(sentence, markup=False)


@commands.command()
def up(
    data: Data = stack.DEFAULT_DATA,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is well and leave it running.")] = False,
    mongo: Annotated[str | None, typer.Option(help="Use this MongoDB (mongodb://...) instead of ours.")] = None,
    kafka: Annotated[str | None, typer.Option(help="Use these Kafka brokers (host:port,...) instead of ours.")] = None,
    oidc: Annotated[str | None, typer.Option(help="Use this OpenID Connect issuer instead of our Keycloak.")] = None,
    only: Annotated[str, typer.Option(help="Start these parts only, for instance mongo,kafka.")] = "",
    more: Annotated[
        list[str] | None, typer.Option("--with", help="Run this service as well: a Python package with a manifest.py.")
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(help="1, or 3: three of each engine, two of each process of ours.")
    ] = None,
) -> None:
    """Start the stack and keep it running until Ctrl-C."""
    if nodes not in {None, *PROCESSES}:
        raise typer.BadParameter("A stack has 1 or 3 nodes.", param_hint="--nodes")
    chosen = tuple(name for name in only.split(",") if name)
    request = stack.Request(data, mongo, kafka, oidc, chosen, tuple(more or ()), nodes)
    try:
        if detach:
            tell(stack.start_in_background(request, say))
        else:
            stack.run(request, lambda sentence: _say_and_tell(sentence, data))
    except StackError as error:
        _refuse(error)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@commands.command()
def down(data: Data = stack.DEFAULT_DATA) -> None:
    """Stop the stack of a data folder; its data stays."""
    try:
        say("Stopped." if stack.stop(data) else "No stack ran there.")
    except StackError as error:
        _refuse(error)


@commands.command()
def status(data: Data = stack.DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Say which parts run. Exit code 1 unless all of them do."""
    try:
        facts, parts = stack.status(data)
    except StackError as error:
        _refuse(error)
    if as_json:
        rows = [{"name": p.name, "pid": p.pid, "alive": p.alive, "answers": p.answers} for p in parts]
        typer.echo(json.dumps({"state": facts["state"], "url": facts["url"], "parts": rows}))
    else:
        _show_status(facts, parts)
    if facts["state"] != "up" or not all(part.alive and part.answers for part in parts):
        raise typer.Exit(1)


@commands.command()
def restart(
    parts: Annotated[list[str] | None, typer.Argument(help="Parts, kinds or services; none: all of ours.")] = None,
    data: Data = stack.DEFAULT_DATA,
    engines: Annotated[bool, typer.Option("--engines", help="MongoDB, Kafka and Keycloak too.")] = False,
) -> None:
    """Replace processes one after the other, the new one being well before the old one goes: nobody notices."""
    try:
        stack.restart(data, tuple(parts or ()), say, engines=engines)
    except StackError as error:
        _refuse(error)


@commands.command()
def rebuild(
    service: str,
    model: str,
    data: Data = stack.DEFAULT_DATA,
    anew: Annotated[
        bool, typer.Option("--anew", help="Begin from zero, also where an earlier one did not end.")
    ] = False,
) -> None:
    """Build a service's local copies anew from all events, while the old ones serve (for instance: enrolment copies).

    One that did not end is continued.
    """
    try:
        raise typer.Exit(stack.rebuild(data, service, model, anew=anew))
    except StackError as error:
        _refuse(error)


@commands.command()
def secrets(data: Data = stack.DEFAULT_DATA) -> None:
    """Print the stack's secrets as an environment file, for docker compose; they are made at the first use."""
    try:
        folder = Folder(data.resolve())
        folder.make()
        typer.echo("\n".join(f"{name}={value}" for name, value in folder.secrets().items()))
    except StackError as error:
        _refuse(error)


@commands.command(name="doctor")
def examine(data: Data = stack.DEFAULT_DATA) -> None:
    """Check everything the stack needs from this machine, and say what to do about what is missing."""
    findings = doctor.examine(data)
    for finding in findings:
        say(f"{'ok     ' if finding.well else 'PROBLEM'}  {finding.subject}: {finding.sentence}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def tell(facts: dict[str, Any]) -> None:
    """Print the addresses and one login per role."""
    say(f"\nPages and API  {facts['url']}   ({facts['https_url']}, authority in {facts['ca_file']})")
    say(f"API reference  {facts['url']}/docs")
    say(f"MongoDB        {facts['mongo']}")
    say(f"Kafka          {facts['kafka']}")
    table = Table("role", "user", "password", box=None, pad_edge=False)
    for role, login in {login["role"]: login for login in reversed(facts["logins"])}.items():
        table.add_row(role, login["username"], login["password"])
    _console.print(table)


def _say_and_tell(sentence: str, data: Path) -> None:
    say(sentence)
    if sentence.startswith("The stack is up"):
        tell(stack.status(data)[0])
        say("Ctrl-C stops it.")


def _show_status(facts: dict[str, Any], parts: list[stack.Health]) -> None:
    say(f"{facts['state']}: {facts['url']}")
    table = Table("part", "process", "", box=None, pad_edge=False)
    for part in parts:
        table.add_row(part.name, str(part.pid), _state(part))
    _console.print(table)


def _state(part: stack.Health) -> str:
    if not part.alive:
        return "does not run"
    return "runs" if part.answers else "does not answer"


def _refuse(error: StackError) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(1)
