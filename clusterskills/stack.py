"""`clusterskills stack`: start, stop and look after the whole platform on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from clusterskills.output import AsJson, Data, refuse, say, saying, show, table
from deploy.local import stack
from deploy.local.errors import StackError
from deploy.local.folder import Folder
from deploy.local.services import PROCESSES

commands = typer.Typer(
    help="The platform on this machine: databases, sign-in, gateway, services.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add `stack` to the program."""
    app.add_typer(commands, name="stack")


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
    as_json: AsJson = False,
) -> None:
    """Start the stack and keep it running until Ctrl-C."""
    if nodes not in {None, *PROCESSES}:
        raise typer.BadParameter("A stack has 1 or 3 nodes.", param_hint="--nodes")
    chosen = tuple(name for name in only.split(",") if name)
    request = stack.Request(data, mongo, kafka, oidc, chosen, tuple(more or ()), nodes)
    try:
        if detach:
            (show if as_json else tell)(stack.start_in_background(request, saying(as_json)))
        else:
            stack.run(request, _telling(data, as_json))
    except StackError as error:
        refuse(error)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@commands.command()
def down(data: Data = stack.DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Stop the stack of a data folder; its data stays."""
    try:
        stopped = stack.stop(data)
        if as_json:
            show({"stopped": stopped})
        else:
            say("Stopped." if stopped else "No stack ran there.")
    except StackError as error:
        refuse(error)


@commands.command()
def status(data: Data = stack.DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Say which parts run. Exit code 1 unless all of them do."""
    try:
        facts, parts = stack.status(data)
    except StackError as error:
        refuse(error)
    if as_json:
        rows = [{"name": p.name, "pid": p.pid, "alive": p.alive, "answers": p.answers} for p in parts]
        show({"state": facts["state"], "url": facts["url"], "parts": rows})
    else:
        _show_status(facts, parts)
    if facts["state"] != "up" or not all(part.alive and part.answers for part in parts):
        raise typer.Exit(1)


@commands.command()
def restart(
    parts: Annotated[list[str] | None, typer.Argument(help="Parts, kinds or services; none: all of ours.")] = None,
    data: Data = stack.DEFAULT_DATA,
    engines: Annotated[bool, typer.Option("--engines", help="MongoDB, Kafka and Keycloak too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replace processes one after the other, the new one being well before the old one goes: nobody notices."""
    try:
        said: list[str] = []
        stack.restart(data, tuple(parts or ()), said.append if as_json else say, engines=engines)
        if as_json:
            show({"replaced": said})
    except StackError as error:
        refuse(error)


@commands.command()
def rebuild(
    service: str,
    model: str,
    data: Data = stack.DEFAULT_DATA,
    anew: Annotated[
        bool, typer.Option("--anew", help="Begin from zero, also where an earlier one did not end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build a service's local copies anew from all events, while the old ones serve (for instance: enrolment copies).

    One that did not end is continued.
    """
    try:
        code = stack.rebuild(data, service, model, anew=anew, quiet=as_json)
    except StackError as error:
        refuse(error)
    if as_json:
        show({"service": service, "model": model, "rebuilt": code == 0})
    raise typer.Exit(code)


@commands.command()
def secrets(data: Data = stack.DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Print the stack's secrets as an environment file, for docker compose; they are made at the first use."""
    try:
        folder = Folder(data.resolve())
        folder.make()
        found = folder.secrets()
    except StackError as error:
        refuse(error)
    if as_json:
        show(found)
    else:
        say("\n".join(f"{name}={value}" for name, value in found.items()))


@commands.command(name="doctor")
def examine(data: Data = stack.DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Check everything the stack needs from this machine, and say what to do about what is missing."""
    from deploy.local import doctor

    findings = doctor.examine(data)
    if as_json:
        show([{"subject": one.subject, "well": one.well, "sentence": one.sentence} for one in findings])
    for finding in () if as_json else findings:
        say(f"{'ok     ' if finding.well else 'PROBLEM'}  {finding.subject}: {finding.sentence}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def tell(facts: dict[str, Any]) -> None:
    """Print the addresses and one login per role."""
    say(f"\nPages and API  {facts['url']}   ({facts['https_url']}, authority in {facts['ca_file']})")
    say(f"API reference  {facts['url']}/docs")
    say(f"Mails sent     {facts['url']}/mail")
    say(f"MongoDB        {facts['mongo']}")
    say(f"Kafka          {facts['kafka']}")
    first = {login["role"]: login for login in reversed(facts["logins"])}
    table(("role", "user", "password"), [(role, one["username"], one["password"]) for role, one in first.items()])


def _telling(data: Path, as_json: bool) -> Callable[[str], None]:
    """Return what passes on what the launcher says, and tells the addresses once all is well."""
    pass_on = saying(as_json)

    def tell_on(sentence: str) -> None:
        pass_on(sentence)
        if sentence.startswith("The stack is up"):
            (show if as_json else tell)(stack.status(data)[0])
            pass_on("Ctrl-C stops it.")

    return tell_on


def _show_status(facts: dict[str, Any], parts: list[stack.Health]) -> None:
    say(f"{facts['state']}: {facts['url']}")
    table(("part", "process", ""), [(part.name, str(part.pid), _state(part)) for part in parts])


def _state(part: stack.Health) -> str:
    if not part.alive:
        return "does not run"
    return "runs" if part.answers else "does not answer"
