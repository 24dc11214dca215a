"""What pages ask the services, in as few calls as possible: things, and what stands beside their ids."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Response, request

from services.portal.languages import best_text
from services.portal.platform import Refused
from services.portal.runtime import runtime
from services.portal.visitors import bearer, check_form, require, visitor
from shared.errors import NotFound

Thing = Mapping[str, Any]
REFUSALS = (Refused, NotFound)


def get(service: str, path: str, **query: Any) -> Any:
    """As whoever looks at the page; guests ask without a token."""
    token = bearer() if visitor().person else None
    return runtime().platform.get(service, path, token, **query)


def send(method: str, service: str, path: str, body: Any = None, *, version: int | None = None, key: str = "") -> Any:
    """Change something for whoever sent the form: its token is checked, its request key makes a double click one."""
    key = key or request.form.get("request_key", "")
    return runtime().platform.send(method, service, path, bearer(), body, key=key or None, version=version)


def checked_form() -> Mapping[str, str]:
    """What was typed. Forbidden unless the form comes from our page."""
    bearer()
    check_form(request.form.get("form_token", ""))
    return {name: text.strip() for name, text in request.form.items() if name not in {"form_token", "request_key"}}


def go_to(address: str) -> Response:
    """The answer to a form that was taken: the browser asks for this page, and a reload sends nothing again."""
    return Response(status=303, headers={"Location": address})


def by_id(service: str, kind: str, ids: Iterable[str], **more: Any) -> dict[str, Thing]:
    """Things by id, by one call; without those that are not there or not for the asker."""
    wanted = sorted(set(ids))[:100]
    if not wanted:
        return {}
    found = get(service, kind, ids=",".join(wanted), limit=100, **more)
    return {one["id"]: one for one in found["items"]}


def courses(ids: Iterable[str]) -> dict[str, Thing]:
    """Courses by id."""
    return by_id("catalog", "courses", ids)


def sessions(ids: Iterable[str]) -> dict[str, Thing]:
    """Sessions by id."""
    return by_id("catalog", "sessions", ids)


def seats(ids: Iterable[str]) -> dict[str, Thing]:
    """Seat counts by session."""
    return by_id("enrolment", "seats", ids)


def people(ids: Iterable[str]) -> dict[str, str]:
    """Names by person id, for those who may read the directory; the others see none."""
    if not {"hr", "manager"} & set(visitor().roles):
        return {}
    return {i: full_name(one) for i, one in by_id("directory", "people", ids).items()}


def employers() -> list[tuple[str, str]]:
    """Id and name of whose people the visitor looks after: HR's own organisations, the cluster's for its managers."""
    person = require()
    if "manager" in visitor().roles:
        found = get("directory", "organisations", cluster=person.cluster_id, limit=500)["items"]
    else:
        found = by_id("directory", "organisations", person.organisation_ids).values()
    return sorted(((one["id"], one["legal_name"]) for one in found), key=lambda pair: pair[1].casefold())


def holds(period: Thing) -> bool:
    """Whether something with a first and perhaps a last day holds today."""
    today = runtime().now().date().isoformat()
    return bool(period["valid_from"] <= today and (period["valid_until"] is None or today <= period["valid_until"]))


def full_name(person: Thing) -> str:
    """Given and family name, or nothing when the person was erased."""
    return " ".join(part for part in (person.get("given_name"), person.get("family_name")) if part)


def title(course: Thing | None) -> str:
    """A course's title in the visitor's language."""
    return best_text(course["titles"], course["default_language"]) if course else ""


def ids_of(things: Sequence[Thing], name: str) -> list[str]:
    """What the things have under this name."""
    return [one[name] for one in things if one.get(name)]
