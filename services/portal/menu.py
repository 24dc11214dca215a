"""Who finds what in the menu: one table. It holds only pages that exist."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from flask_babel import LazyString

from services.portal.languages import _l

GUEST: Final = "guest"

ROLE_NAMES: Final[dict[str, LazyString]] = {
    "worker": _l("Learner"),
    "trainer": _l("Trainer"),
    "reviewer": _l("Reviewer"),
    "hr": _l("Human resources"),
    "manager": _l("Cluster manager"),
    "operator": _l("Operator"),
    "awarding_officer": _l("Awarding officer"),
    "assessor": _l("Assessor"),
    "host": _l("Host company"),
    "coordinator": _l("Partnership coordinator"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of the menu; no roles: for everybody."""

    path: str
    label: LazyString
    roles: frozenset[str] = frozenset()


_TABLE: Final = (
    Entry("/", _l("Start")),
    Entry("/courses", _l("Courses")),
    Entry("/learning", _l("My learning"), frozenset({"worker"})),
    Entry("/my-data", _l("My data"), frozenset({"worker"})),
    Entry("/reviews", _l("Reviews"), frozenset({"reviewer", "manager"})),
    Entry("/teaching", _l("Teaching"), frozenset({"trainer", "manager"})),
    Entry("/approvals", _l("Approvals"), frozenset({"hr", "manager"})),
    Entry("/people", _l("People"), frozenset({"hr", "manager"})),
    Entry("/organisations", _l("Organisations"), frozenset({"hr", "manager"})),
    Entry("/set-up", _l("Set-up"), frozenset({"manager"})),
    Entry("/staff", _l("Staff and roles"), frozenset({"manager"})),
    Entry("/keys", _l("Keys"), frozenset({"manager"})),
    Entry("/operations", _l("Operations"), frozenset({"operator"})),
    Entry("/verify", _l("Verify a certificate")),
    Entry("/docs", _l("Developers"), frozenset({GUEST, "trainer", "manager", "operator"})),
)


def entries(roles: Iterable[str]) -> list[Entry]:
    """The menu of somebody with these roles; without any they are a guest."""
    held = set(roles) or {GUEST}
    return [entry for entry in _TABLE if not entry.roles or entry.roles & held]
