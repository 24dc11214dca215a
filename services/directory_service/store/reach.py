"""What is asked for, and whom the rules of `access` let see what, as queries: lists leave out the rest unread."""

from collections.abc import Sequence
from typing import Any

from services.directory_service.domain import access
from services.directory_service.domain.access import Actor
from services.directory_service.domain.grant import Grant
from services.directory_service.domain.invitation import Invitation
from services.directory_service.domain.program import Program
from services.directory_service.domain.relations import Membership
from shared.criteria import asked_for
from shared.storage.mongo import Document
from shared.versioned import Versioned

_FIELDS = {
    "cluster": "cluster_id",
    "organisation": "organisation_id",
    "group": "group_id",
    "grantee": "grantee_id",
    "course": "course_id",
    "person": "person_id",
    "acts_for": "organisation_ids",
}


def query_of(criteria: Any) -> Document:
    """Criteria as a query: each filter by the field that holds it."""
    return {_FIELDS.get(name, name): value for name, value in asked_for(criteria).items()}


def reached(kind: type[Versioned], actor: Actor | None) -> Document:
    """Whom `access` lets see things of this kind, as a query."""
    if actor is None or actor.reach == "platform":
        return {}
    if kind is Grant:
        return _any_of(("organisation_id", "grantee_id"), ("home_id", "grantee_home_id"), actor)
    if kind is Membership:
        own = {*actor.organisation_ids, actor.cluster_id} - {None} if actor.reach != "self" else set()
        return {"$or": [{name: {"$in": sorted(own)}} for name in ("group_id", "organisation_id", "home_id")]}
    if actor.reach == "self" and kind not in {Program, Invitation}:
        return {"person_id": actor.person_id}
    if kind in {Program, Invitation}:
        return _managed(kind, actor)
    if actor.reach == "cluster":
        return {"cluster_id": actor.cluster_id}
    return {"organisation_id": {"$in": sorted(actor.organisation_ids)}}


def _managed(kind: type[Versioned], actor: Actor) -> Document:
    """Keys and invitations of the own cluster, for HR of the own organisations; a key sees no keys.

    Of invitations those to which `access.may_invite` lets the caller invite: a list tells the links of open ones.
    """
    if actor.reach == "self" or (kind is Program and actor.person_id is None):
        return {"_id": None}
    query: Document = {"cluster_id": actor.cluster_id}
    if actor.reach == "employer":
        own = sorted(actor.organisation_ids)
        query["organisation_ids"] = {"$in": own}
        if kind is Invitation:
            query["organisation_ids"] |= {"$not": {"$elemMatch": {"$nin": own}}}
    if kind is Invitation:
        query["role"] = {"$in": sorted(access.roles_to_invite_to(actor))}
    return query


def _any_of(organisations: Sequence[str], homes: Sequence[str], actor: Actor) -> Document:
    """One of these fields names an organisation of the actor's, or for a cluster's staff their cluster."""
    if actor.reach == "cluster":
        return {"$or": [{name: actor.cluster_id} for name in homes]}
    own = sorted(actor.organisation_ids) if actor.reach == "employer" else []
    return {"$or": [{name: {"$in": own}} for name in organisations]}
