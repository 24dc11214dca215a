"""Routes of organisations, memberships and grants."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from services.directory_service.actions.organisations import Organisations
from services.directory_service.api.parts import Parts, actor_of, page, reply, show
from services.directory_service.domain import access
from services.directory_service.domain.access import Actor
from services.directory_service.domain.criteria import GrantCriteria, MembershipCriteria, OrganisationCriteria
from services.directory_service.domain.grant import Grant
from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.relations import Membership
from services.directory_service.schemas import (
    EndBody,
    GrantBody,
    GrantQuery,
    GrantView,
    MembershipBody,
    MembershipQuery,
    MembershipView,
    OptionalEndBody,
    OrganisationBody,
    OrganisationPatch,
    OrganisationQuery,
    OrganisationView,
)
from shared.http.door import Call, Door, Reply
from shared.http.scopes import ANYBODY

_READ, _WRITE = "directory:read", "directory:write"
_FIGURES = ("registration_id", "headcount", "turnover_eur", "balance_sheet_eur", "group_linked")


def add(door: Door, parts: Parts) -> None:
    """Declare them."""
    _add_organisations(door, parts)
    _add_suspension(door, parts)
    _add_memberships(door, parts)
    _add_membership_steps(door, parts)
    _add_grants(door, parts)


def _add_organisations(door: Door, parts: Parts) -> None:
    @door.post("/v1/organisations", scope=_WRITE, body=OrganisationBody, returns=OrganisationView)
    def register_organisation(call: Call) -> Reply:
        """Register an organisation in the cluster that it belongs to."""
        actor = actor_of(call)
        return _organisation(parts.writing(call.uow).organisations.register(actor, call.body), actor, made=True)

    @door.get("/v1/organisations", scope=ANYBODY, query=OrganisationQuery, returns=OrganisationView, paged=True)
    def list_organisations(call: Call) -> Reply:
        """Organisations by id; with `q` by name, the most alike first, in one page. Accents and small errors are forgiven.

        What is not public is shown to who is of them or of their cluster.
        """
        wanted, actor = dict(call.query), actor_of(call)
        organisations, ids = parts.reading().organisations, wanted.pop("ids", None)
        if ids or "q" in wanted:
            found = organisations.named(ids) if ids else _page(call, organisations, wanted)
            return Reply(call.page([show("organisations", one, **_shown(one, actor)) for one in found]))
        return Reply(page(call, "organisations", _page(call, organisations, wanted), lambda one: _shown(one, actor)))

    @door.get("/v1/organisations/<organisation_id>", scope=ANYBODY, returns=OrganisationView)
    def get_organisation(call: Call, organisation_id: str) -> Reply:
        """One organisation. Its figures are shown to who is of it or of its cluster."""
        return _organisation(parts.reading().organisations.get(organisation_id), actor_of(call))

    @door.patch("/v1/organisations/<organisation_id>", scope=_WRITE, body=OrganisationPatch, returns=OrganisationView)
    def change_organisation(call: Call, organisation_id: str) -> Reply:
        """Change facts of an organisation; a field that is absent stays."""
        actions, actor = parts.writing(call.uow).organisations, actor_of(call)
        return _organisation(actions.change(actor, organisation_id, call.body, call.if_match), actor)


def _add_suspension(door: Door, parts: Parts) -> None:
    base = "/v1/organisations/<organisation_id>"

    @door.post(f"{base}/suspend", scope=_WRITE, returns=OrganisationView, status=200, if_match="honoured")
    def suspend_organisation(call: Call, organisation_id: str) -> Reply:
        """Suspend it: its courses and seals are of no effect until it is reinstated."""
        actions, actor = parts.writing(call.uow).organisations, actor_of(call)
        return _organisation(actions.suspend(actor, organisation_id, call.if_match), actor)

    @door.post(f"{base}/reinstate", scope=_WRITE, returns=OrganisationView, status=200, if_match="honoured")
    def reinstate_organisation(call: Call, organisation_id: str) -> Reply:
        """End its suspension."""
        actions, actor = parts.writing(call.uow).organisations, actor_of(call)
        return _organisation(actions.reinstate(actor, organisation_id, call.if_match), actor)


def _add_memberships(door: Door, parts: Parts) -> None:
    @door.post("/v1/memberships", scope=_WRITE, body=MembershipBody, returns=MembershipView)
    def ask_membership(call: Call) -> Reply:
        """Ask that an organisation joins a group; it starts when the other side accepts, at once for who is both."""
        made = parts.writing(call.uow).memberships.ask(actor_of(call), call.body)
        return reply("memberships", made, made=True)

    @door.get("/v1/memberships", scope=_READ, query=MembershipQuery, returns=MembershipView, paged=True)
    def list_memberships(call: Call) -> Reply:
        """Memberships in clusters and partnerships, as far as the caller's own sides."""
        wanted, actions = dict(call.query), parts.reading().memberships
        include = wanted.pop("include", ())
        found = actions.page(actor_of(call), MembershipCriteria(**wanted), call.after, call.limit)
        names = actions.names(i for one in found for i in (one.organisation_id, one.group_id)) if include else None
        return Reply(page(call, "memberships", found, partial(_sides, names)))

    @door.get("/v1/memberships/<membership_id>", scope=_READ, returns=MembershipView)
    def get_membership(call: Call, membership_id: str) -> Reply:
        """One membership."""
        return reply("memberships", parts.reading().memberships.get(actor_of(call), membership_id))


def _add_membership_steps(door: Door, parts: Parts) -> None:
    base = "/v1/memberships/<membership_id>"
    action: dict[str, Any] = {"scope": _WRITE, "returns": MembershipView, "status": 200, "if_match": "honoured"}

    @door.post(f"{base}/accept", **action)
    def accept_membership(call: Call, membership_id: str) -> Reply:
        """Agree to what the other side asked for. A home cluster speaks for an organisation without logins."""
        actions = parts.writing(call.uow).memberships
        return reply("memberships", actions.accept(actor_of(call), membership_id, call.if_match))

    @door.post(f"{base}/decline", **action)
    def decline_membership(call: Call, membership_id: str) -> Reply:
        """Do not agree, or take back what was asked for."""
        actions = parts.writing(call.uow).memberships
        return reply("memberships", actions.decline(actor_of(call), membership_id, call.if_match))

    @door.post(f"{base}/end", body=OptionalEndBody, **action)
    def end_membership(call: Call, membership_id: str) -> Reply:
        """End what has started; either side may."""
        return _end(call, membership_id)

    @door.patch(base, scope=_WRITE, body=EndBody, returns=MembershipView)
    def change_membership(call: Call, membership_id: str) -> Reply:
        """The same as `end`, with a day."""
        return _end(call, membership_id)

    def _end(call: Call, membership_id: str) -> Reply:
        actions = parts.writing(call.uow).memberships
        day = call.body.get("valid_until")
        return reply("memberships", actions.end(actor_of(call), membership_id, day, call.if_match))


def _add_grants(door: Door, parts: Parts) -> None:
    @door.post("/v1/awarding-grants", scope=_WRITE, body=GrantBody, returns=GrantView)
    def give_grant(call: Call) -> Reply:
        """Lend an organisation's seal, or its name as provider. Its own people and its home cluster may."""
        made = parts.writing(call.uow).grants.give(actor_of(call), call.body)
        return reply("awarding-grants", made, made=True)

    @door.get("/v1/awarding-grants", scope=_READ, query=GrantQuery, returns=GrantView, paged=True)
    def list_grants(call: Call) -> Reply:
        """Grants that the caller gave or was given; whose courses may carry whose seal or name."""
        wanted, actions = dict(call.query), parts.reading().grants
        include = wanted.pop("include", ())
        found = actions.page(actor_of(call), GrantCriteria(**wanted), call.after, call.limit)
        sides = (i for one in found for i in (one.organisation_id, one.grantee_id) if i)
        names = actions.names(sides) if include else None
        return Reply(page(call, "awarding-grants", found, partial(_grant_sides, names)))

    @door.get("/v1/awarding-grants/<grant_id>", scope=_READ, returns=GrantView)
    def get_grant(call: Call, grant_id: str) -> Reply:
        """One grant."""
        return reply("awarding-grants", parts.reading().grants.get(actor_of(call), grant_id))

    @door.post(
        "/v1/awarding-grants/<grant_id>/withdraw", scope=_WRITE, returns=GrantView, status=200, if_match="honoured"
    )
    def withdraw_grant(call: Call, grant_id: str) -> Reply:
        """Lend it no longer. Certificates that were issued stand; new ones are held back."""
        return reply(
            "awarding-grants", parts.writing(call.uow).grants.withdraw(actor_of(call), grant_id, call.if_match)
        )


def _grant_sides(names: Mapping[str, str] | None, grant: Grant) -> dict[str, Any]:
    """What the two are called, when that was asked for; one that is not known has no name."""
    if names is None:
        return {}
    return {
        "organisation_name": names.get(grant.organisation_id, ""),
        "grantee_name": names.get(grant.grantee_id or ""),
    }


def _page(call: Call, organisations: Organisations, wanted: dict[str, Any]) -> list[Organisation]:
    return organisations.page(OrganisationCriteria(**wanted), call.after, call.limit)


def _sides(names: Mapping[str, str] | None, one: Membership) -> dict[str, Any]:
    """What the two are called, when that was asked for."""
    if names is None:
        return {}
    ids = {"organisation_name": one.organisation_id, "group_name": one.group_id}
    return {field: names[i] for field, i in ids.items() if i in names}


def _organisation(organisation: Organisation, actor: Actor, *, made: bool = False) -> Reply:
    return reply("organisations", organisation, made=made, **_shown(organisation, actor))


def _shown(organisation: Organisation, actor: Actor) -> dict[str, Any]:
    """What is computed, and what this caller must not see: taken out."""
    hidden = {} if access.sees_figures(actor, organisation) else dict.fromkeys(_FIGURES)
    return {"size_class": organisation.size_class, **hidden}
