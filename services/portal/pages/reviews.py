"""Courses that wait for a reviewer: read, published, or returned with reasons."""

from typing import Any

from flask import Blueprint, Response, render_template, request

from services.portal import asking, home
from services.portal.forms import Form, Mistake, refused
from services.portal.languages import _, best_text
from services.portal.pages.catalogue import CATEGORIES, MODES, PILLARS
from services.portal.platform import Refused
from services.portal.visitors import require
from shared.http.app import public

pages = Blueprint("reviews", __name__)


@pages.get("/reviews")
@public
def queue() -> Response:
    """Those of the own cluster."""
    require("reviewer", "manager")
    items = [_shown(one) for one in home.in_review()]
    names = asking.by_id("directory", "organisations", asking.ids_of(items, "provider_id"))
    said = {"published": _("Published."), "returned": _("Returned to its authors.")}.get(
        request.args.get("said", ""), ""
    )
    page = render_template("reviews.html", items=items, names=names, said=said)
    return Response(page)


@pages.get("/reviews/<course_id>")
@public
def one(course_id: str) -> Response:
    """What would be published."""
    require("reviewer", "manager")
    return _one(course_id, Form())


@pages.post("/reviews/<course_id>/publish")
@public
def publish(course_id: str) -> Response:
    """Let everybody find it."""
    require("reviewer", "manager")
    asking.checked_form()
    return _decide(course_id, "publish", None, Form())


@pages.post("/reviews/<course_id>/return")
@public
def send_back(course_id: str) -> Response:
    """Give it back to its authors, a reason in each line."""
    require("reviewer", "manager")
    form = asking.checked_form()
    reasons = [line.strip() for line in form.get("reasons", "").splitlines() if line.strip()]
    if not reasons:
        return _one(course_id, Form(form, [Mistake("reasons", _("Say what is to be mended."))]), 422)
    return _decide(course_id, "return", {"reasons": reasons}, Form(form))


def _decide(course_id: str, step: str, body: Any, form: Form) -> Response:
    try:
        asking.send("POST", "catalog", f"courses/{course_id}/{step}", body)
    except Refused as error:
        return _one(course_id, refused(form.values, error), error.status)
    return asking.go_to(f"/reviews?said={'published' if step == 'publish' else 'returned'}")


def _one(course_id: str, form: Form, status: int = 200) -> Response:
    found = _shown(asking.get("catalog", f"courses/{course_id}"))
    names = asking.by_id("directory", "organisations", [found["provider_id"], found["awarding_body_id"] or ""])
    page = render_template(
        "review.html",
        one=found,
        form=form,
        names={i: name["legal_name"] for i, name in names.items()},
        labels={**dict(CATEGORIES), **dict(PILLARS), **dict(MODES)},
        waits=(found.get("draft") or {}).get("status") == "in_review",
    )
    return Response(page, status)


def _shown(course: asking.Thing) -> dict[str, Any]:
    """What its draft says, beside its id."""
    content = {**course, **{name: value for name, value in (course.get("draft") or {}).items() if name != "status"}}
    return {**content, "title": best_text(content["titles"], content["default_language"])}
