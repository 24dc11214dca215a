"""What an operator looks after: where events wait, which of them could not be applied, who did what about it."""

from typing import Any

from flask import Blueprint, Response, render_template, request

from services.portal import asking
from services.portal.languages import _
from services.portal.runtime import runtime
from services.portal.visitors import require
from shared.errors import NotFound, Unavailable
from shared.http.app import public

pages = Blueprint("operations", __name__)
_ACTIONS = {"replay", "discard"}


@pages.get("/operations")
@public
def overview() -> Response:
    """Each service: does it answer, what waits, what is set aside."""
    require("operator")
    rows = [_health(service) for service in runtime().platform.services]
    return Response(render_template("operations.html", rows=rows))


@pages.get("/operations/<service>")
@public
def dead_letters(service: str) -> Response:
    """The events that could not be applied, and the list of who did what."""
    require("operator")
    return _letters(service, "")


@pages.post("/operations/<service>/dead-letters/<letter_id>/<action>")
@public
def release(service: str, letter_id: str, action: str) -> Response:
    """Apply a dead letter again, or drop it."""
    require("operator")
    if action not in _ACTIONS or service not in runtime().platform.services:
        raise NotFound("There is no such step.")
    asking.checked_form()
    try:
        done = asking.send("POST", service, f"{service}/operations/dead-letters/{letter_id}/{action}")
    except asking.REFUSALS as error:
        return _letters(service, error.detail, 409)
    return asking.go_to(f"/operations/{service}?released={done['released']}")


def _health(service: str) -> dict[str, Any]:
    try:
        lag = asking.get(service, f"{service}/operations/lag")
    except Unavailable:
        return {"service": service, "answers": False}
    slow = [one for one in lag["consumers"] if (one["lag"] or 0) > 0]
    return {"service": service, "answers": True, **lag, "slow": slow}


def _letters(service: str, mistake: str, status: int = 200) -> Response:
    if service not in runtime().platform.services:
        raise NotFound("There is no such service.")
    found = asking.get(service, f"{service}/operations/dead-letters", limit=50, cursor=request.args.get("cursor", ""))
    audit = asking.get(service, f"{service}/operations/audit", limit=50)["items"]
    released = request.args.get("released", "")
    said = _("Events released: %(number)s") % {"number": released} if released.isdigit() else ""
    page = render_template(
        "dead_letters.html",
        service=service,
        items=found["items"],
        cursor=found["next"],
        audit=audit,
        said=said,
        mistake=mistake,
    )
    return Response(page, status)
