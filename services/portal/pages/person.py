"""One person: what is known, and what is done with the record. Each act has a page that says its consequences."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from services.portal import asking, faults, languages, menu, states
from services.portal.forms import Form, Mistake, refused
from services.portal.languages import _, _l, best_text
from services.portal.platform import Refused
from services.portal.runtime import runtime
from services.portal.visitors import require, visitor
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("person", __name__)
_ALL: Final = "employments,consents"
_SAID: Final = {
    "registered": _l("Registered."),
    "changed": _l("Changed."),
    "employed": _l("The employment was added."),
    "ended": _l("The employment was ended."),
    "given": _l("The consent was recorded."),
    "withdrawn": _l("The consent was taken back."),
    "merged": _l("The two records are one now."),
    "erased": _l("The personal data was erased."),
    "invited": _l("Invited. Give the link below to the person."),
    "uninvited": _l("The invitation was taken back."),
}
_ROLES: Final = {"manager": ("worker", "trainer", "hr", "reviewer", "manager"), "hr": ("worker", "trainer", "hr")}
_Try = Callable[[], str]


@pages.get("/people/<person_id>")
@public
def one(person_id: str) -> Response:
    """The person with employments, consents and invitations."""
    require("hr", "manager")
    return _one(person_id, Form(), _SAID.get(request.args.get("said", ""), ""))


def _one(person_id: str, form: Form, said: Any = "", status: int = 200) -> Response:
    person = _person(person_id)
    invitations = asking.get("directory", "invitations", person=person["id"], limit=20)["items"]
    page = render_template(
        "person.html",
        person=person,
        form=form,
        said=said,
        employments=[{**job, "state": states.show(states.EMPLOYMENT, _time_of(job))} for job in person["employments"]],
        consents=[{**one, "state": states.show(states.CONSENT, one["status"])} for one in person["consents"]],
        invitations=[{**one, "state": states.show(states.INVITATION, one["status"])} for one in invitations],
        registered=person["status"] == "registered",
        manages=_manages(),
        employers=require().organisation_ids,
    )
    return Response(page, status)


# -- changing


@pages.route("/people/<person_id>/change", methods=["GET", "POST"])
@public
def change(person_id: str) -> Response:
    """Another name, mail address or language."""
    require("hr", "manager")
    person = _person(person_id)

    def attempt(typed: Mapping[str, str]) -> str:
        body = {name: typed.get(name) or None for name in ("given_name", "family_name", "email", "language")}
        names = {name: text for name, text in body.items() if text or name in {"email", "language"}}
        asking.send("PATCH", "directory", f"people/{person['id']}", names, version=_version(typed))
        return "changed"

    kept = {name: person[name] or "" for name in ("given_name", "family_name", "email", "language")}
    options = [("", "–"), *languages.spoken(person["language"])]
    return _act("person_change.html", person, attempt, kept, languages_spoken=options)


# -- employments


@pages.route("/people/<person_id>/employments/new", methods=["GET", "POST"])
@public
def employ(person_id: str) -> Response:
    """Let the person work for a company."""
    require("hr", "manager")
    person = _person(person_id)

    def attempt(typed: Mapping[str, str]) -> str:
        given = {name: typed[name] for name in ("organisation_id", "valid_from", "valid_until") if typed.get(name)}
        asking.send("POST", "directory", "employments", {"person_id": person["id"], **given})
        return "employed"

    return _act("person_employ.html", person, attempt, {"valid_from": _today()}, employers=asking.employers())


@pages.route("/people/<person_id>/employments/<employment_id>/end", methods=["GET", "POST"])
@public
def end(person_id: str, employment_id: str) -> Response:
    """Let an employment end on a day."""
    require("hr", "manager")
    person = _person(person_id)
    job = _of(person["employments"], employment_id)

    def attempt(typed: Mapping[str, str]) -> str:
        body = {"valid_until": typed.get("valid_until")}
        asking.send("PATCH", "directory", f"employments/{employment_id}", body, version=_version(typed))
        return "ended"

    return _act("person_end_job.html", person, attempt, {"valid_until": _today()}, job=job)


# -- consents


@pages.route("/people/<person_id>/consents/new", methods=["GET", "POST"])
@public
def consent(person_id: str) -> Response:
    """Record what the person said: whom they let see their results, how and when they said so, and to which text."""
    require("manager")
    person = _person(person_id)
    text = _consent_text(person["cluster_id"])

    def attempt(typed: Mapping[str, str]) -> str:
        missing = [Mistake(name, _("This field is required.")) for name in ("how", "stated_on") if not typed.get(name)]
        if missing:
            raise _Missing(missing)
        given = {name: typed[name] for name in ("organisation_id", "how", "stated_on") if typed.get(name)}
        version = {"text_version": text["text_version"]} if text else {}
        asking.send("POST", "directory", "consents", {"person_id": person["id"], **given, **version})
        return "given"

    employers = list({job["organisation_id"]: job["organisation_name"] for job in person["employments"]}.items())
    return _act("person_consent.html", person, attempt, {"stated_on": _today()}, employers=employers, text=text)


@pages.post("/people/<person_id>/consents/<consent_id>/withdraw")
@public
def withdraw(person_id: str, consent_id: str) -> Response:
    """The person takes it back."""
    require("manager")
    return _step(person_id, f"consents/{consent_id}/withdraw", "withdrawn")


# -- merging and erasing


@pages.route("/people/<person_id>/merge", methods=["GET", "POST"])
@public
def merge(person_id: str) -> Response:
    """Look for the other record of the same person; then show both and what happens."""
    require("manager")
    other = request.values.get("into", "")
    return _merge_two(person_id, other) if other else _look_for_other(person_id)


def _look_for_other(person_id: str) -> Response:
    person = _person(person_id)
    query = request.args.get("q", person["name"]).strip()
    found: list[Any] = []
    if len(query) > 1:
        asked = {"q": query[:200], "status": "registered", "include": "employments", "limit": 20}
        found = asking.get("directory", "people", **asked)["items"]
    others = [{**one, "name": asking.full_name(one)} for one in found if one["id"] != person["id"]]
    return Response(render_template("person_merge_find.html", person=person, query=query, others=others))


def _merge_two(person_id: str, other_id: str) -> Response:
    both = asking.by_id("directory", "people", [person_id, other_id], include=_ALL)
    if set(both) != {person_id, other_id}:
        raise NotFound("One of the two records is not there, or not for this visitor.")
    person, other = ({**both[i], "name": asking.full_name(both[i])} for i in (person_id, other_id))

    def attempt(_typed: Mapping[str, str]) -> str:
        asking.send("POST", "directory", f"people/{person_id}/merge", {"into_person_id": other_id})
        return "merged"

    return _act("person_merge.html", person, attempt, {}, to=other_id, other=other)


@pages.route("/people/<person_id>/erase", methods=["GET", "POST"])
@public
def erase(person_id: str) -> Response:
    """Destroy the personal data of somebody who asked for it."""
    require("manager")
    person = _person(person_id)

    def attempt(typed: Mapping[str, str]) -> str:
        if not typed.get("sure"):
            raise _Missing([Mistake("sure", _("Confirm that the person asked for it."))])
        asking.send("POST", "directory", f"people/{person['id']}/erase", version=_version(typed))
        return "erased"

    return _act("person_erase.html", person, attempt, {})


# -- signing in


@pages.route("/people/<person_id>/invite", methods=["GET", "POST"])
@public
def invite(person_id: str) -> Response:
    """Let the person sign in: the answer is a link for them."""
    require("hr", "manager")
    person = _person(person_id)
    roles = _ROLES["manager" if _manages() else "hr"]

    def attempt(typed: Mapping[str, str]) -> str:
        organisations = [typed["organisation_id"]] if typed.get("organisation_id") else []
        body = {"person_id": person["id"], "role": typed.get("role", ""), "organisation_ids": organisations}
        asking.send("POST", "directory", "invitations", body)
        return "invited"

    current = next((job["organisation_id"] for job in person["employments"] if asking.holds(job)), "")
    return _act(
        "person_invite.html",
        person,
        attempt,
        {"role": "worker", "organisation_id": "" if _manages() else current},
        roles=[(role, menu.ROLE_NAMES[role]) for role in roles],
        employers=asking.employers(),
    )


@pages.post("/people/<person_id>/invitations/<invitation_id>/withdraw")
@public
def uninvite(person_id: str, invitation_id: str) -> Response:
    """Take an invitation back."""
    require("hr", "manager")
    return _step(person_id, f"invitations/{invitation_id}/withdraw", "uninvited")


# -- parts


class _Missing(Exception):
    """A form lacks what only the page asks for."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes


def _act(
    template: str,
    person: Mapping[str, Any],
    attempt: Callable[[Mapping[str, str]], str],
    first: Mapping[str, str],
    *,
    to: str = "",
    **more: Any,
) -> Response:
    """Show a form with `first`; or try what was typed and go to the person, else show it again with its mistakes."""

    def shown(form: Form, status: int = 200) -> Response:
        return Response(render_template(template, person=person, form=form, **more), status)

    if request.method == "GET":
        return shown(Form(first))
    typed = asking.checked_form()
    try:
        said = attempt(typed)
    except _Missing as error:
        return shown(Form(typed, error.mistakes), 422)
    except Refused as error:
        return shown(refused(typed, error, {"organisation_ids": "organisation_id"}), error.status)
    return asking.go_to(f"/people/{to or person['id']}?said={said}")


def _step(person_id: str, path: str, said: str) -> Response:
    """A button's act; a refusal is shown on the person's page."""
    asking.checked_form()
    try:
        asking.send("POST", "directory", path)
    except Refused as error:
        return _one(person_id, Form({}, [Mistake("", faults.sentence(error.error_code, error.detail))]), "", 409)
    return asking.go_to(f"/people/{person_id}?said={said}")


def _person(person_id: str) -> dict[str, Any]:
    found = asking.get("directory", f"people/{person_id}", include=_ALL)
    return {**found, "name": asking.full_name(found), "state": states.show(states.PERSON, found["status"])}


def _of(things: list[Any], thing_id: str) -> Any:
    found = next((one for one in things if one["id"] == thing_id), None)
    if found is None:
        raise NotFound("This person has no such employment.")
    return found


def _time_of(job: Mapping[str, Any]) -> str:
    if asking.holds(job):
        return "current"
    return "future" if job["valid_from"] > _today() else "past"


def _consent_text(cluster_id: str) -> Any:
    """The newest text that people of this cluster consent to, in the visitor's language if there is one."""
    settings = asking.get("directory", f"portals/{cluster_id}")
    texts = [one for one in settings["consent_texts"] if one["purpose"] == "share_results"]
    newest = max((one["text_version"] for one in texts), default="")
    by_language = {one["language"]: one["text"] for one in texts if one["text_version"] == newest}
    if not by_language:
        return None
    return {"text": best_text(by_language, settings["default_language"]), "text_version": newest}


def _manages() -> bool:
    return "manager" in visitor().roles


def _today() -> str:
    return runtime().now().date().isoformat()


def _version(typed: Mapping[str, str]) -> int:
    text = typed.get("version", "")
    return int(text) if text.isdigit() and len(text) < 10 else 0
