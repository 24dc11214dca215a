"""The people of a cluster or a company: found, registered, imported. What is done with one of them: `person.py`."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request

from services.portal import asking, states
from services.portal.forms import Form, refused
from services.portal.importing import ImportKind, add_import_pages
from services.portal.languages import _l
from services.portal.platform import Refused
from services.portal.visitors import require, visitor
from shared.http.app import public

pages = Blueprint("people", __name__)
_PAGE = 50
IMPORT = ImportKind(
    service="directory",
    api="people-imports",
    base="/people/import",
    roles=("manager", "hr"),
    title=_l("Import people"),
    lead=_l("Register many people at once, with employments and consents. The same file again changes nothing."),
    parent=("/people", _l("People")),
    fields={
        "external_id": (
            _l("Your own number for the person"),
            _l("For example the employee number. It identifies people who are registered already."),
        ),
        "given_name": (_l("Given name"), ""),
        "family_name": (_l("Family name"), ""),
        "email": (_l("Mail address"), ""),
        "language": (_l("Language"), _l("A code such as de or it.")),
        "employer": (_l("Employer"), _l("Name, registration number or id of a company of your cluster.")),
        "employed_from": (_l("Employed from"), ""),
        "employed_until": (_l("Employed until"), _l("A date ends the employment.")),
        "consent": (_l("Consent"), _l("Yes or no: may the employer see the results?")),
        "consent_how": (_l("How consent was given"), _l("Such as: signed form.")),
        "consent_on": (_l("Day of the consent"), ""),
    },
    example="number;given name;family name;email;company;entry date;consent;how;consent date\n"
    "1001;Ada;Lovelace;ada@example.org;Example Milling Ltd;2026-03-01;yes;signed form;2026-03-02\n",
)
add_import_pages(pages, IMPORT)


@pages.get("/people")
@public
def everybody() -> Response:
    """Who matches: by name, employer and state; where they work today."""
    require("hr", "manager")
    asked = {name: request.args.get(name, "").strip() for name in ("q", "organisation")}
    asked["status"] = request.args.get("status", "registered")
    found, form = _found(asked)
    page = render_template(
        "people.html",
        asked=asked,
        form=form,
        items=[{**one, **_summary(one)} for one in found["items"]],
        cursor=found["next"],
        employers=asking.employers(),
        states=[(name, state.word) for name, state in states.PERSON.items()],
        filtered=bool(asked["q"] or asked["organisation"]) or asked["status"] != "registered",
    )
    return Response(page, 422 if form.has_mistakes else 200)


def _found(asked: Mapping[str, str]) -> tuple[Any, Form]:
    cursor = request.args.get("cursor", "")
    try:
        found = asking.get("directory", "people", **asked, include="employments", limit=_PAGE, cursor=cursor)
    except Refused as error:
        return {"items": [], "next": None}, refused(asked, error)
    return found, Form(asked)


def _summary(person: asking.Thing) -> dict[str, Any]:
    """What a row shows beside the stored fields."""
    employers = [job["organisation_name"] for job in person["employments"] if asking.holds(job)]
    return {
        "name": asking.full_name(person),
        "employers": list(dict.fromkeys(employers)),
        "state": states.show(states.PERSON, person["status"]),
    }


@pages.get("/people/new")
@public
def new() -> Response:
    """An empty form."""
    require("manager", "hr")
    return _new(Form())


@pages.post("/people/new")
@public
def register() -> Response:
    """Register somebody in the own cluster, and let them work for the company that was chosen."""
    person = require("manager", "hr")
    form = asking.checked_form()
    facts = {name: text for name, text in form.items() if text and name != "organisation_id"}
    try:
        made = asking.send("POST", "directory", "people", {"cluster_id": person.cluster_id, **facts})
    except Refused as error:
        return _new(refused(form, error), 422)
    if form.get("organisation_id"):
        job = {"person_id": made["id"], "organisation_id": form["organisation_id"]}
        asking.send("POST", "directory", "employments", job, key=f"first-job-{made['id']}")
    return asking.go_to(f"/people/{made['id']}?said=registered")


def _new(form: Form, status: int = 200) -> Response:
    employers, known = asking.employers(), "manager" in visitor().roles
    page = render_template("person_new.html", form=form, employers=employers, optional=known)
    return Response(page, status)
