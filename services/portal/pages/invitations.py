"""Who was invited opens the link, sees to what, chooses a password, and can sign in."""

from typing import Any

from flask import Blueprint, Response, render_template, request

from services.portal import asking, menu, states
from services.portal.forms import Form, Mistake, refused
from services.portal.languages import _
from services.portal.platform import Refused
from services.portal.runtime import runtime
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("invitations", __name__)


@pages.get("/invitations/<invitation_id>")
@public
def offer(invitation_id: str) -> Response:
    """What the bearer of the link is invited to."""
    return _page(invitation_id, request.args.get("secret", ""), Form())


@pages.post("/invitations/<invitation_id>")
@public
def accept(invitation_id: str) -> Response:
    """Take it with a password. The link's secret stands for a form's token: no other site knows it."""
    secret, password = request.form.get("secret", ""), request.form.get("password", "")
    if password != request.form.get("again", ""):
        return _page(invitation_id, secret, Form({}, [Mistake("again", _("The two passwords differ."))]), 422)
    try:
        _ask(invitation_id, "accept", {"secret": secret, "password": password})
    except Refused as error:
        return _page(invitation_id, secret, refused({}, error), error.status)
    return asking.go_to("/sign-in")


def _page(invitation_id: str, secret: str, form: Form, status: int = 200) -> Response:
    found = _ask(invitation_id, "offer", {"secret": secret[:100] or "-"})
    page = render_template(
        "invitation.html",
        one=found,
        form=form,
        secret=secret,
        role=menu.ROLE_NAMES.get(found["role"], found["role"]),
        state=states.show(states.INVITATION, found["status"]),
    )
    response = Response(page, status)
    response.headers["Referrer-Policy"] = "no-referrer"  # the address holds the secret
    return response


def _ask(invitation_id: str, step: str, body: dict[str, str]) -> Any:
    if "/" in invitation_id or not invitation_id.replace("-", "").isalnum():
        raise NotFound("There is no such invitation.")
    return runtime().platform.send("POST", "directory", f"invitations/{invitation_id}/{step}", None, body)
