"""Routes of people, their names, and the caller's own record."""

from typing import Any

from services.directory_service.actions.people import Me
from services.directory_service.api.parts import ANYBODY, Parts, actor_of, page, reply, show
from services.directory_service.domain.criteria import PersonCriteria
from services.directory_service.domain.person import Person
from services.directory_service.schemas import (
    MergeBody,
    MeView,
    NamesBody,
    NamesView,
    PersonBody,
    PersonPatch,
    PersonPut,
    PersonQuery,
    PersonReceipt,
    PersonView,
)
from shared.auth.caller import Caller
from shared.http.door import Call, Door, Reply

_READ, _WRITE = "directory:read", "directory:write"


def add(door: Door, parts: Parts) -> None:
    """Declare them."""
    _add_reading(door, parts)
    _add_writing(door, parts)
    _add_me(door, parts)


def _add_reading(door: Door, parts: Parts) -> None:
    @door.get("/v1/people", scope=_READ, query=PersonQuery, returns=PersonView, paged=True)
    def list_people(call: Call) -> Reply:
        found = parts.reading().people.page(actor_of(call), PersonCriteria(**call.query), call.after, call.limit)
        return Reply(page(call, "people", found))

    @door.get("/v1/people/<person_id>", scope=_READ, returns=PersonView)
    def get_person(call: Call, person_id: str) -> Reply:
        """One person; the id of a merged record answers with the person it was merged into."""
        return reply("people", parts.reading().people.get(actor_of(call), person_id))

    @door.post("/v1/people/names", scope="directory:names", body=NamesBody, returns=NamesView, status=200, plain=True)
    def read_names(call: Call) -> Reply:
        """Names for ids, for our own workers. An erased or unknown person is an answer, not an error."""
        return Reply({"items": [_name(*pair) for pair in parts.reading().people.names(call.body["person_ids"])]})


def _add_writing(door: Door, parts: Parts) -> None:
    @door.post("/v1/people", scope=_WRITE, body=PersonBody, returns=PersonReceipt)
    def register_person(call: Call) -> Reply:
        return reply("people", parts.writing(call.uow).people.register(actor_of(call), dict(call.body)), made=True)

    @door.put(
        "/v1/people/by-external-id/<external_id>",
        scope=_WRITE,
        body=PersonPut,
        returns=PersonReceipt,
        if_match="honoured",
    )
    def put_person(call: Call, external_id: str) -> Reply:
        """Make or update the person whom the partner's own number names (201 or 200)."""
        people = parts.writing(call.uow).people
        person, made = people.put(actor_of(call), external_id, dict(call.body), call.if_match)
        return reply("people", person, made=made)

    @door.patch("/v1/people/<person_id>", scope=_WRITE, body=PersonPatch, returns=PersonReceipt)
    def change_person(call: Call, person_id: str) -> Reply:
        people = parts.writing(call.uow).people
        return reply("people", people.change(actor_of(call), person_id, call.body, call.if_match))

    @door.post("/v1/people/<person_id>/merge", scope=_WRITE, body=MergeBody, returns=PersonReceipt, status=200)
    def merge_person(call: Call, person_id: str) -> Reply:
        """Two records were one person: from now on this id answers with the other one."""
        people = parts.writing(call.uow).people
        return reply("people", people.merge(actor_of(call), person_id, call.body["into_person_id"]))


def _add_me(door: Door, parts: Parts) -> None:
    @door.get("/v1/me", scope=ANYBODY, returns=MeView)
    def read_me(call: Call) -> Reply:
        return Reply(_me(call.who, parts.reading().people.me(actor_of(call))))

    @door.post("/v1/me/erase", scope=ANYBODY, returns=PersonReceipt, status=200)
    def erase_me(call: Call) -> Reply:
        """Destroy the caller's personal data in all services. This cannot be undone."""
        return reply("people", parts.writing(call.uow).people.erase_me(actor_of(call)))


def _me(who: Caller, me: Me) -> dict[str, Any]:
    return {
        "subject": who.subject,
        "person_id": who.person_id,
        "cluster_id": who.cluster_id,
        "organisation_ids": sorted(who.organisation_ids),
        "roles": sorted(who.roles),
        "scopes": sorted(who.scopes),
        "person": None if me.person is None else show("people", me.person),
        "employments": [show("employments", job) for job in me.employments],
        "consents": [show("consents", consent) for consent in me.consents],
    }


def _name(person_id: str, person: Person | None) -> dict[str, Any]:
    return {
        "person_id": person_id,
        "given_name": person.given_name if person else None,
        "family_name": person.family_name if person else None,
        "erased": person is not None and person.erased,
        "known": person is not None,
    }
