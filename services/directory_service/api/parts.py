"""What the views share: who calls, the actions of a call, and how things are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO

import msgspec

from services.directory_service.actions import Actions
from services.directory_service.domain.access import Actor, reach_of
from shared.http.door import Call, Page, Reply
from shared.http.reads import PersonalReads
from shared.jobs.store import Jobs
from shared.storage.work import UnitOfWork
from shared.versioned import Versioned


@dataclass(frozen=True, slots=True)
class Parts:
    """`writing` makes the actions of a unit of work, `reading` those of a fresh one.

    `jobs` gives the jobs of a unit of work, None: of a fresh one to read; `open_file` a stored file by its id.
    `secret` and `last_used` ask the identity provider about a program; `token_url` is where programs get tokens.
    `reads` is the list of who read whose data. `public_url` is where people find the pages.
    `invitation_secret` makes the secret of an invitation's link.
    """

    writing: Callable[[UnitOfWork], Actions]
    reading: Callable[[], Actions]
    jobs: Callable[[UnitOfWork | None], Jobs]
    open_file: Callable[[str], BinaryIO]
    secret: Callable[[str], str | None]
    last_used: Callable[[str], datetime | None]
    token_url: str
    public_url: str
    reads: PersonalReads
    invitation_secret: Callable[[str], str]


def actor_of(call: Call) -> Actor:
    """Who calls, in the directory's words. Somebody with several employers may act for one of them."""
    who = call.who
    acting = {who.acting_organisation} if who.acting_organisation else who.organisation_ids
    return Actor(
        reach=reach_of(who.scopes, who.roles, program=who.person_id is None, named=bool(who.organisation_ids)),
        subject=who.subject,
        cluster_id=who.cluster_id,
        person_id=who.person_id,
        organisation_ids=frozenset(acting),
    )


def show(path: str, thing: Versioned, **more: Any) -> dict[str, Any]:
    """A resource as its schema wants it."""
    fields: dict[str, Any] = msgspec.to_builtins(thing, builtin_types=(datetime, date))
    return {**fields, **more, "links": {"self": f"/v1/{path}/{thing.id}"}}


def reply(path: str, thing: Versioned, *, made: bool = False, **more: Any) -> Reply:
    """One resource with its ETag, and its address when it is new."""
    location = f"/v1/{path}/{thing.id}" if made else None
    return Reply(show(path, thing, **more), status=201 if made else None, version=thing.version, location=location)


def page(call: Call, path: str, things: list[Any], more: Callable[[Any], dict[str, Any]] = lambda _: {}) -> Page:
    """A page by id; a full one may be followed by another."""
    last = things[-1].id if len(things) == call.limit else None
    return call.page([show(path, thing, **more(thing)) for thing in things], last)
