"""The catalogue for everybody: find a course, judge it, apply for a session of it."""

from typing import Any

from flask import Blueprint, Response, render_template, request

from services.portal import asking, states
from services.portal.forms import Form, Mistake, refused
from services.portal.languages import _, _l, best_text
from services.portal.platform import Refused
from services.portal.visitors import require, visitor
from shared.http.app import public

pages = Blueprint("catalogue", __name__)
_PAGE = 24
CATEGORIES = (
    ("digital", _l("Digital")),
    ("green", _l("Green")),
    ("both", _l("Digital and green")),
    ("other", _l("Other")),
)
PILLARS = (
    ("virtualisation", _l("Virtualisation")),
    ("robotics_and_ai", _l("Robotics and AI")),
    ("elasticity", _l("Elasticity")),
    ("skills", _l("Skills")),
)
MODES = (
    ("Presential", _l("On site")),
    ("Online", _l("Online")),
    ("Blended", _l("Blended")),
    ("Project based", _l("Project based")),
    ("Workbased", _l("At work")),
)
_FILTERS = ("q", "skill", "category", "pillar", "mode", "language", "eqf", "country", "free_seats", "sort")
_ORDERS = (
    ("relevance", _l("Best match")),
    ("newest", _l("Newest first")),
    ("date", _l("Starts soonest")),
    ("free_seats", _l("Most free seats")),
    ("workload", _l("Shortest first")),
    ("title", _l("Title")),
)
_MOST_SKILLS = 8


@pages.get("/courses")
@public
def courses() -> Response:
    """Search and filter the published courses."""
    query = {name: request.args.get(name, "").strip() for name in _FILTERS}
    wanted = {name: text for name, text in query.items() if text}
    form = Form(query)
    try:
        cursor = request.args.get("cursor", "")
        found = asking.get("catalog", "courses", limit=_PAGE, cursor=cursor, facets="true", **wanted)
    except Refused as error:
        found, form = {"items": [], "next": None}, refused(query, error)
    facets = found.get("facets") or {}
    page = render_template(
        "courses.html",
        form=form,
        query=wanted,
        items=found["items"],
        cursor=found["next"],
        total=found.get("total"),
        meant=found.get("did_you_mean"),
        categories=CATEGORIES,
        modes=MODES,
        choices=_choices(facets),
        orders=[one for one in _ORDERS if one[0] != "relevance" or "q" in wanted],
        skills=_skills(facets, wanted),
        shown=_shown(wanted, facets),
    )
    return Response(page, 422 if form.has_mistakes else 200)


@pages.get("/courses/<course_id>")
@public
def course(course_id: str) -> Response:
    """One course with its sessions and their seats."""
    return _course(course_id, Form())


@pages.post("/courses/<course_id>/apply")
@public
def apply(course_id: str) -> Response:
    """Apply for a seat in one of its sessions."""
    person = require("worker")
    form = asking.checked_form()
    body: dict[str, Any] = {"session_id": form.get("session_id", ""), "worker": {"person_id": person.person_id}}
    if form.get("employer_id"):
        body["employer_id"] = form["employer_id"]
    try:
        made = asking.send("POST", "enrolment", "enrolments", body)
    except Refused as error:
        return _course(course_id, Form(form, [Mistake("", error.detail)]), 422)
    return asking.go_to(f"/learning/{made['id']}")


def _course(course_id: str, form: Form, status: int = 200) -> Response:
    found = asking.get("catalog", f"courses/{course_id}")
    sessions = asking.get("catalog", "sessions", course=course_id, limit=100)["items"]
    shown = [one for one in sessions if one["status"] in {"open", "closed", "running"}]
    seats = asking.seats(asking.ids_of(shown, "id"))
    page = render_template(
        "course.html",
        form=form,
        course=found,
        sessions=[
            {**one, "state": _availability(one, seats.get(one["id"])), "seats": seats.get(one["id"])} for one in shown
        ],
        can_apply="worker" in visitor().roles,
        labels={**dict(CATEGORIES), **dict(PILLARS), **dict(MODES)},
    )
    return Response(page, status)


def _availability(session: Any, seats: Any) -> states.State:
    if seats is not None and session["status"] == "open":
        return states.show(states.AVAILABILITY, seats["availability"])
    return states.show(states.SESSION, session["status"])


def _choices(facets: Any) -> dict[str, list[tuple[str, str]]]:
    """What there is to choose from, each with how many courses there would be."""
    named = {"category": CATEGORIES, "pillar": PILLARS, "mode": MODES}
    found = {name: _counts(facets, name) for name in (*named, "language", "country", "eqf")}
    choices = {
        name: [(value, _counted(str(label), found[name].get(value))) for value, label in labels]
        for name, labels in named.items()
    }
    for name in ("language", "country", "eqf"):
        choices[name] = [(value, _counted(value.upper(), count)) for value, count in sorted(found[name].items())]
    return choices


def _skills(facets: Any, wanted: dict[str, str]) -> list[tuple[str, str, int]]:
    """The skills that most of what is found teaches: value, label, how many."""
    there = [one for one in facets.get("skill", ()) if one.get("labels") and one["value"] != wanted.get("skill")]
    return [(one["value"], _label(one), one["count"]) for one in there[:_MOST_SKILLS]]


def _label(one: Any) -> str:
    return best_text(one["labels"])


def _counts(facets: Any, name: str) -> dict[str, int]:
    return {one["value"]: one["count"] for one in facets.get(name, ())}


def _counted(label: str, count: int | None) -> str:
    return label if count is None else f"{label} ({count})"


def _shown(wanted: dict[str, str], facets: Any) -> list[tuple[str, str]]:
    """The filters in use as words, each with the query that is left without it."""
    skills = {one["value"]: _label(one) for one in facets.get("skill", ()) if one.get("labels")}
    labels = {"category": dict(CATEGORIES), "pillar": dict(PILLARS), "mode": dict(MODES), "skill": skills}
    words = {
        "q": _("Search: %(text)s"),
        "language": _("Language: %(text)s"),
        "eqf": _("EQF level %(text)s"),
        "country": _("Country: %(text)s"),
        "free_seats": _("Free seats: %(text)s or more"),
    }
    return [
        (name, words[name] % {"text": value} if name in words else str(labels.get(name, {}).get(value, value)))
        for name, value in wanted.items()
        if name != "sort"
    ]
