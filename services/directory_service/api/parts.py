"""What the views share: who calls, the actions of a call, and how things are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, BinaryIO

import msgspec

from services.directory_service.actions import Actions
from services.directory_service.domain.access import Actor, reach_of
from services.directory_service.domain.kept import Kept
from shared.http.door import Call, Page, Reply
from shared.jobs.store import Jobs
from shared.storage.work import UnitOfWork

# Whoever can sign in has one of these.
ANYBODY = ("enrolment:read", "teaching:write", "catalog:write", "catalog:review", "directory:read", "operations")


@dataclass(frozen=True, slots=True)
class Parts:
    """`writing` makes the actions of a unit of work, `reading` those of a fresh one.

    `jobs` gives the jobs of a unit of work, None: of a fresh one to read; `open_file` a stored file by its id.
    """

    writing: Callable[[UnitOfWork], Actions]
    reading: Callable[[], Actions]
    jobs: Callable[[UnitOfWork | None], Jobs]
    open_file: Callable[[str], BinaryIO]


def actor_of(call: Call) -> Actor:
    """Who calls, in the directory's words. Somebody with several employers may act for one of them."""
    who = call.who
    acting = {who.acting_organisation} if who.acting_organisation else who.organisation_ids
    return Actor(
        reach=reach_of(who.scopes, who.roles, program=who.person_id is None),
        subject=who.subject,
        cluster_id=who.cluster_id,
        person_id=who.person_id,
        organisation_ids=frozenset(acting),
    )


def show(path: str, thing: Kept, **more: Any) -> dict[str, Any]:
    """A resource as its schema wants it."""
    fields: dict[str, Any] = msgspec.to_builtins(thing, builtin_types=(datetime, date))
    return {**fields, **more, "links": {"self": f"/v1/{path}/{thing.id}"}}


def reply(path: str, thing: Kept, *, made: bool = False, **more: Any) -> Reply:
    """One resource with its ETag, and its address when it is new."""
    location = f"/v1/{path}/{thing.id}" if made else None
    return Reply(show(path, thing, **more), status=201 if made else None, version=thing.version, location=location)


def page(call: Call, path: str, things: list[Any], more: Callable[[Any], dict[str, Any]] = lambda _: {}) -> Page:
    """A page by id; a full one may be followed by another."""
    last = things[-1].id if len(things) == call.limit else None
    return call.page([show(path, thing, **more(thing)) for thing in things], last)
