"""A copy of the grants of seals, built from the directory's events; for the services that ask `shared.auth.seals`."""

from collections.abc import Sequence

from pymongo import ASCENDING, IndexModel

from shared.schemas.directory import AwardingEvent
from shared.storage.work import Slot, UnitOfWork

GRANTS = "awarding_grants"
INDEXES = [IndexModel([("organisation_id", ASCENDING), ("purpose", ASCENDING)], name="organisation")]
_HELD: Slot[tuple[str, ...], bool] = Slot("grants that hold")


class Grants:
    """Reads and writes the copy through one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def put(self, event: AwardingEvent, *, holds: bool) -> None:
        """It was given, or withdrawn. One save per event, and fields in one order: a rebuilt copy is the same."""
        self._work.peek(GRANTS, event.grant_id)
        document = {
            "_id": event.grant_id,
            "course_id": event.course_id,
            "grantee_id": event.grantee_id,
            "holds": holds,
            "organisation_id": event.organisation_id,
            "purpose": event.purpose,
        }
        self._work.save(GRANTS, document)

    def hold(self, organisation_id: str, purpose: str, course_id: str, grantees: Sequence[str]) -> bool:
        """Whether the organisation's grant for this purpose holds, for the course or to any of the grantees.

        Asked once of a unit of work: a batch may name the same course hundreds of times.
        """
        held, question = self._work.slot(_HELD), (organisation_id, purpose, course_id, *grantees)
        if question not in held:
            held[question] = self._find(organisation_id, purpose, course_id, grantees)
        return held[question]

    def _find(self, organisation_id: str, purpose: str, course_id: str, grantees: Sequence[str]) -> bool:
        query = {
            "organisation_id": organisation_id,
            "purpose": purpose,
            "holds": True,
            "$or": [{"course_id": course_id}, {"grantee_id": {"$in": list(grantees)}}],
        }
        return bool(self._work.find(GRANTS, query, limit=1))
