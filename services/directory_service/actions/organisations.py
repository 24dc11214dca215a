"""Organisations: everybody signed in reads them, their cluster writes them."""

from collections.abc import Callable, Sequence
from typing import Any

from services.directory_service.domain import access, organisation
from services.directory_service.domain.access import Actor
from services.directory_service.domain.criteria import OrganisationCriteria
from services.directory_service.domain.organisation import Organisation
from services.directory_service.store import Store
from shared.errors import Violation, refuse
from shared.storage.documents import not_found
from shared.versioned import require_version

_Decide = Callable[[Organisation], tuple[Organisation, list[Any]]]


class Organisations:
    """Register, read, change, suspend."""

    def __init__(self, store: Store, new_id: Callable[[], str]) -> None:
        self._store, self._new_id = store, new_id

    def register(self, actor: Actor, facts: dict[str, Any]) -> Organisation:
        """Register an organisation under the caller's cluster; the platform names the cluster."""
        made = _new(actor, self._new_id, facts)
        if not access.may_register(actor, made):
            violation = Violation(
                field="cluster_id", code="NOT_YOURS", message="This is not yours to register.", actual=made.cluster_id
            )
            refuse("organisation", [violation])
        self._store.require_new(Organisation, made.id)
        return self._store.save(*organisation.register(made))

    def get(self, organisation_id: str) -> Organisation:
        """One organisation, for every caller."""
        return self._store.get(Organisation, organisation_id)

    def named(self, ids: Sequence[str]) -> list[Organisation]:
        """Those of these that are there, in the order of the ids."""
        return self._store.named(Organisation, ids)

    def index_names(self, most: int) -> int:
        """Let organisations be found by name that were registered before there was a search; returns how many."""
        found = self._store.nameless(Organisation, most)
        for one in found:
            self._store.save(one)
        return len(found)

    def page(self, criteria: OrganisationCriteria, after: str | None, limit: int) -> list[Organisation]:
        """Organisations by id; with `q` by name, the most alike first and no further page."""
        if criteria.q is not None:
            return [] if after else self._store.organisations_like(criteria.q, criteria, limit)
        return self._store.page(Organisation, criteria, None, after, limit)

    def change(self, actor: Actor, organisation_id: str, changes: dict[str, Any], seen: int | None) -> Organisation:
        """Change its facts."""
        return self._decide(actor, organisation_id, seen, lambda found: organisation.change(found, changes))

    def suspend(self, actor: Actor, organisation_id: str, seen: int | None) -> Organisation:
        """Bar it for now."""
        return self._decide(actor, organisation_id, seen, organisation.suspend)

    def reinstate(self, actor: Actor, organisation_id: str, seen: int | None) -> Organisation:
        """Let it act again."""
        return self._decide(actor, organisation_id, seen, organisation.reinstate)

    def _decide(self, actor: Actor, organisation_id: str, seen: int | None, decide: _Decide) -> Organisation:
        found = self._store.get(Organisation, organisation_id)
        if not access.may_change_organisation(actor, found):
            raise not_found(Organisation, organisation_id)
        require_version(found, seen)
        updated, events = decide(found)
        return found if updated is found else self._store.save(updated, events)


def _new(actor: Actor, new_id: Callable[[], str], facts: dict[str, Any]) -> Organisation:
    thing_id = facts.get("id") or new_id()
    home = facts.get("cluster_id") or actor.cluster_id
    if facts["type"] == "cluster":
        home = facts.get("cluster_id") or thing_id
    elif facts["type"] == "partnership":
        home = None
    return Organisation(**{**facts, "id": thing_id, "cluster_id": home})
