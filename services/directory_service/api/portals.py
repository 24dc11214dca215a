"""Routes of clusters' settings."""

from typing import Any

from services.directory_service.api.parts import Parts, actor_of, show
from services.directory_service.domain import access, portal
from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.portal import Portal
from services.directory_service.schemas.portals import PortalPatch, PortalView
from shared.colour import contrast
from shared.http.door import PUBLIC, Call, Door, Reply

_WRITE = "directory:write"
_INNER = ("trusted_provider_ids", "approval", "retention", "allowed_origins", "profile", "unmet")


def add(door: Door, parts: Parts) -> None:
    """Declare them."""

    @door.get("/v1/portals", scope=PUBLIC, returns=PortalView, paged=True)
    def list_portals(call: Call) -> Reply:
        """The settings of all clusters, as far as they are public."""
        found = parts.reading().portals.page(call.after, call.limit)
        last = found[-1][0].id if len(found) == call.limit else None
        return Reply(call.page([_shown(call, *pair) for pair in found], last))

    @door.get("/v1/portals/<cluster_id>", scope=PUBLIC, returns=PortalView)
    def get_portal(call: Call, cluster_id: str) -> Reply:
        """A cluster's settings: brand, languages, imprint and consent texts for everybody, the rest for itself."""
        found, cluster = parts.reading().portals.get(cluster_id)
        return Reply(_shown(call, found, cluster), version=found.version)

    @door.patch("/v1/portals/<cluster_id>", scope=_WRITE, body=PortalPatch, returns=PortalView, errors=(403,))
    def change_portal(call: Call, cluster_id: str) -> Reply:
        """Change some of a cluster's settings; a part that is given replaces the whole part. For its managers."""
        portals = parts.writing(call.uow).portals
        changed, cluster = portals.change(actor_of(call), cluster_id, call.body, call.if_match)
        return Reply(_shown(call, changed, cluster), version=changed.version)


def _shown(call: Call, found: Portal, cluster: Organisation) -> dict[str, Any]:
    inner = call.caller is not None and access.sees_portal(actor_of(call), found.id)
    return show(
        "portals",
        found,
        cluster_name=cluster.legal_name,
        country=cluster.country,
        contrast=contrast(found.brand.colour),
        **({"unmet": portal.unmet(found.profile)} if inner else dict.fromkeys(_INNER)),
    )
