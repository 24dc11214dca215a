"""Whose courses may carry the seal or the name of a cluster's organisations: lent, and ended."""

from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from services.portal import asking
from services.portal.forms import Form, Mistake, refused
from services.portal.languages import _, _l
from services.portal.pages.set_up import own_cluster
from services.portal.platform import Refused
from shared.http.app import public

pages = Blueprint("seals", __name__)
_PAGE: Final = 50
_MOST: Final = 200
PURPOSES: Final = {"award": _l("Its seal on certificates"), "provide": _l("Its name as the provider")}
_SAID: Final = {"lent": _l("Lent."), "ended": _l("Ended.")}


@pages.get("/set-up/seals")
@public
def lent() -> Response:
    """What is lent to whom, by the cluster's organisations or to them."""
    return _seals(Form())


@pages.post("/set-up/seals")
@public
def lend() -> Response:
    """Lend a seal or a name."""
    own_cluster()
    typed = asking.checked_form()
    grantee = typed.get("other_id") or typed.get("grantee_id", "")
    body = {
        "organisation_id": typed.get("organisation_id", ""),
        "purpose": typed.get("purpose", ""),
        "grantee_id": grantee,
    }
    if not grantee:
        return _seals(
            Form(typed, [Mistake("grantee_id", _("Choose an organisation, or type the number of another one."))]), 422
        )
    try:
        asking.send("POST", "directory", "awarding-grants", body)
    except Refused as error:
        names = {"grantee_id": "other_id"} if typed.get("other_id") else {}
        return _seals(refused(typed, error, names), 422)
    return asking.go_to("/set-up/seals?said=lent")


@pages.post("/set-up/seals/<grant_id>/end")
@public
def end(grant_id: str) -> Response:
    """Lend it no longer."""
    own_cluster()
    asking.checked_form()
    try:
        asking.send("POST", "directory", f"awarding-grants/{grant_id}/withdraw")
    except Refused as error:
        return _seals(refused({}, error), 409)
    return asking.go_to("/set-up/seals?said=ended")


def _seals(form: Form, status: int = 200) -> Response:
    cluster_id = own_cluster()
    ours = asking.get("directory", "organisations", cluster=cluster_id, limit=_MOST)["items"]
    names = {one["id"]: one["legal_name"] for one in ours}
    found = asking.get(
        "directory", "awarding-grants", include="organisations", limit=_PAGE, cursor=request.args.get("cursor", "")
    )
    page = render_template(
        "seals.html",
        form=form,
        grants=[_shown(one, names) for one in found["items"]],
        cursor=found["next"],
        names=names,
        purposes=PURPOSES,
        said=_SAID.get(request.args.get("said", ""), ""),
    )
    return Response(page, status)


def _shown(grant: Any, ours: dict[str, str]) -> dict[str, Any]:
    """A grant; only its own side ends it."""
    return {**grant, "ends_here": grant["status"] == "given" and grant["organisation_id"] in ours}
