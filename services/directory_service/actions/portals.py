"""A cluster's settings: read by everybody, changed by its managers."""

from collections.abc import Mapping
from typing import Any

from services.directory_service.domain import access, portal
from services.directory_service.domain.access import Actor
from services.directory_service.domain.criteria import OrganisationCriteria
from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.portal import Portal
from services.directory_service.store import Store
from shared.errors import Forbidden, NotFound, Violation, refuse
from shared.versioned import require_version


class Portals:
    """Each registered cluster has settings; those never changed are the defaults, at version 0."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, cluster_id: str) -> tuple[Portal, Organisation]:
        """The settings of a cluster, and the cluster. Raises NotFound."""
        cluster = self._cluster(cluster_id)
        return self._store.find(Portal, cluster_id) or Portal(id=cluster_id), cluster

    def page(self, after: str | None, limit: int) -> list[tuple[Portal, Organisation]]:
        """Of all clusters, by id."""
        clusters = self._store.page(Organisation, OrganisationCriteria(type="cluster"), None, after, limit)
        portals = self._store.known(Portal, [cluster.id for cluster in clusters])
        return [(portals.get(cluster.id) or Portal(id=cluster.id), cluster) for cluster in clusters]

    def change(
        self, actor: Actor, cluster_id: str, changes: Mapping[str, Any], seen: int | None
    ) -> tuple[Portal, Organisation]:
        """Change some of them. Raises Forbidden for everybody but its managers and the platform."""
        found, cluster = self.get(cluster_id)
        if not access.may_change_portal(actor, cluster_id):
            raise Forbidden("Only the cluster's managers change its settings.", code="NOT_YOURS")
        require_version(found, seen)
        refuse("portal", self._strangers(changes.get("trusted_provider_ids", ())))
        changed, happened = portal.change(found, changes)
        return (found if changed is found else self._store.save(changed, happened)), cluster

    def _cluster(self, cluster_id: str) -> Organisation:
        found = self._store.find(Organisation, cluster_id)
        if found is None or found.type != "cluster":
            raise NotFound(f"No portal {cluster_id}.")
        return found

    def _strangers(self, provider_ids: tuple[str, ...]) -> list[Violation]:
        known = self._store.known(Organisation, provider_ids)
        message = "There is no such organisation."
        return [
            Violation(field="trusted_provider_ids", code="UNKNOWN_ORGANISATION", message=message, actual=one)
            for one in provider_ids
            if one not in known
        ]
