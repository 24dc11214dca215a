"""Local copies of what other services own, built from their events alone and rebuilt from zero at any time."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, cast

import msgspec

from services.enrolment_service.domain import OVER, PLANNED, Employer, Session, Worker
from services.enrolment_service.manifest import MANIFEST
from shared.bus.generations import is_present
from shared.errors import Invalid, NotFound, NotYetKnown, Violation
from shared.people.person import SHARE_RESULTS
from shared.people.projection import PEOPLE, People
from shared.schemas import catalog, certificate, directory
from shared.schemas.event import Event
from shared.storage.mongo import Document
from shared.storage.work import Absent, Hint, Slot, UnitOfWork

T = TypeVar("T")
_MADE: Slot[tuple[type, str], tuple[Document, Any]] = Slot("made of documents")
SESSIONS, COURSES, REFS, PORTALS = "sessions", "courses", "person_refs", "portals"
ORGANISATIONS = "organisations"
COPIES = MANIFEST.read_model("copies")
"""`person_refs` finds a person by the keyed hash of their home cluster's own number."""


class Copies:
    """Reads and writes the copies through one unit of work.

    Each writer may run before or after those of other topics: what is missing of a document comes with its own event.
    """

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self.people = People(work, {"certified": {}, "certified_until": {}, "shared": {}})

    # -- reading

    def hints(
        self, session_id: str, person_id: str | None, ref: tuple[str, str] | None, employer_id: str | None
    ) -> Iterator[Hint]:
        """What an application reads here, as far as it is known by now; `ref` is (cluster, external reference)."""
        if employer_id:
            yield ORGANISATIONS, "_id", employer_id
        yield SESSIONS, "_id", session_id
        session = self._work.known(SESSIONS, session_id)
        if session and "course_id" in session:
            _remember(session_id, session["course_id"], session.get("provider_id"))
        course_id, provider_id = _NAMED_IN.get(session_id, (None, None))
        if course_id:
            yield COURSES, "_id", course_id
        if provider_id:
            yield ORGANISATIONS, "_id", provider_id
        if ref:
            yield REFS, "_id", _ref(*ref)
        if person_id := person_id or self._referred(ref):
            yield PEOPLE, "_id", person_id
            if cluster_id := (self._work.known(PEOPLE, person_id) or {}).get("cluster_id"):
                yield PORTALS, "_id", cluster_id

    def settings_hints(self, cluster_id: str | None) -> Iterator[Hint]:
        """The settings that an application will most likely read: who asks is of the worker's home cluster."""
        if cluster_id is not None:
            yield PORTALS, "_id", cluster_id

    def _referred(self, ref: tuple[str, str] | None) -> str | None:
        document = self._work.known(REFS, _ref(*ref)) if ref else None
        return document["person_id"] if document else None

    def session(self, session_id: str) -> Session:
        """The session; NotYetKnown until its opening has come: a plan is its cluster's own business."""
        try:
            document = self._work.get(SESSIONS, session_id)
        except Absent as absent:
            raise NotYetKnown("session", session_id) from absent
        if "course_id" not in document or document["status"] == PLANNED:
            raise NotYetKnown("session", session_id)
        return self._made(Session, document)

    def never_opens(self, session_id: str) -> bool:
        """Whether the session ended as a plan."""
        document = self._work.peek(SESSIONS, session_id)
        return document is not None and document.get("status") in OVER

    def sessions(self, session_ids: Iterable[str]) -> dict[str, Session]:
        """Those of them that are known here, in one query."""
        wanted = list(dict.fromkeys(session_ids))
        self._work.preload(SESSIONS, wanted)
        found = [self._work.peek(SESSIONS, i) for i in wanted]
        return {d["_id"]: self._made(Session, d) for d in found if d is not None and "course_id" in d}

    def person(self, person_id: str) -> Worker:
        """The person, following a merge; NotYetKnown until they were registered."""
        document = self.people.find(person_id)
        if document is None or document.get("cluster_id") is None:
            raise NotYetKnown("person", person_id)
        if document.get("merged_into"):
            return self.person(document["merged_into"])
        return self._made(Worker, document)

    def find_person(self, person_id: str) -> Worker | None:
        """As `person`, for those to whom nobody known is an answer."""
        try:
            return self.person(person_id)
        except NotYetKnown:
            return None

    def person_by_ref(self, cluster_id: str, external_ref: str) -> Worker:
        """The person whom a cluster knows under this keyed hash; NotYetKnown until they were registered, NotFound once
        they were erased."""
        document = self._work.peek(REFS, _ref(cluster_id, external_ref))
        if document is None:
            raise by_number_unknown()
        if document["person_id"] is None:
            raise NotFound("No such worker.")
        return self.person(document["person_id"])

    def prerequisites(self, course_id: str) -> list[str]:
        """Course ids that the course asks for; none for a course that is not known yet."""
        document = self._work.peek(COURSES, course_id)
        return list(document["prerequisites"]) if document else []

    def employer(self, organisation_id: str | None) -> Employer:
        """What is known of an employer now: nothing of one whose registration has not come."""
        document = self._work.peek(ORGANISATIONS, organisation_id) if organisation_id else None
        return msgspec.convert(document, Employer) if document else Employer()

    def suspended(self, *organisation_ids: str | None) -> frozenset[str]:
        """Those of them that may do nothing for now. One that is not known here is not."""
        return frozenset(one for one in organisation_ids if one is not None and self.employer(one).suspended)

    def always_asks(self, cluster_id: str | None) -> bool:
        """Whether this cluster wants to approve each application of its people, whatever the session says."""
        settings = self._work.peek(PORTALS, cluster_id) if cluster_id else None
        return settings is not None and settings["approval"] == "always"

    def preload_people(self, person_ids: Iterable[str]) -> None:
        """Load them, and those whom merged ones lead to, in two queries at most."""
        wanted = list(person_ids)
        self.people.preload(wanted)
        self.people.preload({self.people.known_as(person_id) for person_id in wanted})

    def preload(self, happened: Iterable[Event]) -> None:
        """Load what these events change, in one query."""
        self._work.load(hint for event in happened for hint in _changed_by(event))

    # -- catalog

    def put_course(self, event: catalog.CourseContent) -> None:
        """A version of a course was published."""
        self._work.save(COURSES, {"_id": event.course_id, "prerequisites": sorted(event.prerequisites)})

    def put_session(self, event: catalog.SessionTerms, status: str | None) -> None:
        """The terms of a session; `status` None keeps the one it has."""
        before = self._work.peek(SESSIONS, event.session_id) or {}
        terms = {
            "_id": event.session_id,
            "course_id": event.course_id,
            "course_version": event.course_version,
            "cluster_id": event.cluster_id,
            "provider_id": event.provider_id,
            "status": status or before.get("status", PLANNED),
            "application_deadline": event.application_deadline,
            "starts_at": event.starts_at,
            "ends_at": event.ends_at,
            "timezone": event.timezone,
            "capacity": event.capacity,
            "waitlist_limit": event.waitlist_limit,
            "approval_needed": event.approval_needed,
            "eligible_clusters": list(event.eligible_clusters),
            "minimum_attendance": event.minimum_attendance,
            "price": event.price,
            "approve_by": event.approve_by,
        }
        self._work.save(SESSIONS, terms)

    def set_session_status(self, session_id: str, status: str) -> None:
        """The session moved on."""
        document = self._work.peek(SESSIONS, session_id)
        if document is None:
            raise NotYetKnown("session", session_id)
        self._work.save(SESSIONS, {**document, "status": status})

    # -- directory

    def put_organisation(self, event: directory.OrganisationFacts) -> None:
        """An organisation is known, or its facts changed."""
        self._work.peek(ORGANISATIONS, event.organisation_id)
        facts = {name: getattr(event, name) for name in ("nuts2", "region_category", "size_class")}
        suspended = event.status == "suspended"
        self._work.save(ORGANISATIONS, {"_id": event.organisation_id, **facts, "suspended": suspended})

    def suspend_organisation(self, event: directory.OrganisationSuspended) -> None:
        """It may do nothing for now."""
        known = self._work.peek(ORGANISATIONS, event.organisation_id) or {"_id": event.organisation_id}
        self._work.save(ORGANISATIONS, {**known, "suspended": True})

    def put_person(self, event: directory.PersonRegistered) -> None:
        """A person is known, with their home cluster."""
        ref = None if event.external_ref is None else _ref(event.cluster_id, event.external_ref)
        self.people.register(event, ref=ref)
        if ref is not None:
            self._work.save(REFS, {"_id": ref, "person_id": event.person_id})

    def erase_person(self, event: directory.PersonErased) -> None:
        """Nothing is left to know but that there was somebody; the partner's number leads nowhere any more."""
        if ref := (self.people.find(event.person_id) or {}).get("ref"):
            self._free(ref, event.person_id)
        self.people.erase(event, ref=None)

    def give_consent(self, event: directory.ConsentGiven) -> None:
        """They share results with an organisation. That they ever did is kept: it saw what is there of them."""
        self.people.give_consent(event)
        if event.purpose == SHARE_RESULTS:
            self.people.put(event.person_id, "shared", event.organisation_id, True)

    def in_use(self) -> bool:
        """Whether these are the copies that everybody reads, not ones that a rebuild is making."""
        return is_present(self._work, COPIES, PEOPLE)

    def put_portal(self, event: directory.PortalChanged) -> None:
        """A cluster's settings changed."""
        self._work.peek(PORTALS, event.cluster_id)
        self._work.save(PORTALS, {"_id": event.cluster_id, "approval": event.approval})

    # -- certificates

    def certify(self, event: certificate.CertificateIssued | certificate.CertificateReinstated) -> None:
        """A valid certificate satisfies a prerequisite, until it expires: only its issuing says when that is."""
        self.people.put(event.person_id, "certified", event.certificate_id, event.course_id)
        if isinstance(event, certificate.CertificateIssued) and event.valid_until is not None:
            self.people.put(event.person_id, "certified_until", event.certificate_id, event.valid_until)

    def decertify(self, event: certificate.CertificateRevoked | certificate.CertificateSuspended) -> None:
        """An invalid one does not."""
        self.people.put(event.person_id, "certified", event.certificate_id, None)

    # -- inside

    def _made(self, kind: type[T], document: Document) -> T:
        """As the rules see it, made once for all who ask for it in this unit of work."""
        known, made = self._work.slot(_MADE).get((kind, document["_id"]), (None, None))
        if known is not document:
            made = msgspec.convert({**document, "id": document["_id"]}, kind)
            self._work.slot(_MADE)[kind, document["_id"]] = (document, made)
        return cast(T, made)

    def _free(self, ref: str, person_id: str) -> None:
        """Unless the number was given to somebody else meanwhile. One save per event, as everywhere."""
        whose = (self._work.peek(REFS, ref) or {}).get("person_id")
        self._work.save(REFS, {"_id": ref, "person_id": None if whose == person_id else whose})


# Which course and provider a session has never changes; remembered, so that all can be loaded in one query.
_NAMED_IN: dict[str, tuple[str, str | None]] = {}
_SESSIONS_REMEMBERED = 50_000


def _remember(session_id: str, course_id: str, provider_id: str | None) -> None:
    if len(_NAMED_IN) >= _SESSIONS_REMEMBERED:
        _NAMED_IN.clear()
    _NAMED_IN[session_id] = (course_id, provider_id)


_NAMED_BY = {"person_id": PEOPLE, "into_person_id": PEOPLE, "session_id": SESSIONS, "course_id": COURSES}


def _changed_by(event: Event) -> Iterator[Hint]:
    for name, collection in _NAMED_BY.items():
        if (document_id := getattr(event, name, None)) is not None:
            yield collection, "_id", document_id
    if isinstance(event, directory.OrganisationFacts):
        yield ORGANISATIONS, "_id", event.organisation_id
    if isinstance(event, directory.PersonRegistered) and event.external_ref is not None:
        yield REFS, "_id", _ref(event.cluster_id, event.external_ref)


def _ref(cluster_id: str, external_ref: str) -> str:
    return f"{cluster_id}/{external_ref}"


def by_number_unknown() -> NotYetKnown:
    """Nobody is known here under the number that a cluster gave."""
    message = "No person is known under this external id."
    mistyped = Violation(field="worker.external_id", code="UNKNOWN_EXTERNAL_ID", message=message)
    refusal = Invalid(message, violations=[mistyped])
    return NotYetKnown("person", "with this external id", by_id=False, otherwise=refusal)
