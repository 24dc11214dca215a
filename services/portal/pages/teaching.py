"""A trainer's sessions, and the roster of each: attendance, results, and closing it, from which certificates follow."""

from typing import Any

from flask import Blueprint, Response, render_template, request

from services.portal import asking, states
from services.portal.forms import Form, Mistake
from services.portal.languages import _
from services.portal.platform import Refused
from services.portal.visitors import require
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("teaching", __name__)
_STEPS = {"open", "close", "start"}
_NEXT = {"planned": "open", "open": "close", "closed": "start"}


@pages.get("/teaching")
@public
def sessions() -> Response:
    """The cluster's sessions by start, those that need somebody first."""
    person = require("trainer", "manager")
    found = asking.get(
        "catalog", "sessions", cluster=person.cluster_id, limit=100, cursor=request.args.get("cursor", "")
    )
    items: list[Any] = found["items"]
    courses = asking.courses(asking.ids_of(items, "course_id"))
    seats = asking.seats(one["id"] for one in items if one["status"] != "planned")
    rows = [
        {
            **one,
            "title": asking.title(courses.get(one["course_id"])),
            "state": states.show(states.SESSION, one["status"]),
            "seats": seats.get(one["id"]),
        }
        for one in items
    ]
    order = ("running", "closed", "open", "planned", "completed", "cancelled")
    rows.sort(key=lambda row: order.index(row["status"]) if row["status"] in order else len(order))
    return Response(render_template("teaching.html", rows=rows, cursor=found["next"]))


@pages.get("/teaching/<session_id>")
@public
def roster(session_id: str) -> Response:
    """Who takes part, with attendance and results."""
    require("trainer", "manager")
    return _roster(session_id, Form(), request.args.get("saved", ""))


@pages.post("/teaching/<session_id>/step/<step>")
@public
def go_on(session_id: str, step: str) -> Response:
    """Open or close enrolment, or start the session."""
    require("trainer", "manager")
    if step not in _STEPS:
        raise NotFound("There is no such step.")
    asking.checked_form()
    try:
        asking.send("POST", "catalog", f"sessions/{session_id}/{step}")
    except Refused as error:
        return _roster(session_id, Form({}, [Mistake("", error.detail)]), "", 409)
    return asking.go_to(f"/teaching/{session_id}")


@pages.post("/teaching/<session_id>/results")
@public
def record(session_id: str) -> Response:
    """Save what was typed on the roster: the good rows are saved, the others come back with what is wrong."""
    require("trainer", "manager")
    form = asking.checked_form()
    try:
        mistakes = [*_attendance(session_id, form), *_results(session_id, form)]
    except Refused as error:
        mistakes = [Mistake("", error.detail)]
    if mistakes:
        return _roster(session_id, Form(form, mistakes), "", 422)
    return asking.go_to(f"/teaching/{session_id}?saved=1")


@pages.post("/teaching/<session_id>/complete")
@public
def complete(session_id: str) -> Response:
    """Close the roster: everybody has a result, certificates follow."""
    require("trainer", "manager")
    form = asking.checked_form()
    body = {"absent_are_no_show": form.get("absent_are_no_show") == "yes"}
    try:
        asking.send("POST", "enrolment", f"rosters/{session_id}/complete", body)
    except Refused as error:
        return _roster(session_id, Form(form, [Mistake("", error.detail)]), "", 409)
    return asking.go_to(f"/teaching/{session_id}?saved=1")


def _attendance(session_id: str, form: Any) -> list[Mistake]:
    rows: list[dict[str, Any]] = []
    mistakes: list[Mistake] = []
    for name, text in form.items():
        kind, _sep, enrolment_id = name.partition(":")
        if kind != "attendance" or not text:
            continue
        if text.isdigit():
            rows.append({"enrolment_id": enrolment_id, "attendance": int(text)})
        else:
            mistakes.append(Mistake(name, _("Attendance is a whole number from 0 to 100.")))
    return [*mistakes, *_save("PUT", session_id, "attendance", rows)]


def _results(session_id: str, form: Any) -> list[Mistake]:
    rows: list[dict[str, Any]] = []
    mistakes: list[Mistake] = []
    for name, text in form.items():
        kind, _sep, enrolment_id = name.partition(":")
        if kind != "result" or not text:
            continue
        score = form.get(f"score:{enrolment_id}", "").replace(",", ".")
        try:
            rows.append(
                {"enrolment_id": enrolment_id, "passed": text == "passed", "score": float(score) if score else None}
            )
        except ValueError:
            mistakes.append(Mistake(f"score:{enrolment_id}", _("The score is a number from 0 to 100.")))
    return [*mistakes, *_save("POST", session_id, "results", rows)]


def _save(method: str, session_id: str, what: str, rows: list[dict[str, Any]]) -> list[Mistake]:
    if not rows:
        return []
    key = f"{request.form.get('request_key', '')}-{what}"
    saved = asking.send(method, "enrolment", f"rosters/{session_id}/{what}", {"items": rows}, key=key)
    return [
        Mistake(
            f"{'attendance' if what == 'attendance' else 'result'}:{row['enrolment_id']}", row["message"] or row["code"]
        )
        for row in saved["items"]
        if not row["ok"]
    ]


def _roster(session_id: str, form: Form, saved: str, status: int = 200) -> Response:
    session = asking.get("catalog", f"sessions/{session_id}")
    course = asking.courses([session["course_id"]]).get(session["course_id"])
    entries: list[Any] = []
    if session["status"] != "planned":
        entries = asking.get("enrolment", f"rosters/{session_id}")["items"]
    names = asking.people(asking.ids_of(entries, "person_id"))
    rows = [
        {
            **one,
            "state": states.show(states.ENROLMENT, one["status"]),
            "name": names.get(one["person_id"], one["person_id"]),
            "open": one["status"] in {"confirmed", "attending"},
        }
        for one in entries
    ]
    page = render_template(
        "roster.html",
        form=form,
        session=session,
        state=states.show(states.SESSION, session["status"]),
        title=asking.title(course),
        rows=rows,
        step=_NEXT.get(session["status"]),
        saved=saved,
    )
    return Response(page, status)
