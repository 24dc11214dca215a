"""Who may sign in for a cluster: invited by its manager, accepted by the person with the link, ended again."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request

from services.portal import asking, branding, states
from services.portal.forms import Form, Mistake, refused
from services.portal.languages import _
from services.portal.menu import ROLE_NAMES
from services.portal.pages.set_up import own_cluster
from services.portal.platform import Refused
from services.portal.runtime import runtime
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("staff", __name__)
_PAGE: Final = 50
_MOST: Final = 200
ROLES: Final = ("manager", "reviewer", "trainer", "hr", "worker")


@pages.get("/staff")
@public
def staff() -> Response:
    """Everybody who was invited, in which role, and whether they came."""
    return _list(Form())


@pages.get("/staff/invite")
@public
def new() -> Response:
    """An empty form, or one for somebody who is registered already (`person`)."""
    return _form(Form({"person_id": request.args.get("person", "")}))


@pages.post("/staff/invite")
@public
def invite() -> Response:
    """Invite somebody; the next page shows the link to give to them."""
    own_cluster()
    typed = asking.checked_form()
    names = ("person_id",) if typed.get("person_id") else ("given_name", "family_name", "email")
    body: dict[str, Any] = {name: typed[name] for name in names if typed.get(name)}
    body["role"] = typed.get("role", "")
    body["organisation_ids"] = [typed["organisation"]] if typed.get("organisation") else []
    try:
        made = asking.send("POST", "directory", "invitations", body)
    except Refused as error:
        return _form(refused(typed, error, {"organisation_ids": "organisation"}), 422)
    return asking.go_to(f"/staff/{made['id']}")


@pages.get("/staff/<invitation_id>")
@public
def invited(invitation_id: str) -> Response:
    """One invitation, with its link while it is open."""
    own_cluster()
    found = asking.get("directory", f"invitations/{invitation_id}")
    return Response(
        render_template("staff_link.html", one=found, state=states.INVITATION[found["status"]], role_names=ROLE_NAMES)
    )


@pages.post("/staff/<invitation_id>/<action>")
@public
def close(invitation_id: str, action: str) -> Response:
    """Take an invitation back, or the role from who accepted it."""
    own_cluster()
    if action not in {"withdraw", "end"}:
        raise NotFound("There is no such step.")
    asking.checked_form()
    try:
        done = asking.send("POST", "directory", f"invitations/{invitation_id}/{action}")
    except Refused as error:
        return _list(refused({}, error), 409)
    return asking.go_to(f"/staff?{action}={done.get('tokens_end_at', 'done').replace('+', '%2B')}")


@pages.get("/invitations/<invitation_id>")
@public
def offer(invitation_id: str) -> Response:
    """What the bearer of the link is invited to, and the form in which they accept."""
    return _offer(invitation_id, request.args.get("secret", ""), Form())


@pages.post("/invitations/<invitation_id>")
@public
def accept(invitation_id: str) -> Response:
    """Accept: sign in with the chosen password from now on. Who has the link needs no session."""
    secret, password = request.form.get("secret", ""), request.form.get("password", "")
    if password != request.form.get("again", ""):
        form = Form({}, [Mistake("again", _("The two passwords are not the same."))])
        return _offer(invitation_id, secret, form, 422)
    body = {"secret": secret, "password": password}
    try:
        runtime().platform.send("POST", "directory", f"invitations/{invitation_id}/accept", None, body)
    except NotFound:
        return _no_offer()
    except Refused as error:
        return _offer(invitation_id, secret, refused({}, error), 422)
    return asking.go_to(f"/invitations/{invitation_id}?{urlencode({'secret': secret})}")


def _offer(invitation_id: str, secret: str, form: Form, status: int = 200) -> Response:
    try:
        found = runtime().platform.send(
            "POST", "directory", f"invitations/{invitation_id}/offer", None, {"secret": secret}
        )
    except (NotFound, Refused):
        return _no_offer()
    branding.carry(found["cluster_id"])
    page = render_template(
        "invitation.html",
        offer=found,
        secret=secret,
        form=form,
        role=ROLE_NAMES[found["role"]],
        name=asking.full_name(found),
    )
    response = Response(page, status)
    response.headers["Referrer-Policy"] = "no-referrer"  # the address holds the secret
    return response


def _no_offer() -> Response:
    return Response(render_template("invitation_none.html"), 404)


def _list(form: Form, status: int = 200) -> Response:
    own_cluster()
    wanted = request.args.get("status", "")
    found = asking.get(
        "directory",
        "invitations",
        include="people",
        status=wanted if wanted in states.INVITATION else "",
        limit=_PAGE,
        cursor=request.args.get("cursor", ""),
    )
    rows = sorted(found["items"], key=lambda one: str(one["created_at"]), reverse=True)
    page = render_template(
        "staff.html",
        form=form,
        rows=[
            {**one, "name": asking.full_name(one), "state": states.show(states.INVITATION, one["status"])}
            for one in rows
        ],
        cursor=found["next"],
        status=wanted,
        states=states.INVITATION,
        said=_said(),
    )
    return Response(page, status)


def _said() -> dict[str, Any]:
    """What was done just now: taken back, or ended with the moment until which tokens are good."""
    if "withdraw" in request.args:
        return {"withdrawn": True}
    try:
        return {"until": datetime.fromisoformat(request.args.get("end", "")).isoformat()}
    except ValueError:
        return {}


def _form(form: Form, status: int = 200) -> Response:
    cluster_id = own_cluster()
    ours = asking.get("directory", "organisations", cluster=cluster_id, limit=_MOST)["items"]
    person_id = form.value("person_id")
    person = asking.full_name(asking.get("directory", f"people/{person_id}")) if person_id else ""
    page = render_template(
        "staff_invite.html",
        form=form,
        person=person,
        roles=[(role, ROLE_NAMES[role]) for role in ROLES],
        organisations=[("", _("None"))] + [(one["id"], one["legal_name"]) for one in ours if one["id"] != cluster_id],
    )
    return Response(page, status)
