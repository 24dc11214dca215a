"""Organisations: found, registered, changed, suspended; who belongs to which cluster, asked for, accepted, ended."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from services.portal import asking, faults, states
from services.portal.forms import Form, Mistake, refused
from services.portal.languages import _l
from services.portal.platform import Refused
from services.portal.runtime import runtime
from services.portal.visitors import require, visitor
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("organisations", __name__)
_PAGE: Final = 50
TYPES: Final = {
    "sme": _l("Small or medium-sized company"),
    "large_company": _l("Large company"),
    "training_provider": _l("Training provider"),
    "support_organisation": _l("Support organisation"),
    "public_authority": _l("Public authority"),
    "cluster": _l("Cluster"),
    "partnership": _l("Partnership"),
}
_GROUPS: Final = ("cluster", "partnership")
SIZES: Final = {"micro": _l("Micro"), "small": _l("Small"), "medium": _l("Medium"), "large": _l("Large")}
REGIONS: Final = {
    "less_developed": _l("Less developed region"),
    "transition": _l("Transition region"),
    "more_developed": _l("More developed region"),
}
COUNTRIES: Final = (
    *("AL", "AT", "BA", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE"),
    *("IS", "IT", "LI", "LT", "LU", "LV", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK"),
    *("TR", "UA", "XK"),
)
_TEXTS: Final = ("legal_name", "country", "registration_id", "nuts2", "region_category", "sector", "homepage")
_NUMBERS: Final = ("headcount", "turnover_eur", "balance_sheet_eur")
_SAID: Final = {
    "registered": _l("Registered."),
    "changed": _l("Changed."),
    "suspended": _l("Suspended."),
    "reinstated": _l("It is active again."),
    "asked": _l("Asked. It starts when the other side accepts."),
    "started": _l("The membership has started."),
    "declined": _l("The request is closed."),
    "ended": _l("The membership was ended."),
}
_STEPS: Final = {"accept": "started", "decline": "declined", "end": "ended"}
_STATES: Final = {"suspend": "suspended", "reinstate": "reinstated"}


@pages.get("/organisations")
@public
def everybody() -> Response:
    """Which match: by name, kind and state, of the own cluster or of all."""
    person = require("hr", "manager")
    asked = {name: request.args.get(name, "").strip() for name in ("q", "type", "status")}
    asked["cluster"] = request.args.get("cluster", person.cluster_id or "")
    cursor = request.args.get("cursor", "")
    form = Form(asked)
    try:
        found = asking.get("directory", "organisations", **asked, limit=_PAGE, cursor=cursor)
    except Refused as error:
        found, form = {"items": [], "next": None}, refused(asked, error)
    page = render_template(
        "organisations.html",
        asked=asked,
        form=form,
        items=[_shown(one) for one in found["items"]],
        cursor=found["next"],
        types=list(TYPES.items()),
        states=[(name, state.word) for name, state in states.ORGANISATION.items()],
        own=person.cluster_id,
        manages=_manages(),
    )
    return Response(page, 422 if form.has_mistakes else 200)


@pages.route("/organisations/new", methods=["GET", "POST"])
@public
def register() -> Response:
    """Register a company of the own cluster; it is a member from today on."""
    require("manager")

    def attempt(typed: Mapping[str, str]) -> str:
        facts = {name: value for name, value in _facts(typed).items() if value is not None}
        made = asking.send("POST", "directory", "organisations", {"type": typed.get("type", ""), **facts})
        group = {"organisation_id": made["id"], "group_id": made["cluster_id"]}
        asking.send("POST", "directory", "memberships", group, key=f"home-{made['id']}")
        return f"/organisations/{made['id']}?said=registered"

    types = [(name, word) for name, word in TYPES.items() if name not in _GROUPS]
    return _form("organisation_form.html", {"country": "", "type": "sme"}, attempt, one=None, types=types)


@pages.get("/organisations/<organisation_id>")
@public
def one(organisation_id: str) -> Response:
    """The facts, where it belongs, and of a cluster or partnership who belongs to it."""
    require("hr", "manager")
    return _one(organisation_id, Form(), _SAID.get(request.args.get("said", ""), ""))


def _one(organisation_id: str, form: Form, said: Any = "", status: int = 200) -> Response:
    organisation = _shown(asking.get("directory", f"organisations/{organisation_id}"))
    is_group, state = organisation["type"] in _GROUPS, request.args.get("state", "")
    groups = _memberships(organisation, organisation=organisation_id, limit=100)
    cursor = request.args.get("cursor", "")
    members = _memberships(organisation, group=organisation_id, status=state, limit=_PAGE, cursor=cursor)
    page = render_template(
        "organisation.html",
        one=organisation,
        form=form,
        said=said,
        groups=groups["items"],
        is_group=is_group,
        members=members["items"],
        cursor=members["next"],
        state=state,
        states=[(name, word.word) for name, word in states.MEMBERSHIP.items() if name != "ended"],
        changes=_manages() and _home(organisation),
        joins=_joins(organisation),
        own=visitor().person,
    )
    return Response(page, status)


@pages.route("/organisations/<organisation_id>/change", methods=["GET", "POST"])
@public
def change(organisation_id: str) -> Response:
    """Other facts."""
    require("manager")
    found = _shown(asking.get("directory", f"organisations/{organisation_id}"))

    def attempt(typed: Mapping[str, str]) -> str:
        path, version = f"organisations/{organisation_id}", typed.get("version", "")
        asking.send("PATCH", "directory", path, _facts(typed), version=int(version) if version.isdigit() else 0)
        return f"/organisations/{organisation_id}?said=changed"

    kept = {name: str(found[name]) for name in (*_TEXTS, *_NUMBERS) if found[name] is not None}
    linked = {"group_linked": "yes"} if found["group_linked"] else {}
    return _form("organisation_form.html", {**kept, **linked}, attempt, one=found, types=[])


@pages.post("/organisations/<organisation_id>/<any(suspend,reinstate):step>")
@public
def decide(organisation_id: str, step: str) -> Response:
    """Bar it for now, or let it act again."""
    require("manager")
    return _step(organisation_id, f"organisations/{organisation_id}/{step}", _STATES[step])


# -- memberships


@pages.route("/organisations/<organisation_id>/join", methods=["GET", "POST"])
@public
def join(organisation_id: str) -> Response:
    """Ask that it joins a cluster, or a cluster a partnership."""
    person = require("hr", "manager")
    found = _shown(asking.get("directory", f"organisations/{organisation_id}"))

    def attempt(typed: Mapping[str, str]) -> str:
        given = {name: typed[name] for name in ("group_id", "valid_from") if typed.get(name)}
        made = asking.send("POST", "directory", "memberships", {"organisation_id": organisation_id, **given})
        return f"/organisations/{organisation_id}?said={made['status']}"

    kind = "partnership" if found["type"] == "cluster" else "cluster"
    groups = asking.get("directory", "organisations", type=kind, limit=200)["items"]
    wanted = [one for one in groups if _speaks_for(found) or one["id"] == person.cluster_id]
    options = sorted((one["legal_name"], one["id"]) for one in wanted)
    first = {"valid_from": runtime().now().date().isoformat()}
    return _form(
        "organisation_join.html", first, attempt, one=found, groups=[(i, name) for name, i in options], kind=kind
    )


@pages.post("/organisations/<organisation_id>/memberships/<membership_id>/<any(accept,decline,end):step>")
@public
def answer(organisation_id: str, membership_id: str, step: str) -> Response:
    """Accept or decline what was asked for, take it back, or end what has started."""
    require("hr", "manager")
    body: Any = {} if step == "end" else None
    return _step(organisation_id, f"memberships/{membership_id}/{step}", _STEPS[step], body)


# -- parts


def _memberships(organisation: Mapping[str, Any], /, **asked: Any) -> Any:
    """A page of memberships with names, states and what the visitor may do; nothing of what has no members."""
    if "group" in asked and organisation["type"] not in _GROUPS:
        return {"items": [], "next": None}
    found = asking.get("directory", "memberships", **asked, include="organisations")
    return {"items": [_membership(organisation, one) for one in found["items"]], "next": found["next"]}


def _membership(organisation: Mapping[str, Any], one: asking.Thing) -> dict[str, Any]:
    over = one["status"] == "started" and one["valid_until"] is not None and not asking.holds(one)
    sides = _sides(organisation, one)
    acts = []
    if one["status"] == "asked" and sides - {one["asked_by"]}:
        acts = ["accept", "decline"]
    elif one["status"] == "asked" and sides:
        acts = ["take_back"]
    elif one["status"] == "started" and one["valid_until"] is None and sides:
        acts = ["end"]
    return {**one, "state": states.show(states.MEMBERSHIP, "ended" if over else one["status"]), "acts": acts}


def _sides(organisation: Mapping[str, Any], one: asking.Thing) -> set[str]:
    """For which sides the visitor speaks, as far as this page knows."""
    person = require()
    mine = {"group"} if _manages() and one["group_id"] == person.cluster_id else set()
    if one["organisation_id"] == organisation["id"] and _speaks_for(organisation):
        mine.add("organisation")
    return mine


def _speaks_for(organisation: Mapping[str, Any]) -> bool:
    return _home(organisation) if _manages() else organisation["id"] in require().organisation_ids


def _home(organisation: Mapping[str, Any]) -> bool:
    return bool(organisation["cluster_id"] == require().cluster_id)


def _joins(organisation: Mapping[str, Any]) -> bool:
    """Whether the visitor can ask that it joins something: its own side, or the own cluster's."""
    return organisation["type"] != "partnership" and (
        _speaks_for(organisation) or (_manages() and organisation["type"] != "cluster")
    )


def _shown(organisation: asking.Thing) -> dict[str, Any]:
    kind, size, region = organisation["type"], organisation["size_class"], organisation["region_category"]
    return {
        **organisation,
        "state": states.show(states.ORGANISATION, organisation["status"]),
        "kind": TYPES.get(kind, kind),
        "size": SIZES.get(size, ""),
        "region": REGIONS.get(region, ""),
    }


def _facts(typed: Mapping[str, str]) -> dict[str, Any]:
    """The form as the API takes it; a number that is none goes as it was typed and is refused by its name."""
    texts: dict[str, Any] = {name: typed.get(name) or None for name in _TEXTS}
    numbers = {name: _number(typed.get(name, "")) for name in _NUMBERS}
    return {**texts, **numbers, "group_linked": typed.get("group_linked") == "yes"}


def _number(text: str) -> int | str | None:
    plain = text.replace(" ", "").replace("\N{NO-BREAK SPACE}", "")
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 16 else plain or None


def _form(
    template: str, first: Mapping[str, str], attempt: Callable[[Mapping[str, str]], str], **more: Any
) -> Response:
    """Show a form with `first`; or try what was typed and go on, else show it again with its mistakes."""

    def shown(form: Form, status: int = 200) -> Response:
        choices = {"regions": [("", "–"), *REGIONS.items()], "countries": COUNTRIES}
        return Response(render_template(template, form=form, **choices, **more), status)

    if request.method == "GET":
        return shown(Form(first))
    typed = asking.checked_form()
    try:
        return asking.go_to(attempt(typed))
    except Refused as error:
        return shown(refused(typed, error), error.status)


def _step(organisation_id: str, path: str, said: str, body: Any = None) -> Response:
    """A button's act; a refusal is shown on the organisation's page."""
    asking.checked_form()
    try:
        asking.send("POST", "directory", path, body)
    except NotFound:
        return _one(organisation_id, Form({}, [Mistake("", faults.sentence("NOT_YOURS", ""))]), "", 409)
    except Refused as error:
        return _one(organisation_id, refused({}, error), "", 409)
    return asking.go_to(f"/organisations/{organisation_id}?said={said}")


def _manages() -> bool:
    return "manager" in visitor().roles
