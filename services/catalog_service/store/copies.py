"""Local copies of organisations, grants and clusters' settings, built from the directory's events alone, rebuilt at any
time."""

from services.catalog_service.domain.content import Content
from services.catalog_service.domain.naming import Named
from services.catalog_service.manifest import MANIFEST
from shared.auth import seals
from shared.auth.seals import Party
from shared.schemas import directory
from shared.storage.mongo import Document
from shared.storage.seals import Grants
from shared.storage.work import UnitOfWork

ORGANISATIONS = "organisations"
PORTALS = "portals"
COPIES = MANIFEST.read_model("copies")


class Copies:
    """Reads and writes the copies through one unit of work. Each event saves its document exactly once."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self.grants = Grants(work)

    def named(self, course_id: str, cluster_id: str, content: Content) -> tuple[Named, Named | None]:
        """The provider and the awarding body that a course of this cluster names, as far as they are known here."""
        wanted = [content.provider_id, content.awarding_body_id]
        self._work.preload(ORGANISATIONS, [i for i in wanted if i is not None])
        provider = self._party(content.provider_id)
        named = Named() if provider is None else self._provider(course_id, cluster_id, provider)
        if content.awarding_body_id is None:
            return named, None
        body = self._party(content.awarding_body_id)
        # A grant to a provider that is not known here does not count yet.
        whose = provider or Party(id=content.provider_id)
        return named, Named() if body is None else self._body(course_id, cluster_id, whose, body)

    def _provider(self, course_id: str, cluster_id: str, provider: Party) -> Named:
        granted = not seals.needs_grant_to_provide(cluster_id, provider) or self.grants.hold(
            provider.id, seals.PROVIDE, course_id, (cluster_id,)
        )
        return Named(known=True, suspended=provider.suspended, granted=granted)

    def _body(self, course_id: str, cluster_id: str, provider: Party, body: Party) -> Named:
        granted = not seals.needs_grant_to_award(cluster_id, provider, body) or self.grants.hold(
            body.id, seals.AWARD, course_id, seals.grantees(cluster_id, provider)
        )
        return Named(known=True, suspended=body.suspended, granted=granted)

    def trusts(self, cluster_id: str, provider_id: str) -> bool:
        """Whether the cluster lets this provider publish without a review."""
        settings = self._work.peek(PORTALS, cluster_id)
        return settings is not None and provider_id in settings["trusted_provider_ids"]

    def put_portal(self, event: directory.PortalChanged) -> None:
        """A cluster's settings changed."""
        self._work.peek(PORTALS, event.cluster_id)
        self._work.save(PORTALS, {"_id": event.cluster_id, "trusted_provider_ids": sorted(event.trusted_provider_ids)})

    def put_organisation(self, event: directory.OrganisationFacts) -> None:
        """It is known, or its facts changed."""
        suspended = event.status == "suspended"
        known = {"cluster_id": event.cluster_id, "suspended": suspended, "country": event.country}
        self._put({"_id": event.organisation_id, **known})

    def suspend_organisation(self, event: directory.OrganisationSuspended) -> None:
        """It may do nothing for now."""
        known = self._work.peek(ORGANISATIONS, event.organisation_id) or {"cluster_id": None}
        facts = {name: known.get(name) for name in ("cluster_id", "country")}
        self._put({"_id": event.organisation_id, **facts, "suspended": True})

    def grant(self, event: directory.AwardingGranted) -> None:
        """A seal or a name is lent."""
        self.grants.put(event, holds=True)

    def withdraw(self, event: directory.AwardingWithdrawn) -> None:
        """It is lent no longer."""
        self.grants.put(event, holds=False)

    def _put(self, document: Document) -> None:
        self._work.peek(ORGANISATIONS, document["_id"])
        self._work.save(ORGANISATIONS, document)

    def _party(self, organisation_id: str) -> Party | None:
        row = self._work.peek(ORGANISATIONS, organisation_id)
        return None if row is None else Party(id=row["_id"], cluster_id=row["cluster_id"], suspended=row["suspended"])
