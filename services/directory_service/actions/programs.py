"""Programs' keys: made, rotated and ended at the identity provider; what is kept here names no secret."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.directory_service.actions.common import Ask, DirectoryActions
from services.directory_service.adapters import identity
from services.directory_service.domain import access, program
from services.directory_service.domain.access import Actor
from services.directory_service.domain.criteria import ProgramCriteria
from services.directory_service.domain.program import KINDS, Program
from services.directory_service.store import Store
from shared.errors import Violation, refuse
from shared.storage.documents import not_found
from shared.versioned import require_version


@dataclass(frozen=True, slots=True)
class MakeProgram:
    """Asks that a client be made; the answer is its id. Two requests with one trace and the same wish are one."""

    request: str
    wish: Program = field(hash=False)
    made: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class RotateProgram:
    """Asks for a new secret."""

    id: str
    version: int


@dataclass(frozen=True, slots=True)
class EndProgram:
    """Asks that a client be removed; the answer says how many seconds its tokens may still be used."""

    id: str


class Programs(DirectoryActions):
    """Keys of one cluster's programs. What is asked of the identity provider comes before the commit."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str], ask: Ask) -> None:
        super().__init__(store, now, new_id)
        self._ask = ask

    def make(self, actor: Actor, facts: dict[str, Any], request: str) -> Program:
        """Make a key for the caller's cluster, or for a provider of it. `request` names the caller's request."""
        cluster_id = facts.pop("cluster_id", None) or actor.cluster_id
        lists = {name: tuple(facts.pop(name)) for name in ("organisation_ids", "scopes")}
        wish = Program(**{"id": "", "cluster_id": cluster_id or "", "made_by": actor.subject, **facts, **lists})
        if not access.may_manage_program(actor, wish):
            message = "Name your cluster." if cluster_id is None else "This is not yours to give keys to."
            refuse("key", [Violation(field="cluster_id", code="NOT_YOURS", message=message, actual=cluster_id)])
        wish = program.make(wish, self._of_cluster(wish.cluster_id, wish.organisation_ids))
        made = self._ask(MakeProgram(request, wish, self._new_id()))
        return self._store.save(_with_id(wish, made))

    def get(self, actor: Actor, program_id: str) -> Program:
        """One key."""
        found = self._store.find(Program, program_id)
        if found is None or not access.may_manage_program(actor, found):
            raise not_found(Program, program_id)
        return found

    def page(self, actor: Actor, criteria: ProgramCriteria, after: str | None, limit: int) -> list[Program]:
        """Keys that the caller may manage, by id."""
        return self._store.page(Program, criteria, actor, after, limit)

    def rotate(self, actor: Actor, program_id: str, seen: int | None) -> Program:
        """Give it another secret; the old one gets no token from now on."""
        found = self._for_change(actor, program_id, seen)
        rotated = program.rotate(found, self._now())
        self._ask(RotateProgram(found.id, found.version))
        return self._store.save(rotated)

    def end(self, actor: Actor, program_id: str, seen: int | None) -> tuple[Program, int]:
        """End it. Also says for how many seconds tokens that it has are good."""
        found = self._for_change(actor, program_id, seen)
        ended = program.end(found, self._now())
        seconds = self._ask(EndProgram(found.id))
        return self._store.save(ended), seconds

    def _for_change(self, actor: Actor, program_id: str, seen: int | None) -> Program:
        found = self.get(actor, program_id)
        require_version(found, seen)
        return found


def as_client(wish: Program, made: str) -> identity.Program:
    """A key as the identity provider is told of it."""
    kept = _with_id(wish, made)
    return identity.Program(
        id=made,
        client_id=kept.client_id,
        name=kept.name,
        role=KINDS[kept.kind].role,
        scopes=kept.scopes,
        cluster_id=kept.cluster_id,
        organisation_ids=kept.organisation_ids,
    )


def _with_id(wish: Program, made: str) -> Program:
    return replace(wish, id=made)
