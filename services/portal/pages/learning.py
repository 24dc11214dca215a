"""A worker's own learning: what is under way, what waits for them, what they have finished."""

from typing import Any

from flask import Blueprint, Response, render_template, request

from services.portal import asking, states
from services.portal.forms import Form, Mistake
from services.portal.platform import Refused
from services.portal.visitors import require
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("learning", __name__)
_OPEN = {"applied", "approved", "waitlisted", "offered", "confirmed", "attending"}
_ACTIONS = {"accept": "accept-offer", "decline": "decline-offer", "cancel": "cancel"}


@pages.get("/learning")
@public
def mine() -> Response:
    """All enrolments, those that are open first."""
    person = require("worker")
    found = asking.get("enrolment", "enrolments", person_id=person.person_id, limit=100)["items"]
    courses = asking.courses(asking.ids_of(found, "course_id"))
    sessions = asking.sessions(asking.ids_of(found, "session_id"))
    items = [_shown(one, courses, sessions) for one in found]
    page = render_template(
        "learning.html",
        waiting=[one for one in items if one["waiting_for"] == "worker"],
        open=[one for one in items if one["status"] in _OPEN],
        over=[one for one in items if one["status"] not in _OPEN],
    )
    return Response(page)


@pages.get("/learning/<enrolment_id>")
@public
def one(enrolment_id: str) -> Response:
    """One enrolment: where it stands, who acts next, and why not."""
    require("worker", "hr", "manager")
    return _one(enrolment_id, Form())


@pages.post("/learning/<enrolment_id>/<action>")
@public
def act(enrolment_id: str, action: str) -> Response:
    """Accept or decline an offer, or cancel."""
    require("worker", "hr", "manager")
    if action not in _ACTIONS:
        raise NotFound("There is no such step.")
    asking.checked_form()
    try:
        asking.send("POST", "enrolment", f"enrolments/{enrolment_id}/{_ACTIONS[action]}")
    except Refused as error:
        return _one(enrolment_id, Form({}, [Mistake("", error.detail)]), 409)
    return asking.go_to(f"/learning/{enrolment_id}")


@pages.post("/learning/<enrolment_id>/consent")
@public
def consent(enrolment_id: str) -> Response:
    """Let the employer of this enrolment see its result. It goes on by itself, or one applies anew."""
    person = require("worker")
    asking.checked_form()
    employer = asking.get("enrolment", f"enrolments/{enrolment_id}")["employer_id"]
    try:
        asking.send("POST", "directory", "consents", {"person_id": person.person_id, "organisation_id": employer})
    except Refused as error:
        return _one(enrolment_id, Form({}, [Mistake("", error.detail)]), 409)
    found = asking.get("enrolment", f"enrolments/{enrolment_id}")
    if found["status"] != "ineligible":
        return asking.go_to(f"/learning/{enrolment_id}")
    return asking.go_to(f"/courses/{found['course_id']}?consent=given")


def _one(enrolment_id: str, form: Form, status: int = 200) -> Response:
    found = asking.get("enrolment", f"enrolments/{enrolment_id}")
    courses, sessions = asking.courses([found["course_id"]]), asking.sessions([found["session_id"]])
    steps = [{"state": states.show(states.ENROLMENT, s["status"]), "at": s["at"]} for s in found["history"]]
    page = render_template(
        "enrolment.html",
        form=form,
        one=_shown(found, courses, sessions),
        steps=steps,
        needs_consent=_awaits_consent(found) or any(r["code"] == "CONSENT_MISSING" for r in found["reasons"]),
        can_cancel=found["status"] in _OPEN,
        saved=request.args.get("saved", ""),
    )
    return Response(page, status)


def _awaits_consent(one: Any) -> bool:
    """Whether the employer applied and the worker has yet to agree: nobody else may act."""
    return bool(one["status"] == "applied" and one["waiting_for"] == "worker")


def _shown(one: Any, courses: Any, sessions: Any) -> dict[str, Any]:
    course = courses.get(one["course_id"])
    return {
        **one,
        "title": asking.title(course) or one["course_id"],
        "session": sessions.get(one["session_id"]) or {},
        "state": states.show(states.ENROLMENT, "asked" if _awaits_consent(one) else one["status"]),
    }
