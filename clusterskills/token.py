"""`clusterskills token`: an access token of the running demo, to try the API with curl."""

from typing import Annotated, Any

import typer

from clusterskills.output import AsJson, Data, facts_of, refuse, say, show
from deploy.local.stack import DEFAULT_DATA


def register(app: typer.Typer) -> None:
    """Add `token` to the program."""
    app.command()(token)


def token(
    who: Annotated[str, typer.Argument(help="A login (trainer@heilbronn.example) or a client (partner-ceaga).")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Print an access token of somebody of the demo."""
    from clusterskills.client import ApiError
    from shared.errors import Transient

    facts = facts_of(data)
    try:
        found = _token(facts, who)
    except (ApiError, Transient, LookupError) as error:
        refuse(error)
    if as_json:
        show({"access_token": found})
    else:
        say(found)


def _token(facts: dict[str, Any], who: str) -> str:
    from clusterskills.client import PasswordLogin
    from clusterskills.demo.cast import CLI_CLIENT
    from shared.auth.client import ClientCredentials

    url = facts["oidc"]["token_url"]
    for client in facts["clients"]:
        if client["client_id"] == who:
            return ClientCredentials(url, who, client["client_secret"]).token()
    for login in facts["logins"]:
        if login["username"] == who:
            return PasswordLogin(url, CLI_CLIENT, who, login["password"]).token()
    raise LookupError(f"Nobody is called {who}; `clusterskills logins` lists logins and programs.")
