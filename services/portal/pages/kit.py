"""The style page of the demo: each part that pages are put together from, once, with made-up content."""

from typing import Final

from flask import Blueprint, Response, render_template

from services.portal import states
from services.portal.forms import Form, Mistake
from services.portal.languages import _
from services.portal.runtime import runtime
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("kit", __name__)
_MONTHS: Final = (("2026-06", 42, 20), ("2026-07", 58, 33), ("2026-08", 61, 38), ("2026-09", 77, 54))
_STEPS: Final = (("applied", "2026-09-01T08:00:00+00:00"), ("confirmed", "2026-09-03T09:30:00+00:00"))


@pages.get("/kit")
@public
def kit() -> Response:
    """Every part, to look at in each look, width and language."""
    if not runtime().settings.demo:
        raise NotFound("There is no such page.")
    mistakes = [Mistake("mail", _("This value is missing or cannot be used here."))]
    page = render_template(
        "style.html",
        form=Form({"mail": "no mail address", "name": "Ana"}, mistakes),
        good=Form({}),
        kinds=(states.ENROLMENT, states.SESSION, states.CERTIFICATE),
        steps=[{"state": states.show(states.ENROLMENT, status), "at": at} for status, at in _STEPS],
        job={"done": 128, "total": 200},
        people=(
            ("1001", "Ana Sanz", "applied"),
            ("1002", "Jiří Dvořák", "confirmed"),
            ("1003", "Luca Bianchi", "offered"),
        ),
        show=lambda status: states.show(states.ENROLMENT, status),
        months=_MONTHS,
    )
    return Response(page)
