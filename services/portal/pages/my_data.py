"""What the platform holds of whoever has signed in: to look at, to take along, to have erased; and who read it."""

from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from services.portal import asking, everywhere, states, visitors
from services.portal.forms import Form, Mistake, refused
from services.portal.languages import _, _l
from services.portal.platform import Refused
from services.portal.runtime import runtime
from services.portal.visitors import bearer, require
from shared.http.app import public

pages = Blueprint("my_data", __name__)
_READS: Final = 20
REASONS: Final = {
    "platform": _l("The operator of the platform"),
    "cluster": _l("Your cluster"),
    "employer": _l("Your employer"),
    "teaching": _l("A trainer"),
    "service": _l("A program of the platform"),
    "self": _l("Somebody else"),
}
_PARTS: Final = {
    "directory": _l("Name, employments and consents"),
    "enrolment": _l("Enrolments and results"),
    "certificate": _l("Certificates"),
}


@pages.get("/my-data")
@public
def mine() -> Response:
    """Everything in short, and who read it lately."""
    require()
    return _mine(Form())


@pages.get("/my-data/export")
@public
def export() -> Response:
    """All of it as one archive."""
    require()
    content = runtime().platform.content("directory", "me/export", bearer())
    headers = {"Content-Disposition": 'attachment; filename="my-data.zip"'}
    return Response(content, content_type="application/zip", headers=headers)


@pages.post("/my-data/consents/<consent_id>/withdraw")
@public
def withdraw(consent_id: str) -> Response:
    """Take a consent back."""
    require()
    asking.checked_form()
    try:
        asking.send("POST", "directory", f"consents/{consent_id}/withdraw")
    except Refused as error:
        return _mine(refused({}, error), 409)
    return asking.go_to("/my-data?said=withdrawn")


@pages.post("/my-data/erase")
@public
def erase() -> Response:
    """Destroy it for good; the session ends with it."""
    require()
    form = asking.checked_form()
    if form.get("sure") != "yes":
        return _mine(Form(form, [Mistake("sure", _("Confirm that you want this."))]), 422)
    try:
        asking.send("POST", "directory", "me/erase")
    except Refused as error:
        return _mine(refused(form, error), 409)
    visitors.end_session()
    response = Response(render_template("my_data_erased.html"))
    visitors.drop_session(response)
    return response


def _mine(form: Form, status: int = 200) -> Response:
    me = asking.get("directory", "me")
    ids = asking.ids_of([*me["employments"], *me["consents"]], "organisation_id")
    organisations = asking.by_id("directory", "organisations", ids)
    page = render_template(
        "my_data.html",
        me=me,
        form=form,
        said=_("The consent was taken back.") if request.args.get("said") == "withdrawn" else "",
        consents=[{**one, "state": states.show(states.CONSENT, one["status"])} for one in me["consents"]],
        names={i: one["legal_name"] for i, one in organisations.items()},
        reads=_reads(),
    )
    return Response(page, status)


def _reads() -> list[dict[str, Any]]:
    """Who read it, in every service that keeps personal data, the newest first. One that is away is left out."""
    answers = everywhere.ask_all("personal-reads", {one: {"limit": _READS} for one in _PARTS})
    found = [
        {**row, "part": _PARTS[service], "reader": REASONS.get(row["relation"], row["relation"])}
        for service, answer in answers.found.items()
        for row in answer["items"]
    ]
    return sorted(found, key=lambda row: str(row["at"]), reverse=True)[:_READS]
