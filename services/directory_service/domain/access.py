"""Who may see and change what in the directory. Somebody who may not is told that it does not exist."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from services.directory_service.domain.grant import Grant
from services.directory_service.domain.invitation import ROLES
from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.person import Person
from services.directory_service.domain.program import Program
from services.directory_service.domain.relations import GROUP, ORGANISATION, Consent, Employment, Membership
from shared.errors import Forbidden

Reach = Literal["platform", "cluster", "employer", "self"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody and how far they reach.

    `platform`: the operator, every cluster. `cluster`: a manager or the portal's client, the own cluster. `employer`:
    HR, the people of the own organisations. `self`: everybody else, the own record. All reach their own record.
    """

    reach: Reach
    subject: str
    cluster_id: str | None = None
    person_id: str | None = None
    organisation_ids: frozenset[str] = frozenset()

    @property
    def desk(self) -> bool:
        """Whether they work for a cluster or for the platform."""
        return self.reach in {"platform", "cluster"}

    def of_cluster(self, cluster_id: str | None) -> bool:
        """Whether this is their cluster, or they are of all."""
        return self.reach == "platform" or (cluster_id is not None and cluster_id == self.cluster_id)


def reach_of(scopes: Collection[str], roles: Collection[str], *, program: bool, named: bool = False) -> Reach:
    """How far a token reaches. `program`: it names no person, so it is a portal's own client, or with organisations
    `named` that of an employer's HR system."""
    if "operations" in scopes:
        return "platform"
    if "directory:read" not in scopes and "directory:write" not in scopes:
        return "self"
    if program:
        return "employer" if named else "cluster"
    if "manager" in roles:
        return "cluster"
    return "employer" if "hr" in roles else "self"


def may_register(actor: Actor, organisation: Organisation) -> bool:
    """A cluster registers itself and its own; partnerships and other clusters are the platform's."""
    if organisation.type == "partnership":
        return actor.reach == "platform"
    return may_change_organisation(actor, organisation)


def may_change_organisation(actor: Actor, organisation: Organisation) -> bool:
    """The cluster that registered it, or the platform."""
    return actor.desk and actor.of_cluster(organisation.cluster_id)


def sees_portal(actor: Actor, cluster_id: str) -> bool:
    """All of a cluster's settings: the cluster's portal and managers, and the platform."""
    return actor.desk and actor.of_cluster(cluster_id)


def may_change_portal(actor: Actor, cluster_id: str) -> bool:
    """A cluster's settings: its managers (a portal's key may not), and the platform."""
    return sees_portal(actor, cluster_id) and (actor.reach == "platform" or actor.person_id is not None)


def may_manage_program(actor: Actor, program: Program) -> bool:
    """A cluster's managers, HR of the provider that a key is for, and the platform. No key makes or sees keys."""
    if actor.reach == "platform":
        return True
    if actor.person_id is None or not actor.of_cluster(program.cluster_id):
        return False
    named = set(program.organisation_ids)
    return actor.reach == "cluster" or (actor.reach == "employer" and bool(named) and named <= actor.organisation_ids)


def may_invite(actor: Actor, cluster_id: str, role: str, organisation_ids: Collection[str]) -> bool:
    """Who may let somebody sign in as what: the platform and a cluster's managers to all roles, HR to those of the own
    organisations, a portal's key workers. Operators are made at the identity provider only."""
    if role not in roles_to_invite_to(actor) or not actor.of_cluster(cluster_id):
        return False
    named = set(organisation_ids)
    return actor.reach != "employer" or (bool(named) and named <= actor.organisation_ids)


def roles_to_invite_to(actor: Actor) -> frozenset[str]:
    """To which roles somebody may invite at all; a key to none but worker."""
    if actor.reach == "platform":
        return frozenset(ROLES)
    if actor.reach == "self":
        return frozenset()
    if actor.person_id is None:
        return frozenset({"worker"})
    return frozenset(ROLES if actor.reach == "cluster" else {"worker", "trainer", "hr"})


def speaks_for_organisation(actor: Actor, organisation_id: str, home_id: str | None) -> bool:
    """Its own people (HR), or the cluster that registered it (`home_id`), which also speaks for one without logins."""
    if actor.reach == "employer":
        return organisation_id in actor.organisation_ids
    return actor.desk and actor.of_cluster(home_id)


def sees_figures(actor: Actor, organisation: Organisation) -> bool:
    """Registration number, headcount, turnover and balance sheet; everything else of an organisation is public."""
    return speaks_for_organisation(actor, organisation.id, organisation.cluster_id)


def sees_grant(actor: Actor, grant: Grant) -> bool:
    """Who gave it and whom it was given to, each with the home cluster."""
    return may_change_grant(actor, grant) or (
        grant.grantee_id is not None and speaks_for_organisation(actor, grant.grantee_id, grant.grantee_home_id)
    )


def may_change_grant(actor: Actor, grant: Grant) -> bool:
    """A seal is its owner's to lend."""
    return speaks_for_organisation(actor, grant.organisation_id, grant.home_id)


def sees_person(actor: Actor, person: Person, employers: Iterable[str]) -> bool:
    """`employers` are those with whom the person has a current employment."""
    if actor.person_id == person.id:
        return True
    if actor.reach == "employer":
        return not actor.organisation_ids.isdisjoint(employers)
    return actor.desk and actor.of_cluster(person.cluster_id)


def may_change_person(actor: Actor, person: Person) -> bool:
    """Whoever sees the person, of the person's own cluster: an employer elsewhere in a partnership only reads."""
    return actor.person_id == person.id or actor.of_cluster(person.cluster_id)


def sees_membership(actor: Actor, membership: Membership) -> bool:
    """Both sides, and the cluster that the organisation is of."""
    if actor.reach == "self":
        return False
    sides = {membership.organisation_id, membership.group_id, membership.home_id}
    return actor.reach == "platform" or actor.cluster_id in sides or not sides.isdisjoint(actor.organisation_ids)


def sides_of(actor: Actor, membership: Membership) -> frozenset[str]:
    """For which sides somebody speaks: group, organisation, both or none. For a partnership only the platform does."""
    sides = {
        GROUP: actor.desk and actor.of_cluster(membership.group_id),
        ORGANISATION: speaks_for_organisation(actor, membership.organisation_id, membership.home_id),
    }
    return frozenset(side for side, speaks in sides.items() if speaks)


def sees_employment(actor: Actor, employment: Employment) -> bool:
    """The person, the employer, and the person's cluster."""
    if actor.reach == "employer" and employment.organisation_id in actor.organisation_ids:
        return True
    return actor.person_id == employment.person_id or may_change_employment(actor, employment)


def may_change_employment(actor: Actor, employment: Employment) -> bool:
    """The person's cluster, or HR of this employer."""
    if actor.reach == "employer":
        return actor.of_cluster(employment.cluster_id) and employment.organisation_id in actor.organisation_ids
    return actor.desk and actor.of_cluster(employment.cluster_id)


def sees_consent(actor: Actor, consent: Consent) -> bool:
    """The person, whom it is given to, and the person's cluster."""
    if actor.reach == "employer" and consent.organisation_id in actor.organisation_ids:
        return True
    return speaks_for(actor, consent.person_id, consent.cluster_id)


def speaks_for(actor: Actor, person_id: str, cluster_id: str) -> bool:
    """The person, or the cluster's portal, which passes on what the person said there."""
    return actor.person_id == person_id or (actor.desk and actor.of_cluster(cluster_id))


def require_voice(actor: Actor, person: Person) -> None:
    """Consent is the worker's: an employer cannot give or take it in the worker's name."""
    if not speaks_for(actor, person.id, person.cluster_id):
        raise Forbidden("Only the person, or the cluster's portal on their behalf, decides this.", code="NOT_YOURS")
