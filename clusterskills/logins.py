"""`clusterskills logins`: who can sign in to the running demo, and which programs have a key."""

from __future__ import annotations

from typing import Annotated

import typer

from clusterskills.output import AsJson, Data, facts_of, say, show, table
from deploy.local.stack import DEFAULT_DATA


def register(app: typer.Typer) -> None:
    """Add `logins` to the program."""
    app.command()(logins)


def logins(
    role: Annotated[str, typer.Option(help="Only this role, for instance manager.")] = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """List the demo's logins with their passwords, and its programs."""
    facts = facts_of(data)
    people = [one for one in facts["logins"] if role in {"", one["role"]}]
    if as_json:
        show({"logins": people, "clients": [] if role else facts["clients"]})
        return
    table(("role", "user", "password", "cluster"), [_row(one) for one in people])
    if not role:
        say("")
        table(("program", "scopes"), [(one["client_id"], " ".join(one["scopes"])) for one in facts["clients"]])


def _row(login: dict[str, str]) -> tuple[str, ...]:
    return login["role"], login["username"], login["password"], login["cluster"] or ""
