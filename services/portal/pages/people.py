"""The people of a cluster or a company: who they are, where they work, what they let others see."""

from typing import Any

from flask import Blueprint, Response, render_template, request

from services.portal import asking
from services.portal.forms import Form, refused
from services.portal.importing import ImportKind, add_import_pages
from services.portal.languages import _, _l
from services.portal.platform import Refused
from services.portal.visitors import require
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
    """The list."""
    require("hr", "manager")
    found = asking.get("directory", "people", limit=_PAGE, cursor=request.args.get("cursor", ""))
    items = [{**one, "name": asking.full_name(one)} for one in found["items"]]
    return Response(render_template("people.html", items=items, cursor=found["next"]))


@pages.get("/people/new")
@public
def new() -> Response:
    """An empty form."""
    require("manager", "hr")
    return Response(render_template("person_new.html", form=Form()))


@pages.post("/people/new")
@public
def register() -> Response:
    """Register somebody in the own cluster."""
    person = require("manager", "hr")
    form = asking.checked_form()
    body: dict[str, Any] = {name: text for name, text in form.items() if text}
    try:
        made = asking.send("POST", "directory", "people", {"cluster_id": person.cluster_id, **body})
    except Refused as error:
        return Response(render_template("person_new.html", form=refused(form, error)), 422)
    return asking.go_to(f"/people/{made['id']}?new=1")


@pages.get("/people/<person_id>")
@public
def one(person_id: str) -> Response:
    """One person with employments and consents."""
    require("hr", "manager")
    found = asking.get("directory", f"people/{person_id}")
    employments = asking.get("directory", "employments", person=person_id, limit=100)["items"]
    consents = asking.get("directory", "consents", person=person_id, limit=100)["items"]
    organisations = _organisations(
        [*asking.ids_of(employments, "organisation_id"), *asking.ids_of(consents, "organisation_id")]
    )
    page = render_template(
        "person.html",
        person={**found, "name": asking.full_name(found) or found["id"]},
        employments=employments,
        consents=consents,
        organisations=organisations,
        said=_("Registered.") if request.args.get("new") else "",
    )
    return Response(page)


def _organisations(ids: list[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for organisation_id in dict.fromkeys(ids[:10]):
        names[organisation_id] = asking.get("directory", f"organisations/{organisation_id}")["legal_name"]
    return names
