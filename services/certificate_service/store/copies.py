"""Local copies of what other services own, built from their events alone and rebuilt from zero at any time."""

import msgspec

from services.certificate_service.domain import Course, Organisation
from services.certificate_service.manifest import MANIFEST
from shared.auth import seals
from shared.auth.seals import Party
from shared.bus.generations import is_present, present
from shared.errors import NotYetKnown
from shared.people.person import Person
from shared.people.projection import PEOPLE, People
from shared.schemas import catalog, directory
from shared.storage.mongo import Document
from shared.storage.seals import Grants
from shared.storage.work import Absent, UnitOfWork

COURSES, ORGANISATIONS = "courses", "organisations"
COPIES = MANIFEST.read_model("copies")
_CONTENT = (
    *("default_language", "titles", "descriptions", "workload_hours", "eqf_level", "ects", "mode", "homepage"),
    *(
        "cluster_id",
        "provider_id",
        "awarding_body_id",
        "assessment_type",
        "quality_assurance_type",
        "certificate_validity_months",
    ),
)


class Copies:
    """Reads and writes the copies through one unit of work.

    Each event saves its document exactly once and may come before or after those of other topics: whatever the order,
    a rebuilt copy is the same byte for byte.
    """

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._grants = Grants(work)
        self.people = People(work)

    # -- reading

    def course(self, course_id: str, version: int) -> Course:
        """This version of the course; NotYetKnown until it was published."""
        try:
            document = self._work.get(COURSES, _version(course_id, version))
        except Absent as absent:
            raise NotYetKnown("course", course_id) from absent
        return msgspec.convert({**document, "id": course_id, "version": version}, Course)

    def organisation(self, organisation_id: str) -> Organisation:
        """The organisation; NotYetKnown until it was registered."""
        try:
            document = self._work.get(ORGANISATIONS, organisation_id)
        except Absent as absent:
            raise NotYetKnown("organisation", organisation_id) from absent
        return msgspec.convert({**document, "id": organisation_id}, Organisation)

    def hindrance(self, course: Course, body: Organisation) -> str | None:
        """Why the course must not carry the body's seal now: NOT_GRANTED, ORGANISATION_SUSPENDED, or nothing.

        NotYetKnown until the course's provider was registered.
        """
        if body.suspended:
            return "ORGANISATION_SUSPENDED"
        provider = self.organisation(course.provider_id)
        whose = Party(id=provider.id, cluster_id=provider.cluster_id)
        if not seals.needs_grant_to_award(course.cluster_id, whose, Party(id=body.id, cluster_id=body.cluster_id)):
            return None
        covered = seals.grantees(course.cluster_id, whose)
        return None if self._grants.hold(body.id, seals.AWARD, course.id, covered) else "NOT_GRANTED"

    def person(self, person_id: str) -> Person:
        """The person's employments and consents; of somebody unknown there are none."""
        document = self.people.find(person_id)
        return Person(id=person_id) if document is None else person_of(document)

    def in_use(self) -> bool:
        """Whether these are the copies that everybody reads, not ones that a rebuild is making."""
        return is_present(self._work, COPIES, PEOPLE)

    def generation(self) -> int:
        """Which generation of the copies is in use."""
        return present(self._work.database, COPIES)

    # -- catalog

    def put_course(self, event: catalog.CourseContent) -> None:
        """A version of a course was published."""
        content = {name: getattr(event, name) for name in _CONTENT}
        outcomes = [msgspec.to_builtins(outcome) for outcome in event.outcomes]
        document = {"_id": _version(event.course_id, event.course_version), **content, "outcomes": outcomes}
        self._work.peek(COURSES, document["_id"])
        self._work.save(COURSES, _ordered(document))

    # -- directory

    def put_organisation(self, event: directory.OrganisationFacts) -> None:
        """An organisation is known, or its facts changed."""
        document = {
            "_id": event.organisation_id,
            "legal_name": event.legal_name,
            "country": event.country,
            "homepage": event.homepage,
            "cluster_id": event.cluster_id,
            "suspended": event.status == "suspended",
        }
        self._work.peek(ORGANISATIONS, event.organisation_id)
        self._work.save(ORGANISATIONS, _ordered(document))

    def suspend_organisation(self, event: directory.OrganisationSuspended) -> None:
        """It may do nothing for now. Its facts came before, with an event of its own."""
        known = self._work.get(ORGANISATIONS, event.organisation_id)
        self._work.save(ORGANISATIONS, _ordered({**known, "suspended": True}))

    def grant(self, event: directory.AwardingGranted) -> None:
        """A seal is lent."""
        self._grants.put(event, holds=True)

    def withdraw(self, event: directory.AwardingWithdrawn) -> None:
        """It is lent no longer."""
        self._grants.put(event, holds=False)


def person_of(document: Document) -> Person:
    """The person in a document."""
    return msgspec.convert({**document, "id": document["_id"]}, Person)


def _ordered(document: Document) -> Document:
    """Fields in one order, whatever order the topics were read in."""
    return {name: document[name] for name in sorted(document)}


def _version(course_id: str, version: int) -> str:
    return f"{course_id}/{version}"
