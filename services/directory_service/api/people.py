"""Routes of people, their names, and the caller's own record."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from services.directory_service.actions.people import Me
from services.directory_service.api.parts import Parts, actor_of, page, reply, show
from services.directory_service.domain.access import Actor
from services.directory_service.domain.criteria import PersonCriteria
from services.directory_service.domain.person import Person
from services.directory_service.domain.relations import Consent, Employment
from services.directory_service.schemas import (
    MergeBody,
    MeView,
    NamesBody,
    NamesView,
    OnePersonQuery,
    PersonBody,
    PersonDetail,
    PersonPatch,
    PersonPut,
    PersonQuery,
    PersonReceipt,
)
from shared.auth.caller import Caller
from shared.http.door import Call, Door, Reply
from shared.http.scopes import ANYBODY
from shared.wiring.reads import PersonalReadView, reads_reply

ZIP = "application/zip"
_MOST_READS = 10_000
_READ, _WRITE = "directory:read", "directory:write"


def add(door: Door, parts: Parts) -> None:
    """Declare them."""
    _add_reading(door, parts)
    _add_writing(door, parts)
    _add_erasing(door, parts)
    _add_me(door, parts)


def _add_reading(door: Door, parts: Parts) -> None:
    @door.get("/v1/people", scope=_READ, query=PersonQuery, returns=PersonDetail, paged=True, personal="id")
    def list_people(call: Call) -> Reply:
        """People by id; with `q` by name, the most alike first, in one page. Accents and small errors are forgiven."""
        wanted, actor = dict(call.query), actor_of(call)
        people, ids, include = parts.reading().people, wanted.pop("ids", None), wanted.pop("include", ())
        page_of = partial(people.page, actor, PersonCriteria(**wanted), call.after, call.limit)
        found = people.by_ids(actor, ids) if ids else page_of()
        beside = _beside(parts, actor, found, include)
        if ids or "q" in wanted:
            return Reply(call.page([show("people", person, **beside(person)) for person in found]))
        return Reply(page(call, "people", found, beside))

    @door.get("/v1/people/<person_id>", scope=_READ, query=OnePersonQuery, returns=PersonDetail, personal="id")
    def get_person(call: Call, person_id: str) -> Reply:
        """One person; the id of a merged record answers with the person it was merged into."""
        actor = actor_of(call)
        found = parts.reading().people.get(actor, person_id)
        return reply("people", found, **_beside(parts, actor, [found], call.query.get("include", ()))(found))

    @door.post(
        "/v1/people/names",
        scope="directory:names",
        body=NamesBody,
        returns=NamesView,
        status=200,
        plain=True,
        personal="person_id",
    )
    def read_names(call: Call) -> Reply:
        """Names for ids, for our own workers. An erased or unknown person is an answer, not an error."""
        return Reply({"items": [_name(*pair) for pair in parts.reading().people.names(call.body["person_ids"])]})


def _add_writing(door: Door, parts: Parts) -> None:
    @door.post("/v1/people", scope=_WRITE, body=PersonBody, returns=PersonReceipt)
    def register_person(call: Call) -> Reply:
        """Register a person. The answer holds no personal data."""
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
        """Change personal data; a field that is absent stays."""
        people = parts.writing(call.uow).people
        return reply("people", people.change(actor_of(call), person_id, call.body, call.if_match))

    @door.post("/v1/people/<person_id>/merge", scope=_WRITE, body=MergeBody, returns=PersonReceipt, status=200)
    def merge_person(call: Call, person_id: str) -> Reply:
        """Two records were one person: from now on this id answers with the other one."""
        people = parts.writing(call.uow).people
        return reply("people", people.merge(actor_of(call), person_id, call.body["into_person_id"]))


def _add_erasing(door: Door, parts: Parts) -> None:
    @door.post(
        "/v1/people/<person_id>/erase",
        scope=_WRITE,
        returns=PersonReceipt,
        status=200,
        if_match="honoured",
        errors=(403, 503),
    )
    def erase_person(call: Call, person_id: str) -> Reply:
        """Destroy the data of a person who asked for it and has no login. For managers; this cannot be undone."""
        people = parts.writing(call.uow).people
        return reply("people", people.erase(actor_of(call), person_id, call.if_match))


def _add_me(door: Door, parts: Parts) -> None:
    @door.get("/v1/me", scope=ANYBODY, returns=MeView)
    def read_me(call: Call) -> Reply:
        """Who the caller is: roles, scopes, organisations, and what the directory holds of their person."""
        return Reply(_me(call.who, parts.reading().people.me(actor_of(call))))

    @door.get("/v1/me/export", scope=ANYBODY, produces=(ZIP,))
    def export_me(call: Call) -> Reply:
        """All that the platform holds of the caller, of every service, as one ZIP with a receipt."""
        actions, actor = parts.reading(), actor_of(call)
        records, shown = actions.people.records_of(actor), _me(call.who, actions.people.me(actor))
        reads = [PersonalReadView().dump(row) for row in parts.reads.of(records, None, _MOST_READS)]
        archive = actions.exports.archive(records, shown, reads)
        name = {"Content-Disposition": 'attachment; filename="my-data.zip"', "Cache-Control": "no-store"}
        return Reply(archive, media_type=ZIP, headers=name)

    @door.get("/v1/me/audit", scope=ANYBODY, returns=PersonalReadView, paged=True)
    def read_my_audit(call: Call) -> Reply:
        """Who read the caller's personal data in the directory, the newest first.

        Each service has the same list of its own: `GET /v1/{service}/personal-reads`.
        """
        return reads_reply(call, parts.reads, parts.reading().people.records_of(actor_of(call)))

    @door.post("/v1/me/erase", scope=ANYBODY, returns=PersonReceipt, status=200)
    def erase_me(call: Call) -> Reply:
        """Destroy the caller's personal data in all services. This cannot be undone."""
        return reply("people", parts.writing(call.uow).people.erase_me(actor_of(call)))


def _beside(
    parts: Parts, actor: Actor, people: Sequence[Person], include: Sequence[str]
) -> Callable[[Person], dict[str, Any]]:
    """What was asked for beside each of these people, with the names of the organisations, by a query for each kind."""
    if not include:
        return lambda _: {}
    actions, ids = parts.reading(), [person.id for person in people]
    kinds: dict[str, Sequence[Employment | Consent]] = {}
    if "employments" in include:
        kinds["employments"] = actions.employments.of(actor, ids)
    if "consents" in include:
        kinds["consents"] = actions.consents.of(actor, ids)
    names = actions.employments.names(one.organisation_id for kind in kinds.values() for one in kind)

    def named(kind: str, one: Employment | Consent) -> dict[str, Any]:
        return show(kind, one, organisation_name=names[one.organisation_id])

    return lambda person: {
        kind: [named(kind, one) for one in found if one.person_id == person.id] for kind, found in kinds.items()
    }


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
