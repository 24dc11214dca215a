"""Routes of programs' keys."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from services.directory_service.api.parts import Parts, actor_of, page, reply, show
from services.directory_service.domain.criteria import ProgramCriteria
from services.directory_service.domain.program import ACTIVE, Program
from services.directory_service.schemas.programs import (
    EndedProgram,
    ProgramBody,
    ProgramDetail,
    ProgramQuery,
    ProgramSecret,
)
from shared.errors import Violation, refuse
from shared.http.door import Call, Door, Reply

_READ, _WRITE = "directory:read", "directory:write"
_MOST_USES: Final = 50


def add(door: Door, parts: Parts) -> None:
    """Declare them."""

    def told(body: Mapping[str, Any], **_ids: str) -> dict[str, Any]:
        """The secret is kept at the identity provider alone."""
        return {"secret": parts.secret(body["id"]), "token_url": parts.token_url}

    @door.post("/v1/clients", scope=_WRITE, body=ProgramBody, returns=ProgramSecret, unkept=told, errors=(503,))
    def make_client(call: Call) -> Reply:
        """Make a key for a program. Its secret stands in this answer and is never shown again.

        A manager makes keys for the cluster, HR of a provider for that provider. Use it at `token_url` with the grant
        type client_credentials; it can call the API at once.
        """
        made = parts.writing(call.uow).programs.make(actor_of(call), dict(call.body), f"{call.client} {call.trace_id}")
        return reply("clients", made, made=True, client_id=made.client_id)

    @door.get("/v1/clients", scope=_READ, query=ProgramQuery, returns=ProgramDetail, paged=True, errors=(503,))
    def list_clients(call: Call) -> Reply:
        """The programs' keys that the caller may manage."""
        wanted = dict(call.query)
        uses = wanted.pop("include", None) is not None
        refuse("list", _too_long(call.limit) if uses else ())
        found = parts.reading().programs.page(actor_of(call), ProgramCriteria(**wanted), call.after, call.limit)
        return Reply(page(call, "clients", found, _when_used(parts) if uses else _more))

    @door.get("/v1/clients/<client_id>", scope=_READ, returns=ProgramDetail, errors=(503,))
    def get_client(call: Call, client_id: str) -> Reply:
        """One key, and when it was last used."""
        found = parts.reading().programs.get(actor_of(call), client_id)
        return reply("clients", found, **_more(found), last_used_at=parts.last_used(found.client_id))

    _add_steps(door, parts, told)


def _add_steps(door: Door, parts: Parts, told: Any) -> None:
    base = "/v1/clients/<client_id>"
    options: dict[str, Any] = {"scope": _WRITE, "status": 200, "if_match": "honoured", "errors": (503,)}

    @door.post(f"{base}/rotate", returns=ProgramSecret, unkept=lambda body, **_: told(body), **options)
    def rotate_client(call: Call, client_id: str) -> Reply:
        """Give a key another secret; the old one gets no token from now on."""
        found = parts.writing(call.uow).programs.rotate(actor_of(call), client_id, call.if_match)
        return reply("clients", found, **_more(found))

    @door.post(f"{base}/end", returns=EndedProgram, **options)
    def end_client(call: Call, client_id: str) -> Reply:
        """End a key: it gets no token from now on. Tokens that it has are good until `tokens_end_at`."""
        ended, seconds = parts.writing(call.uow).programs.end(actor_of(call), client_id, call.if_match)
        until = None if ended.ended_at is None else ended.ended_at + timedelta(seconds=seconds)
        return Reply(show("clients", ended, **_more(ended), tokens_end_at=until), version=ended.version)


def _too_long(limit: int) -> Iterator[Violation]:
    """The identity provider is asked for each key."""
    if limit > _MOST_USES:
        message = f"Ask for at most {_MOST_USES} at once when you ask when they were used."
        yield Violation(field="limit", code="OUT_OF_RANGE", message=message, actual=limit, required={"max": _MOST_USES})


def _when_used(parts: Parts) -> Callable[[Program], dict[str, Any]]:
    """Also when it was last used. One that has ended is not asked about: the identity provider forgot it."""

    def more(found: Program) -> dict[str, Any]:
        used = parts.last_used(found.client_id) if found.status == ACTIVE else None
        return {**_more(found), "last_used_at": used}

    return more


def _more(found: Program) -> dict[str, Any]:
    return {"client_id": found.client_id}
