"""Applications that wait for a decision: of the employer's HR, or of the cluster's manager."""

from typing import Any

from flask import Blueprint, Response, render_template, request

from services.portal import asking, faults
from services.portal.forms import Form, Mistake
from services.portal.languages import _
from services.portal.platform import Refused
from services.portal.visitors import require
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("approvals", __name__)
_DECISIONS = {"approve", "reject"}


@pages.get("/approvals")
@public
def waiting() -> Response:
    """Who applied for what, with dates; some or all can be decided at once."""
    require("hr", "manager")
    return _waiting(Form(), request.args.get("cursor", ""), _said(request.args.get("done", "")))


@pages.post("/approvals/<decision>")
@public
def decide(decision: str) -> Response:
    """Approve or reject those that were chosen. One that cannot be decided does not hold up the others."""
    require("hr", "manager")
    if decision not in _DECISIONS:
        raise NotFound("There is no such decision.")
    asking.checked_form()
    chosen = request.form.getlist("enrolment")
    reason = request.form.get("reason", "").strip()
    mistakes = _decide(decision, chosen, reason) if chosen else [Mistake("", _("Choose at least one application."))]
    if mistakes:
        return _waiting(Form({"reason": reason}, mistakes), "", "", 422 if not chosen else 409)
    return asking.go_to(f"/approvals?done={len(chosen)}")


def _decide(decision: str, chosen: list[str], reason: str) -> list[Mistake]:
    """Send all decisions at once; what speaks against those that were not taken, each with its person's name."""
    items = [{"enrolment_id": one, "decision": decision, "reason": reason or None} for one in chosen]
    try:
        rows = asking.send("POST", "enrolment", "enrolment-decisions", {"items": items})["items"]
    except Refused as error:
        return [Mistake("", error.detail)]
    return [Mistake("", _refusal(row)) for row in rows if not row["ok"]]


def _refusal(row: Any) -> str:
    why = faults.sentence(row["code"], row["message"])
    try:
        person = asking.get("enrolment", f"enrolments/{row['enrolment_id']}")["person_id"]
    except NotFound:
        return why
    return f"{asking.people([person]).get(person, person)}: {why}"


def _waiting(form: Form, cursor: str, said: str, status: int = 200) -> Response:
    found = asking.get("enrolment", "enrolments", status="applied", limit=50, cursor=cursor)
    items: list[Any] = [one for one in found["items"] if one["waiting_for"] != "worker"]
    courses = asking.courses(asking.ids_of(items, "course_id"))
    sessions = asking.sessions(asking.ids_of(items, "session_id"))
    names = asking.people(asking.ids_of(items, "person_id"))
    rows = [
        {
            **one,
            "title": asking.title(courses.get(one["course_id"])),
            "session": sessions.get(one["session_id"]) or {},
            "name": names.get(one["person_id"], one["person_id"]),
        }
        for one in items
    ]
    return Response(render_template("approvals.html", form=form, rows=rows, cursor=found["next"], said=said), status)


def _said(done: str) -> str:
    return _("Decided: %(number)s") % {"number": done} if done.isdigit() else ""
