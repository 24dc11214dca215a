"""What an operator looks after: whether services work, events that could not be applied, jobs, who did and read what."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from services.portal import asking, faults, states
from services.portal.condition import condition, verdict
from services.portal.everywhere import ask_all, chosen, newest
from services.portal.languages import _, _l
from services.portal.platform import Refused
from services.portal.runtime import runtime
from services.portal.visitors import require
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("operations", __name__)
_LETTERS: Final = 50
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_RELEASES: Final = {"replay", "discard"}
_NO_MORE: Final = 286
"""htmx's own status: do not ask again."""
_JOB_STEPS: Final = {"cancel": _l("The job is being cancelled."), "resume": _l("The job goes on.")}
_JOB_KINDS: Final = {"people-import": _l("Import of people")}
_STEP_WORDS: Final = {
    "replay": _l("Applied again"),
    "discard": _l("Discarded"),
    "cancel": _l("Job cancelled"),
    "resume": _l("Job resumed"),
}
_WHY: Final = {
    "platform": _l("Operates the platform"),
    "cluster": _l("For the cluster"),
    "employer": _l("For the employer"),
    "teaching": _l("Teaches them"),
    "service": _l("A service of the platform"),
    "self": _l("For themselves"),
}


# -- health


@pages.get("/operations")
@public
def overview() -> Response:
    """How the platform is: the verdict, each service, each consumer."""
    require("operator")
    services = chosen("")
    found = ask_all("operations/lag", {service: {} for service in services}).found
    rows = [condition(service, found.get(service), runtime().now()) for service in services]
    return Response(render_template("operations.html", rows=rows, verdict=verdict(rows)))


# -- dead letters


@pages.get("/operations/dead-letters")
@public
def dead_letters() -> Response:
    """The events that could not be applied, of all services or one."""
    require("operator")
    picked, cursor = request.args.get("service", ""), request.args.get("cursor", "")
    services = chosen(picked)
    asked = {"limit": _LETTERS, "cursor": cursor if picked else ""}
    answers = ask_all("operations/dead-letters", dict.fromkeys(services, asked))
    released = request.args.get("released", "")
    page = render_template(
        "dead_letters.html",
        groups=[(service, page["items"], page["next"]) for service, page in answers.found.items() if page["items"]],
        silent=answers.silent,
        services=_named(),
        picked=picked,
        said=_("Events released: %(number)s") % {"number": released} if released.isdigit() else "",
    )
    return Response(page)


@pages.get("/operations/dead-letters/<service>/<letter_id>")
@public
def dead_letter(service: str, letter_id: str) -> Response:
    """One of them: what it says, why it could not be applied, what waits behind it."""
    require("operator")
    return _letter(service, letter_id, "")


@pages.post("/operations/dead-letters/<service>/<letter_id>/<action>")
@public
def release(service: str, letter_id: str, action: str) -> Response:
    """Apply a dead letter again, or drop it."""
    require("operator")
    if action not in _RELEASES or not service:
        raise NotFound("There is no such step.")
    chosen(service)
    asking.checked_form()
    try:
        done = asking.send("POST", service, f"{service}/operations/dead-letters/{letter_id}/{action}")
    except Refused as error:
        return _letter(service, letter_id, faults.sentence(error.error_code, error.detail), 409)
    return asking.go_to(f"/operations/dead-letters?released={done['released']}")


def _letter(service: str, letter_id: str, mistake: str, status: int = 200) -> Response:
    chosen(service)
    letter = asking.get(service, f"{service}/operations/dead-letters/{letter_id}")
    page = render_template(
        "dead_letter.html", service=service, letter=letter, content=_indented(letter["content"]), mistake=mistake
    )
    return Response(page, status)


def _indented(content: str) -> str:
    try:
        return json.dumps(json.loads(content), indent=2, ensure_ascii=False)
    except ValueError:
        return content


# -- jobs


@pages.get("/operations/jobs")
@public
def jobs() -> Response:
    """Long work of all services, the newest first."""
    require("operator")
    picked = {name: request.args.get(name, "") for name in ("service", "state")}
    cursor = request.args.get("cursor", "")
    found = newest("jobs", "created_at", chosen(picked["service"]), cursor, state=picked["state"])
    items = [_shown(job) for job in found.items]
    watches = "HX-Request" in request.headers
    page = render_template(
        "jobs_now.html" if watches else "jobs.html",
        items=items,
        cursor=found.cursor,
        silent=found.silent,
        services=_named(),
        states_picked=[(name, state.word) for name, state in states.JOB.items()],
        picked={name: value for name, value in picked.items() if value},
        said=_JOB_STEPS.get(request.args.get("done", ""), ""),
        mistake=faults.sentence(request.args.get("refused", ""), "") if "refused" in request.args else "",
    )
    return Response(page, _NO_MORE if watches and not any(job["active"] for job in items) else 200)


@pages.post("/operations/jobs/<service>/<job_id>/<action>")
@public
def step_job(service: str, job_id: str, action: str) -> Response:
    """Cancel a job, or let it go on."""
    require("operator")
    if action not in _JOB_STEPS:
        raise NotFound("There is no such step.")
    chosen(service)
    asking.checked_form()
    try:
        asking.send("POST", service, f"{service}/jobs/{job_id}/{action}")
    except Refused as error:  # it has ended by itself meanwhile
        return asking.go_to(f"/operations/jobs?refused={error.error_code}")
    return asking.go_to(f"/operations/jobs?done={action}")


def _shown(job: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **job,
        "kind": _JOB_KINDS.get(job["kind"], job["kind"]),
        "badge": states.show(states.JOB, job["state"]),
        "active": job["state"] in states.JOB_ACTIVE,
        "can_resume": job["state"] in states.JOB_CAN_RESUME,
        "cluster": runtime().partnerships.cluster_name(job["cluster_id"]) or job["cluster_id"],
        "why": faults.sentence(job["problem"].get("code", ""), job["problem"].get("detail", ""))
        if job["problem"]
        else "",
    }


# -- audit


@pages.get("/operations/audit")
@public
def audit() -> Response:
    """What operators did."""
    return _audit("steps", "operations/audit", ("subject", "action"))


@pages.get("/operations/reads")
@public
def reads() -> Response:
    """Who read whose personal data."""
    return _audit("reads", "personal-reads", ("person", "reader"))


def _audit(of: str, path: str, names: tuple[str, ...]) -> Response:
    require("operator")
    picked = {name: request.args.get(name, "").strip() for name in ("service", *names, "from", "to")}
    services = chosen(picked["service"])
    narrowed = {name: picked[name] for name in names} | _days(picked)
    found = newest(path, "at", services, request.args.get("cursor", ""), **narrowed)
    page = render_template(
        "audit.html",
        of=of,
        items=found.items,
        cursor=found.cursor,
        silent=found.silent,
        services=_named(),
        picked={name: value for name, value in picked.items() if value},
        steps=_STEP_WORDS,
        why=_WHY,
    )
    return Response(page)


def _days(picked: Mapping[str, str]) -> dict[str, str]:
    """From the beginning of the one day to the end of the other, in UTC; what is no day is not asked for."""
    ends = {"from": timedelta(), "to": timedelta(days=1)}
    days = {name: _day(picked[name]) for name in ends}
    return {name: f"{day + ends[name]}T00:00:00Z" for name, day in days.items() if day}


def _day(typed: str) -> date | None:
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return None
    return day if _FIRST_YEAR <= day.year < _LAST_YEAR else None


def _named() -> list[tuple[str, str]]:
    """The services as a filter shows them."""
    return [(service, service) for service in chosen("")]
