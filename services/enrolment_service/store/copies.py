"""Local copies of what other services own, built from their events alone and rebuilt from zero at any time."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar, cast

import msgspec

from services.enrolment_service.domain import OVER, PLANNED, SHARE_RESULTS, Person, Session
from shared.bus.generations import ReadModel
from shared.errors import NotFound, NotYetKnown
from shared.schemas import catalog, certificate, directory
from shared.schemas.event import Event
from shared.storage.mongo import Document
from shared.storage.work import Absent, UnitOfWork
from shared.storage.writes import Hint

T = TypeVar("T")
SESSIONS, PEOPLE, COURSES, REFS, PORTALS = "sessions", "people", "courses", "person_refs", "portals"
COPIES = ReadModel("copies", (SESSIONS, PEOPLE, COURSES, REFS, PORTALS))
"""`person_refs` finds a person by the keyed hash of their home cluster's own number."""


class Copies:
    """Reads and writes the copies through one unit of work.

    Each writer may run before or after those of other topics: what is missing of a document comes with its own event.
    """

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    # -- reading

    def hints(self, session_id: str, person_id: str | None, ref: tuple[str, str] | None) -> Iterator[Hint]:
        """What an application reads here, as far as it is known by now; `ref` is (cluster, external reference)."""
        yield SESSIONS, "_id", session_id
        session = self._work.known(SESSIONS, session_id)
        if session and "course_id" in session:
            _remember_course(session_id, session["course_id"])
        if course_id := _COURSE_OF.get(session_id):
            yield COURSES, "_id", course_id
        if ref:
            yield REFS, "_id", _ref(*ref)
        if person_id := person_id or self._referred(ref):
            yield PEOPLE, "_id", person_id
            if cluster_id := (self._work.known(PEOPLE, person_id) or {}).get("cluster_id"):
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

    def person(self, person_id: str) -> Person:
        """The person, following a merge; NotYetKnown until they were registered."""
        document = self._work.peek(PEOPLE, person_id)
        if document is None or document.get("cluster_id") is None:
            raise NotYetKnown("person", person_id)
        if document.get("merged_into"):
            return self.person(document["merged_into"])
        return self._made(Person, document)

    def find_person(self, person_id: str) -> Person | None:
        """As `person`, for those to whom nobody known is an answer."""
        try:
            return self.person(person_id)
        except NotYetKnown:
            return None

    def person_by_ref(self, cluster_id: str, external_ref: str) -> Person:
        """The person whom a cluster knows under this keyed hash; NotYetKnown until they were registered, NotFound once
        they were erased."""
        document = self._work.peek(REFS, _ref(cluster_id, external_ref))
        if document is None:
            raise by_number_unknown()
        if document["person_id"] is None:
            raise NotFound("No such worker.")
        return self.person(document["person_id"])

    def known_as(self, person_id: str) -> str:
        """The record that answers for this one: after a merge the one that remains."""
        while into := (self._work.peek(PEOPLE, person_id) or {}).get("merged_into"):
            person_id = into
        return person_id

    def records_of(self, person_id: str) -> list[str]:
        """This record, and all that became part of it, directly or by way of another."""
        found = [person_id]
        for record in found:  # which grows meanwhile
            merged = (self._work.peek(PEOPLE, record) or {}).get("merged_from", [])
            found += [other for other in merged if other not in found]
        return found

    def prerequisites(self, course_id: str) -> list[str]:
        """Course ids that the course asks for; none for a course that is not known yet."""
        document = self._work.peek(COURSES, course_id)
        return list(document["prerequisites"]) if document else []

    def always_asks(self, cluster_id: str) -> bool:
        """Whether this cluster wants to approve each application of its people, whatever the session says."""
        settings = self._work.peek(PORTALS, cluster_id)
        return settings is not None and settings["approval"] == "always"

    def preload_people(self, person_ids: Iterable[str]) -> None:
        """Load them, and those whom merged ones lead to, in two queries at most."""
        wanted = list(person_ids)
        self._work.preload(PEOPLE, wanted)
        self._work.preload(PEOPLE, {self.known_as(person_id) for person_id in wanted})

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
        }
        self._work.save(SESSIONS, terms)

    def set_session_status(self, session_id: str, status: str) -> None:
        """The session moved on."""
        document = self._work.peek(SESSIONS, session_id)
        if document is None:
            raise NotYetKnown("session", session_id)
        self._work.save(SESSIONS, {**document, "status": status})

    # -- directory

    def put_person(self, event: directory.PersonRegistered) -> None:
        """A person is known, with their home cluster."""
        ref = None if event.external_ref is None else _ref(event.cluster_id, event.external_ref)
        self._change(event.person_id, cluster_id=event.cluster_id, ref=ref)
        if ref is not None:
            self._work.save(REFS, {"_id": ref, "person_id": event.person_id})

    def merge_person(self, event: directory.PersonMerged) -> None:
        """One record became part of another."""
        self._change(event.person_id, merged_into=event.into_person_id)
        known = self._person(event.into_person_id).get("merged_from", [])
        self._change(event.into_person_id, merged_from=sorted({*known, event.person_id}))

    def erase_person(self, event: directory.PersonErased) -> None:
        """Nothing is left to know but that there was somebody; the partner's number leads nowhere any more."""
        if ref := self._person(event.person_id).get("ref"):
            self._free(ref, event.person_id)
        self._change(
            event.person_id, erased=True, ref=None, employments={}, consents={}, certified={}, certified_until={}
        )

    def put_portal(self, event: directory.PortalChanged) -> None:
        """A cluster's settings changed."""
        self._work.peek(PORTALS, event.cluster_id)
        self._work.save(PORTALS, {"_id": event.cluster_id, "approval": event.approval})

    def start_employment(self, event: directory.EmploymentStarted) -> None:
        """They work there from this day."""
        employment = {"organisation_id": event.organisation_id, "valid_from": event.valid_from.isoformat()}
        self._put_in(event.person_id, "employments", event.employment_id, employment)

    def end_employment(self, event: directory.EmploymentEnded) -> None:
        """They worked there until this day."""
        known = self._person(event.person_id)["employments"].get(event.employment_id, {})
        employment = {**known, "valid_until": event.valid_until.isoformat()}
        self._put_in(event.person_id, "employments", event.employment_id, employment)

    def give_consent(self, event: directory.ConsentGiven) -> None:
        """They share results with an organisation."""
        if event.purpose == SHARE_RESULTS:
            self._put_in(event.person_id, "consents", event.consent_id, event.organisation_id)

    def withdraw_consent(self, event: directory.ConsentWithdrawn) -> None:
        """They no longer do."""
        self._take_from(event.person_id, "consents", event.consent_id)

    # -- certificates

    def certify(self, event: certificate.CertificateIssued | certificate.CertificateReinstated) -> None:
        """A valid certificate satisfies a prerequisite, until it expires: only its issuing says when that is."""
        until = getattr(event, "valid_until", None)
        self._put_in(event.person_id, "certified", event.certificate_id, event.course_id, until=until)

    def decertify(self, event: certificate.CertificateRevoked | certificate.CertificateSuspended) -> None:
        """An invalid one does not."""
        self._take_from(event.person_id, "certified", event.certificate_id)

    # -- inside

    def _made(self, kind: type[T], document: Document) -> T:
        """As the rules see it, made once for all who ask for it in this unit of work."""
        known, made = self._work.memo.get((kind, document["_id"]), (None, None))
        if known is not document:
            made = msgspec.convert({**document, "id": document["_id"]}, kind)
            self._work.memo[kind, document["_id"]] = (document, made)
        return cast(T, made)

    def _change(self, person_id: str, **fields: Any) -> None:
        self._work.save(PEOPLE, _ordered({**self._person(person_id), **fields}))

    def _put_in(self, person_id: str, part: str, key: str, value: Any, until: datetime | None = None) -> None:
        """One save per event, whatever came before: a rebuild counts the same versions. Nothing stays of the erased."""
        person = self._person(person_id)
        kept = {} if person.get("erased") else {**person[part], key: value}
        changed = {part: dict(sorted(kept.items()))}
        if until is not None and kept:
            changed["certified_until"] = dict(sorted({**person.get("certified_until", {}), key: until}.items()))
        self._change(person_id, **changed)

    def _take_from(self, person_id: str, part: str, key: str) -> None:
        person = self._person(person_id)
        self._change(person_id, **{part: {k: v for k, v in person[part].items() if k != key}})

    def _free(self, ref: str, person_id: str) -> None:
        """Unless the number was given to somebody else meanwhile. One save per event, as everywhere."""
        whose = (self._work.peek(REFS, ref) or {}).get("person_id")
        self._work.save(REFS, {"_id": ref, "person_id": None if whose == person_id else whose})

    def _person(self, person_id: str) -> Document:
        empty: Document = {"_id": person_id, "cluster_id": None, "employments": {}, "consents": {}, "certified": {}}
        return self._work.peek(PEOPLE, person_id) or empty


# Which course a session is of never changes; remembered, so that both can be loaded in one query.
_COURSE_OF: dict[str, str] = {}
_COURSES_REMEMBERED = 50_000


def _remember_course(session_id: str, course_id: str) -> None:
    if len(_COURSE_OF) >= _COURSES_REMEMBERED:
        _COURSE_OF.clear()
    _COURSE_OF[session_id] = course_id


def _ordered(document: Document) -> Document:
    """Fields in one order, whatever order the topics were read in: a rebuilt copy is the same byte for byte."""
    return {name: document[name] for name in sorted(document)}


_NAMED_BY = {"person_id": PEOPLE, "into_person_id": PEOPLE, "session_id": SESSIONS, "course_id": COURSES}


def _changed_by(event: Event) -> Iterator[Hint]:
    for name, collection in _NAMED_BY.items():
        if (document_id := getattr(event, name, None)) is not None:
            yield collection, "_id", document_id
    if isinstance(event, directory.PersonRegistered) and event.external_ref is not None:
        yield REFS, "_id", _ref(event.cluster_id, event.external_ref)


def _ref(cluster_id: str, external_ref: str) -> str:
    return f"{cluster_id}/{external_ref}"


def by_number_unknown() -> NotYetKnown:
    """Nobody is known here under the number that a cluster gave."""
    return NotYetKnown("person", "with this external id", by_id=False)
