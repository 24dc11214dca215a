"""`clusterskills token`: an access token of the running demo, to try the API with curl."""

from pathlib import Path
from typing import Annotated

import typer

from clusterskills.client import ApiError, PasswordLogin
from clusterskills.demo.cast import CLI_CLIENT
from deploy.local import stack
from deploy.local.errors import StackError
from shared.auth.client import ClientCredentials
from shared.errors import Transient


def register(app: typer.Typer) -> None:
    """Add `token` to the program."""
    app.command()(token)


def token(
    who: Annotated[str, typer.Argument(help="A login (trainer@heilbronn.example) or a client (partner-ceaga).")],
    data: Annotated[Path, typer.Option("--data", help="The folder of a running stack.")] = stack.DEFAULT_DATA,
) -> None:
    """Print an access token of somebody of the demo."""
    try:
        facts, _ = stack.status(data)
        typer.echo(_token(facts, who))
    except (StackError, ApiError, Transient, LookupError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _token(facts: dict[str, list[dict[str, str]]], who: str) -> str:
    url = facts["oidc"]["token_url"]  # type: ignore[call-overload]
    for client in facts["clients"]:
        if client["client_id"] == who:
            return ClientCredentials(url, who, client["client_secret"]).token()
    for login in facts["logins"]:
        if login["username"] == who:
            return PasswordLogin(url, CLI_CLIENT, who, login["password"]).token()
    raise LookupError(f"Nobody is called {who}; stack.json lists logins and clients.")
