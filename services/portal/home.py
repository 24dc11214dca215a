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
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One card. `number` is words when there are more than were counted, or when nobody knows."""

    number: str
    label: LazyString
    hint: LazyString
    href: str


def waiting() -> list[Waiting]:
    """A card for each thing that the visitor's roles look after. What cannot be counted now is shown without a number."""
    roles = set(visitor().roles)
    try:
        bearer()
    except SignInNeeded:
        return []
    return [_card(*row[1:]) for row in _TABLE if row[0] & roles]


def _card(label: LazyString, hint: LazyString, href: str, count: Callable[[], int]) -> Waiting:
    try:
        number = count()
    except ServiceError as error:
        log.warning("not_counted", page=href, error=error.error_code)
        return Waiting("–", label, hint, href)
    return Waiting(str(number) if number < _MOST else f"{_MOST}+", label, hint, href)


def _enrolments(**query: Any) -> int:
    return len(asking.get("enrolment", "enrolments", limit=_MOST, **query)["items"])


def _own(**query: Any) -> int:
    person = visitor().person
    return _enrolments(person_id=person.person_id if person else None, **query)


def _sessions(status: str) -> int:
    person = visitor().person
    cluster = person.cluster_id if person else None
    return len(asking.get("catalog", "sessions", cluster=cluster, status=status, limit=_MOST)["items"])


def _dead_letters() -> int:
    return sum(int(asking.get(service, f"{service}/operations/lag")["dead"]) for service in runtime().platform.services)


_TABLE: Final[tuple[tuple[set[str], LazyString, LazyString, str, Callable[[], int]], ...]] = (
    (
        {"worker"},
        _l("Seats offered to you"),
        _l("Accept before the offer ends"),
        "/learning",
        lambda: _own(status="offered"),
    ),
    (
        {"worker"},
        _l("Courses with a seat"),
        _l("Your next sessions"),
        "/learning",
        lambda: _own(status="confirmed"),
    ),
    (
        {"hr", "manager"},
        _l("Applications to decide"),
        _l("Approve or reject them"),
        "/approvals",
        lambda: _enrolments(status="applied"),
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
