"""Grants of seals: given, read, withdrawn by their owner's people and home cluster."""

from typing import Any

from services.directory_service.actions.common import DirectoryActions, unknown
from services.directory_service.domain import access, grant
from services.directory_service.domain.access import Actor
from services.directory_service.domain.criteria import GrantCriteria
from services.directory_service.domain.grant import Grant
from shared.errors import refuse
from shared.storage.documents import not_found
from shared.versioned import require_version


class Grants(DirectoryActions):
    """Whose courses may carry an organisation's seal or its name."""

    def give(self, actor: Actor, facts: dict[str, Any]) -> Grant:
        """Lend the seal of the caller's own organisation, or of one of the caller's cluster."""
        owner = self._organisation(facts["organisation_id"], "organisation_id")
        grantee_id = facts.get("grantee_id")
        grantee = None if grantee_id is None else self._organisation(grantee_id, "grantee_id")
        derived = {
            "home_id": owner.cluster_id,
            "grantee_home_id": None if grantee is None else grantee.cluster_id,
            "given_at": self._now(),
            "given_by": actor.subject,
        }
        made = Grant(**{"id": self._new_id(), **facts, **derived})
        if not access.may_change_grant(actor, made):
            refuse("grant", [unknown("organisation_id", owner.id, "This is not yours to grant.")])
        self._store.require_new(Grant, made.id)
        return self._store.save(*grant.give(made, owner, self._store.grants_like(made)))

    def get(self, actor: Actor, grant_id: str) -> Grant:
        """One grant."""
        found = self._store.get(Grant, grant_id)
        if not access.sees_grant(actor, found):
            raise not_found(Grant, grant_id)
        return found

    def page(self, actor: Actor, criteria: GrantCriteria, after: str | None, limit: int) -> list[Grant]:
        """Grants that the caller may see, by id."""
        return self._store.page(Grant, criteria, actor, after, limit)

    def withdraw(self, actor: Actor, grant_id: str, seen: int | None) -> Grant:
        """Lend it no longer."""
        found = self._store.get(Grant, grant_id)
        if not access.may_change_grant(actor, found):
            raise not_found(Grant, grant_id)
        require_version(found, seen)
        return self._store.save(*grant.withdraw(found, actor.subject, self._now()))
