"""Routes of organisations and memberships."""

from typing import Any

from services.directory_service.api.parts import Parts, actor_of, page, renamed, reply
from services.directory_service.domain.organisation import Organisation
from services.directory_service.schemas import (
    EndBody,
    MembershipBody,
    MembershipQuery,
    MembershipView,
    OrganisationBody,
    OrganisationPatch,
    OrganisationQuery,
    OrganisationView,
)
from shared.http.door import Call, Door, Reply

_READ, _WRITE = "directory:read", "directory:write"


def add(door: Door, parts: Parts) -> None:
    """Declare them."""
    _add_organisations(door, parts)
    _add_suspension(door, parts)
    _add_memberships(door, parts)


def _add_organisations(door: Door, parts: Parts) -> None:
    @door.post("/v1/organisations", scope=_WRITE, body=OrganisationBody, returns=OrganisationView)
    def register_organisation(call: Call) -> Reply:
        return _organisation(parts.writing(call.uow).organisations.register(actor_of(call), call.body), made=True)

    @door.get("/v1/organisations", scope=_READ, query=OrganisationQuery, returns=OrganisationView, paged=True)
    def list_organisations(call: Call) -> Reply:
        filters = renamed(call.query, cluster="cluster_id")
        found = parts.reading().organisations.page(filters, call.after, call.limit)
        return Reply(page(call, "organisations", found, _size))

    @door.get("/v1/organisations/<organisation_id>", scope=_READ, returns=OrganisationView)
    def get_organisation(_call: Call, organisation_id: str) -> Reply:
        return _organisation(parts.reading().organisations.get(organisation_id))

    @door.patch("/v1/organisations/<organisation_id>", scope=_WRITE, body=OrganisationPatch, returns=OrganisationView)
    def change_organisation(call: Call, organisation_id: str) -> Reply:
        actions = parts.writing(call.uow).organisations
        return _organisation(actions.change(actor_of(call), organisation_id, call.body, call.if_match))


def _add_suspension(door: Door, parts: Parts) -> None:
    base = "/v1/organisations/<organisation_id>"

    @door.post(f"{base}/suspend", scope=_WRITE, returns=OrganisationView, status=200, if_match="honoured")
    def suspend_organisation(call: Call, organisation_id: str) -> Reply:
        actions = parts.writing(call.uow).organisations
        return _organisation(actions.suspend(actor_of(call), organisation_id, call.if_match))

    @door.post(f"{base}/reinstate", scope=_WRITE, returns=OrganisationView, status=200, if_match="honoured")
    def reinstate_organisation(call: Call, organisation_id: str) -> Reply:
        actions = parts.writing(call.uow).organisations
        return _organisation(actions.reinstate(actor_of(call), organisation_id, call.if_match))


def _add_memberships(door: Door, parts: Parts) -> None:
    @door.post("/v1/memberships", scope=_WRITE, body=MembershipBody, returns=MembershipView)
    def start_membership(call: Call) -> Reply:
        made = parts.writing(call.uow).memberships.start(actor_of(call), call.body)
        return reply("memberships", made, made=True)

    @door.get("/v1/memberships", scope=_READ, query=MembershipQuery, returns=MembershipView, paged=True)
    def list_memberships(call: Call) -> Reply:
        filters = renamed(call.query, organisation="organisation_id", group="group_id")
        found = parts.reading().memberships.page(actor_of(call), filters, call.after, call.limit)
        return Reply(page(call, "memberships", found))

    @door.get("/v1/memberships/<membership_id>", scope=_READ, returns=MembershipView)
    def get_membership(call: Call, membership_id: str) -> Reply:
        return reply("memberships", parts.reading().memberships.get(actor_of(call), membership_id))

    @door.patch("/v1/memberships/<membership_id>", scope=_WRITE, body=EndBody, returns=MembershipView)
    def end_membership(call: Call, membership_id: str) -> Reply:
        actions = parts.writing(call.uow).memberships
        day = call.body["valid_until"]
        return reply("memberships", actions.end(actor_of(call), membership_id, day, call.if_match))


def _organisation(organisation: Organisation, *, made: bool = False) -> Reply:
    return reply("organisations", organisation, made=made, **_size(organisation))


def _size(organisation: Organisation) -> dict[str, Any]:
    return {"size_class": organisation.size_class}
