"""A copy of how long each cluster keeps who read whose data, built from the directory's events."""

from collections.abc import Collection

from shared.schemas.directory import PortalChanged
from shared.storage.work import UnitOfWork

RULES = "audit_rules"


class AuditRules:
    """Reads and writes the copy through one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def put(self, event: PortalChanged) -> None:
        """A cluster's settings changed. One save per event: a rebuilt copy is the same."""
        self._work.peek(RULES, event.cluster_id)
        self._work.save(RULES, {"_id": event.cluster_id, "days": event.audit_days})

    def days(self, cluster_ids: Collection[str]) -> dict[str, int]:
        """The rules of those of the clusters that have one, in days."""
        rules = {cluster_id: self._work.peek(RULES, cluster_id) for cluster_id in cluster_ids}
        return {cluster_id: rule["days"] for cluster_id, rule in rules.items() if rule and rule["days"] is not None}
