"""Keys of partners' programs: made, rotated, ended by the cluster's manager. A secret is shown once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, render_template, request
from flask_babel import LazyString

from services.portal import asking
from services.portal.forms import Form, refused
from services.portal.languages import _, _l
from services.portal.pages.set_up import own_cluster
from services.portal.platform import Refused
from services.portal.runtime import runtime
from shared.errors import NotFound, Unavailable
from shared.http.app import public

pages = Blueprint("keys", __name__)
_PAGE: Final = 50
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """What a key is for, its scopes and what each lets it do, and a first request that shows that it works."""

    title: LazyString
    lead: LazyString
    scopes: Mapping[str, LazyString]
    first: Mapping[str, str]
    of_provider: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    "portal": Kind(
        _l("Partner portal"),
        _l("Your own site or a member's: it registers people, applies for them and reads their results."),
        {
            "directory:read": _l("Read people, employments and consents"),
            "directory:write": _l("Register and change people, employments and consents"),
            "enrolment:read": _l("Read enrolments"),
            "enrolment:write": _l("Apply, cancel, answer offers"),
            "certificate:read": _l("Read certificates"),
        },
        {
            "directory:read": "/v1/people?limit=5",
            "enrolment:read": "/v1/enrolments?limit=5",
            "certificate:read": "/v1/certificates?limit=5",
        },
    ),
    "provider": Kind(
        _l("Course system of a provider"),
        _l("It writes the provider's courses and sessions, keeps rosters and records results."),
        {
            "catalog:write": _l("Write courses and sessions"),
            "teaching:write": _l("Keep rosters, record results"),
        },
        {"catalog:write": "/v1/courses?mine=true&limit=5"},
        of_provider=True,
    ),
    "hr": Kind(
        _l("HR system of an employer"),
        _l("It keeps the employer's people by SCIM 2.0."),
        {
            "directory:read": _l("Read people, employments and consents"),
            "directory:write": _l("Register and change people, employments and consents"),
        },
        {"directory:read": "/v1/people?limit=5"},
        of_provider=True,
    ),
    "quality": Kind(
        _l("Quality office"),
        _l("It publishes, returns and retires courses."),
        {"catalog:review": _l("Publish, return and retire courses")},
        {"catalog:review": "/v1/courses?mine=true&limit=5"},
    ),
}
"""The scopes are those that the directory gives to each kind."""
_ANYWAY: Final = "/v1/me"


@pages.get("/keys")
@public
def keys() -> Response:
    """All keys of the cluster, with their scopes and when they were last used."""
    return _list(Form())


@pages.get("/keys/new")
@public
def choose() -> Response:
    """What the key is for; then the form for it."""
    own_cluster()
    kind = request.args.get("kind", "")
    if kind not in KINDS:
        return Response(render_template("key_kinds.html", kinds=KINDS))
    return _new(kind, Form(), list(KINDS[kind].scopes))


@pages.post("/keys/new")
@public
def make() -> Response:
    """Make it and show the secret. The same form sent again makes no other key."""
    own_cluster()
    typed = asking.checked_form()
    kind, scopes = typed.get("kind", ""), request.form.getlist("scopes")
    if kind not in KINDS:
        raise NotFound("There is no such kind of key.")
    provider = [typed["provider"]] if typed.get("provider") else []
    body = {"name": typed.get("name") or None, "kind": kind, "scopes": scopes, "organisation_ids": provider}
    try:
        made = asking.send("POST", "directory", "clients", body)
    except Refused as error:
        return _new(kind, refused(typed, error, {"organisation_ids": "provider"}), scopes, 422)
    return _secret(made, _("The key is made."))


@pages.get("/keys/<key_id>")
@public
def key(key_id: str) -> Response:
    """One key, and what can be done with it."""
    return _one(key_id, Form())


@pages.post("/keys/<key_id>/rotate")
@public
def rotate(key_id: str) -> Response:
    """Give it another secret, and show that."""
    own_cluster()
    asking.checked_form()
    try:
        return _secret(asking.send("POST", "directory", f"clients/{key_id}/rotate"), _("The key has another secret."))
    except Refused as error:
        return _one(key_id, refused({}, error), 409)


@pages.post("/keys/<key_id>/end")
@public
def end(key_id: str) -> Response:
    """End it, and say until when tokens that it has may be used."""
    own_cluster()
    asking.checked_form()
    try:
        ended = asking.send("POST", "directory", f"clients/{key_id}/end")
    except Refused as error:
        return _one(key_id, refused({}, error), 409)
    return asking.go_to(f"/keys?ended={ended['tokens_end_at'].replace('+', '%2B')}")


def _list(form: Form, status: int = 200) -> Response:
    own_cluster()
    asked: dict[str, Any] = {"limit": _PAGE, "cursor": request.args.get("cursor", "")}
    told = True
    try:
        found = asking.get("directory", "clients", include="last_used", **asked)
    except Unavailable:
        found, told = asking.get("directory", "clients", **asked), False
    page = render_template(
        "keys.html",
        form=form,
        items=found["items"],
        cursor=found["next"],
        kinds=KINDS,
        told=told,
        tokens_end_at=_moment_or_none(request.args.get("ended", "")),
    )
    return Response(page, status)


def _new(kind: str, form: Form, scopes: list[str], status: int = 200) -> Response:
    providers: list[Any] = []
    if KINDS[kind].of_provider:
        providers = asking.get("directory", "organisations", cluster=own_cluster(), limit=_MOST)["items"]
    page = render_template("key_new.html", kind=kind, about=KINDS[kind], form=form, chosen=scopes, providers=providers)
    return Response(page, status)


def _one(key_id: str, form: Form, status: int = 200) -> Response:
    own_cluster()
    found = asking.get("directory", f"clients/{key_id}")
    ids = found["organisation_ids"]
    provider = asking.get("directory", f"organisations/{ids[0]}")["legal_name"] if ids else ""
    return Response(
        render_template("key.html", one=found, about=KINDS[found["kind"]], provider=provider, form=form), status
    )


def _secret(made: Any, said: str) -> Response:
    """The only page that shows it. It is kept nowhere: sending the form again asks the service for the same answer."""
    page = render_template("key_secret.html", one=made, said=said, lines=_lines(made))
    return Response(page)


def _lines(made: Any) -> str:
    """Two commands that get a token and use it."""
    first = KINDS[made["kind"]].first
    path = next((first[scope] for scope in first if scope in made["scopes"]), _ANYWAY)
    return (
        f"TOKEN=$(curl -sS '{made['token_url']}' -d grant_type=client_credentials \\\n"
        f"  -d client_id='{made['client_id']}' --data-urlencode client_secret='{made['secret']}' \\\n"
        """  | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')\n"""
        f"curl -sS '{runtime().origin()}{path}' -H \"Authorization: Bearer $TOKEN\""
    )


def _moment_or_none(text: str) -> str | None:
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return None
