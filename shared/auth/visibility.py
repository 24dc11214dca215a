"""Who sees what of an enrolment or a certificate: the one table, kept in docs/tenants.md, as code.

| who | sees |
|---|---|
| the worker | their own, whole |
| home cluster's partner portal or manager | everything of the cluster's people, whole |
| employer's HR (active employment and consent) | the whole enrolment or certificate |
| host cluster's trainer | name, status, attendance, result in sessions of the cluster |
| anyone else | nothing: 404 |
"""

from dataclasses import dataclass
from typing import Final

from shared.auth.caller import Caller

MANAGER: Final = "manager"
TRAINER: Final = "trainer"
HR: Final = "hr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the table asks about one enrolment or certificate. `employer_may_see`: employed there now, and consented."""

    person_id: str
    home_cluster_id: str
    employer_id: str | None
    employer_may_see: bool


def is_cluster_wide(caller: Caller) -> bool:
    """A partner portal's own client (a program that stands for no organisation), or the cluster's manager."""
    portal = caller.person_id is None and not caller.organisation_ids
    return caller.cluster_id is not None and (portal or MANAGER in caller.roles)


def acting_employers(caller: Caller) -> frozenset[str]:
    """The employers for which HR acts in this request: the picked one, or all of the token."""
    if HR not in caller.roles:
        return frozenset()
    return frozenset({caller.acting_organisation}) if caller.acting_organisation else caller.organisation_ids


def sees_whole(caller: Caller, facts: Facts) -> bool:
    """Whether the caller may see this one as a whole."""
    if caller.person_id is not None and caller.person_id == facts.person_id:
        return True
    if is_cluster_wide(caller) and caller.cluster_id == facts.home_cluster_id:
        return True
    return facts.employer_may_see and facts.employer_id in acting_employers(caller)


def may_teach(caller: Caller, host_cluster_id: str) -> bool:
    """Whether the caller may keep rosters of this cluster's sessions."""
    if caller.cluster_id != host_cluster_id:
        return False
    return caller.person_id is None or not caller.roles.isdisjoint({TRAINER, MANAGER})
