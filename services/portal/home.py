"""What waits for whoever has signed in, on the start page: a number, what it is, and where to go."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask_babel import LazyString

from services.portal import asking
from services.portal.languages import _l
from services.portal.runtime import runtime
from services.portal.visitors import SignInNeeded, bearer, visitor
from shared.errors import ServiceError
from shared.logs import get_logger

_MOST: Final = 100
_MOST_COURSES: Final = 500
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One card. `number` is words when there are more than were counted, or when nobody knows."""

    number: str
    label: LazyString
    hint: LazyString
    href: str


@dataclass(frozen=True, slots=True)
class Step:
    """Something to begin with."""

    text: LazyString
    href: str
    label: LazyString


def waiting() -> list[Waiting]:
    """A card for each thing that the visitor's roles look after. What cannot be counted now is shown without a number."""
    roles = set(visitor().roles)
    try:
        bearer()
    except SignInNeeded:
        return []
    return [_card(*row[1:]) for row in _TABLE if row[0] & roles]


def next_step(cards: list[Waiting]) -> Step | None:
    """What somebody does for whom nothing waits; None when something does, or when nobody can say."""
    if not cards or any(card.number != "0" for card in cards):
        return None
    return next((step for role, step in _STEPS.items() if role in visitor().roles), None)


def _card(label: LazyString, hint: LazyString, href: str, count: Callable[[], int]) -> Waiting:
    href = href.replace("{cluster}", _cluster())
    try:
        number = count()
    except ServiceError as error:
        log.warning("not_counted", page=href, error=error.error_code)
        return Waiting("–", label, hint, href)
    return Waiting(str(number) if number < _MOST else f"{_MOST}+", label, hint, href)


def _enrolments(**query: Any) -> list[asking.Thing]:
    return list(asking.get("enrolment", "enrolments", limit=_MOST, **query)["items"])


def _to_decide() -> int:
    """Applications that wait for an approver; those that wait for the worker's consent cannot be decided."""
    return sum(one["waiting_for"] != "worker" for one in _enrolments(status="applied"))


def _own(**query: Any) -> list[asking.Thing]:
    person = visitor().person
    return _enrolments(person_id=person.person_id if person else None, **query)


def _sessions(status: str) -> int:
    return len(asking.get("catalog", "sessions", cluster=_cluster(), status=status, limit=_MOST)["items"])


def _requests() -> int:
    """Organisations that ask to join the visitor's cluster."""
    found = asking.get("directory", "memberships", group=_cluster(), status="asked", limit=_MOST)["items"]
    return sum(one["asked_by"] == "organisation" for one in found)


def _imports() -> int:
    """The visitor's last imports of people that left rows to mend."""
    found = asking.get("directory", "directory/jobs", kind="people-import", limit=20)["items"]
    return sum(not one["dry_run"] and bool(one["counts"].get("failed")) for one in found)


def in_review() -> list[asking.Thing]:
    """Courses of the visitor's cluster that wait for a reviewer."""
    found = asking.get("catalog", "courses", mine="true", limit=_MOST_COURSES)["items"]
    return [one for one in found if (one.get("draft") or {}).get("status") == "in_review"]


def _cluster() -> str:
    person = visitor().person
    return (person.cluster_id if person else None) or ""


def _dead_letters() -> int:
    return sum(int(asking.get(service, f"{service}/operations/lag")["dead"]) for service in runtime().platform.services)


_TABLE: Final[tuple[tuple[set[str], LazyString, LazyString, str, Callable[[], int]], ...]] = (
    (
        {"worker"},
        _l("Seats offered to you"),
        _l("Accept before the offer ends"),
        "/learning",
        lambda: len(_own(status="offered")),
    ),
    (
        {"worker"},
        _l("Applications that wait for your consent"),
        _l("Your employer applied for you"),
        "/learning",
        lambda: sum(one["waiting_for"] == "worker" for one in _own(status="applied")),
    ),
    (
        {"worker"},
        _l("Courses with a seat"),
        _l("Your next sessions"),
        "/learning",
        lambda: len(_own(status="confirmed")),
    ),
    (
        {"hr", "manager"},
        _l("Applications to decide"),
        _l("Approve or reject them"),
        "/approvals",
        _to_decide,
    ),
    (
        {"hr", "manager"},
        _l("Imports with rows to mend"),
        _l("Download the rows, mend them, import them again"),
        "/people/import#imports",
        _imports,
    ),
    (
        {"manager"},
        _l("Organisations that ask to join"),
        _l("Accept or decline them"),
        "/organisations/{cluster}?state=asked",
        _requests,
    ),
    (
        {"reviewer", "manager"},
        _l("Courses in review"),
        _l("Publish them or return them with reasons"),
        "/reviews",
        lambda: len(in_review()),
    ),
    (
        {"trainer", "manager"},
        _l("Sessions under way"),
        _l("Record attendance and results"),
        "/teaching",
        lambda: _sessions("running"),
    ),
    (
        {"trainer", "manager"},
        _l("Sessions open for enrolment"),
        _l("See who takes part"),
        "/teaching",
        lambda: _sessions("open"),
    ),
    (
        {"operator"},
        _l("Events that could not be applied"),
        _l("Look at each service"),
        "/operations",
        _dead_letters,
    ),
)
_STEPS: Final = {
    "worker": Step(_l("Find a course and apply for a session."), "/courses", _l("Find a course")),
    "hr": Step(_l("Register your people, so that they can be enrolled."), "/people", _l("See the people")),
    "manager": Step(_l("See who belongs to your cluster."), "/organisations", _l("See the organisations")),
    "trainer": Step(_l("Open a session of one of your courses."), "/teaching", _l("See the sessions")),
    "reviewer": Step(
        _l("New courses are shown here when their authors ask for a review."), "/courses", _l("See the courses")
    ),
    "operator": Step(_l("Every event was applied."), "/operations", _l("Look at the services")),
}
