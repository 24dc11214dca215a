"""Issuing on completion, correcting on a corrected result, forgetting on erasure.

`prepare` does before the transaction what takes long or asks others: reservations, names, signatures. The handlers then
decide on what the transaction will check: the certificate, and the holder, whom each of them saves.
"""

from collections import Counter as Counted
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from prometheus_client import Counter

from services.certificate_service import domain
from services.certificate_service.actions.writing import Contents, Pen
from services.certificate_service.adapters.plain_json import BadDocument
from services.certificate_service.domain import Award, Certificate, Course, Holder, Organisation, StatusBit, Withheld
from services.certificate_service.store import Reservation, Store
from services.certificate_service.store.withheld import Waiting
from shared.clock import Clock
from shared.errors import NotYetKnown, ServiceError
from shared.logs import get_logger
from shared.people.names import Named, Names
from shared.schemas.codec import encode_data
from shared.schemas.directory import PersonErased, PersonMerged
from shared.schemas.enrolment import EnrolmentCompleted, EnrolmentResultCorrected
from shared.schemas.event import Envelope, Event
from shared.storage.work import Slot

__all__ = ["ISSUED", "Issuing", "Store"]

ISSUED = Counter("clusterskills_certificates_issued", "Certificates issued, first ones and reissues")
WITHHELD = Counter("clusterskills_awards_withheld", "Completions held back for want of the body's grant", ["reason"])
_AT_ONCE = 200

log = get_logger(__name__)

Passed = EnrolmentCompleted | EnrolmentResultCorrected


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A signed credential that waits for its transaction."""

    certificate_id: str
    place: StatusBit
    credential: bytes
    course: Course
    body: Organisation
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is to be written for one event. `again`: the reserved place is in use already, it needs another."""

    event: Passed
    holder: Holder
    course: Course
    body: Organisation
    again: bool


class Issuing:
    """The certificate's side of enrolments and people."""

    def __init__(self, pen: Pen, names: Names, now: Clock) -> None:
        self._pen, self._names, self._now = pen, names, now

    # -- before the transaction

    def prepare(self, envelopes: Sequence[Envelope], store: Store) -> None:
        """Load what the batch names, ask for names once, sign. What one event lacks is told when its turn comes."""
        self._ready([envelope.event for envelope in envelopes], store)

    def _ready(self, happened: Sequence[Event], store: Store) -> None:
        store.holders.ensure(_people(happened), self._pen.new_holder_key)
        reserved = store.issuers.reservations(_enrolments(happened))
        store.certificates.preload(r.certificate_id for r in reserved.values())
        store.withheld.preload(_enrolments(happened))
        store.work.slot(_RESERVED).update(reserved)
        # After the holders: whoever changes these facts meanwhile has saved the holder, and then this is decided again.
        store.copies.people.preload(store.holders.resolve(i).person_id for i in _people(happened))
        tasks = self._tasks([event for event in happened if isinstance(event, Passed)], store)
        if tasks:
            self._write(tasks, store)

    def _tasks(self, happened: Sequence[Passed], store: Store) -> list[_Task]:
        """Which drafts to write. Of an event that follows another of its enrolment we cannot know yet: it gets one."""
        tasks: list[_Task] = []
        times = Counted(event.enrolment_id for event in happened)
        written = {i for i, r in _reserved(store).items() if store.certificates.find(r.certificate_id) is not None}
        for event in filter(_awards, happened):
            holder = store.holders.resolve(event.person_id)
            again = event.enrolment_id in written
            alone = times[event.enrolment_id] == 1
            if holder.erased or (again and alone and not _needs_another(event, store)):
                continue
            try:
                course = store.copies.course(event.course_id, event.course_version)
                body = store.copies.organisation(course.awarding_body_id)
                # What stands is corrected under the seal that it has.
                reason = None if again else store.copies.hindrance(course, body)
            except NotYetKnown as missing:
                store.work.slot(_DRAFTS)[id(event)] = missing
                continue
            if reason is not None:
                store.work.slot(_DRAFTS)[id(event)] = _withheld(event, course, body, reason)
                continue
            store.issuers.ensure(body.id, lambda body=body: self._pen.new_issuer_key(body.id, self._now()))  # type: ignore[misc]
            tasks.append(_Task(event=event, holder=holder, course=course, body=body, again=again))
            written.add(event.enrolment_id)
        return tasks

    def _write(self, tasks: list[_Task], store: Store) -> None:
        self._reserve(tasks, store)
        named = self._names.of(task.holder.person_id for task in tasks)
        for task in tasks:
            nobody = Named(None, erased=False, known=False)
            try:
                store.work.slot(_DRAFTS)[id(task.event)] = self._draft(
                    task, named.get(task.holder.person_id, nobody), store
                )
            except (ServiceError, BadDocument, ValueError) as error:
                store.work.slot(_DRAFTS)[id(task.event)] = error

    def _reserve(self, tasks: list[_Task], store: Store) -> None:
        """Ids and places for enrolments that have none. The same on every retry, so that none is wasted."""
        reserved = _reserved(store)
        by_body: dict[str, list[str]] = {}
        for task in tasks:
            if not task.again and task.event.enrolment_id not in reserved:
                by_body.setdefault(task.body.id, []).append(task.event.enrolment_id)
        for body_id, enrolments in by_body.items():
            numbers = store.issuers.take_numbers(body_id, len(enrolments))
            reserved |= store.issuers.reserve(map(self._pen.reservation, enrolments, numbers))
        store.certificates.preload(r.certificate_id for r in reserved.values())

    def _draft(self, task: _Task, named: Named, store: Store) -> Draft | None:
        """None for an erased holder: there is nobody left to certify."""
        if named.erased:
            return None
        if named.name is None:
            raise NotYetKnown("person", task.holder.person_id)
        reservation, event, now = _reserved(store)[task.event.enrolment_id], task.event, self._now()
        place = self._place(task, reservation, store)
        known = store.certificates.find(reservation.certificate_id)
        contents = Contents(
            certificate_id=reservation.certificate_id,
            subject_id=reservation.subject_id,
            place=place,
            holder_name=named.name,
            course=task.course,
            body=task.body,
            score=event.score,
            awarded_at=known.awarded_at if known else event.completed_at or now,
            valid_from=now,
        )
        credential = self._pen.write(contents, store.issuers.keys(task.body.id)[-1])
        return Draft(
            certificate_id=reservation.certificate_id,
            place=place,
            credential=credential,
            course=task.course,
            body=task.body,
            signed_at=now,
        )

    def _place(self, task: _Task, reservation: Reservation, store: Store) -> StatusBit:
        if task.again:
            return self._pen.place(*store.issuers.take_numbers(task.body.id, 1)[0])
        return self._pen.place(reservation.list_id, reservation.counter)

    # -- in the transaction

    def complete(self, event: EnrolmentCompleted, store: Store) -> None:
        """Issue, once per enrolment."""
        draft = self._draft_or_keep(event, store)
        if draft is not None and store.certificates.find(draft.certificate_id) is None:
            self._issue(event, draft, store)

    def correct(self, event: EnrolmentResultCorrected, store: Store) -> None:
        """Revoke what is no pass any more; issue or reissue what is one."""
        known = _certificate_of(event.enrolment_id, store)
        if not event.passed:
            store.withheld.drop(event.enrolment_id)
            if known is not None:
                store.certificates.save(*domain.fail(known, self._now()))
            return
        draft = self._draft_or_keep(event, store)
        if draft is None:
            return
        if known is None:
            self._issue(event, draft, store)
        elif domain.needs_correction(known, event.score):
            self._reissue(known, event, draft, store)

    # -- what waits for a grant

    def ripe(self, store: Store, after: str) -> Iterator[tuple[str, str | None]]:
        """Behind a position, each enrolment whose award was held back and may carry its seal now. Courses for which
        that is not so are passed over as a whole."""
        place = Waiting.of(after)
        while waiting := store.withheld.behind(place, _AT_ONCE):
            end = waiting[0].end_of_course()
            if self._may_be_given(waiting[0].course_id, waiting[0].version, store):
                of_course = [one for one in waiting if one < end]
                yield from ((str(one), one.enrolment_id) for one in of_course)
                place = of_course[-1]
            else:
                yield str(end), None
                place = end

    def _may_be_given(self, course_id: str, version: int, store: Store) -> bool:
        try:
            course = store.copies.course(course_id, version)
            return store.copies.hindrance(course, store.copies.organisation(course.awarding_body_id)) is None
        except NotYetKnown:
            return False

    def give(self, enrolment_id: str, store: Store) -> int:
        """Issue what was held back of this enrolment, unless that was done. Returns how many were issued."""
        event = store.withheld.event(enrolment_id)
        if event is None:
            return 0
        self._ready([event], store)
        if isinstance(event, EnrolmentCompleted):
            self.complete(event, store)
        elif isinstance(event, EnrolmentResultCorrected):
            self.correct(event, store)
        return 1

    def _draft_or_keep(self, event: Passed, store: Store) -> Draft | None:
        """The draft for this event; None where the holder was erased, or when the award is held back."""
        found = store.work.slot(_DRAFTS).get(id(event))
        if isinstance(found, Exception):
            raise found
        if isinstance(found, Withheld):
            self._hold_back(found, event.person_id, store)
            return None
        store.withheld.drop(event.enrolment_id)
        return found

    def _hold_back(self, award: Withheld, person_id: str, store: Store) -> None:
        """Saving the holder makes sure that nobody erases or merges them at the same time and misses this."""
        holder = store.holders.resolve(person_id)
        if holder.erased or _certificate_of(award.enrolment_id, store) is not None:
            return
        store.withheld.keep(award)
        store.holders.save(replace(holder, withheld=sorted({*holder.withheld, award.enrolment_id})))
        log.warning("award_withheld", reason=award.reason, enrolment_id=award.enrolment_id, course_id=award.course_id)
        store.work.after_commit(WITHHELD.labels(award.reason).inc)

    def _issue(self, event: Passed, draft: Draft, store: Store) -> None:
        holder = store.holders.resolve(event.person_id)
        if holder.erased:
            return
        person = store.copies.person(holder.person_id)
        issued, happened = domain.issue(
            draft.certificate_id,
            _award(event, holder, draft.signed_at),
            draft.course,
            draft.body,
            draft.place,
            seen=person.shows_results_to(event.employer_id, draft.signed_at.date()),
            now=draft.signed_at,
        )
        store.certificates.save(issued, happened)
        store.certificates.seal(self._pen.seal(holder, issued.id, draft.credential))
        waiting = [i for i in holder.withheld if i != issued.enrolment_id]
        store.holders.save(replace(holder, certificates=[*holder.certificates, issued.id], withheld=waiting))
        store.work.after_commit(ISSUED.inc)

    def _reissue(self, known: Certificate, event: Passed, draft: Draft, store: Store) -> None:
        holder = store.holders.resolve(event.person_id)
        if holder.erased:
            return
        store.certificates.save(*domain.correct(known, draft.place, event.score, draft.signed_at))
        store.certificates.seal(self._pen.seal(holder, known.id, draft.credential))
        store.holders.save(holder)
        store.work.after_commit(ISSUED.inc)

    # -- people

    def erase(self, event: PersonErased, store: Store) -> None:
        """Destroy the keys and the mapping; what remains says that something valid was awarded to somebody."""
        holder = store.holders.get(event.person_id)
        for certificate_id in holder.certificates:
            _erase_certificate(certificate_id, store)
        for enrolment_id in holder.withheld:
            store.withheld.drop(enrolment_id)
        store.holders.save(domain.erase_holder(holder))

    def merge(self, event: PersonMerged, store: Store) -> None:
        """The certificates of the one become the other's."""
        loser, winner = store.holders.get(event.person_id), store.holders.resolve(event.into_person_id)
        if loser.merged_into is not None or loser.person_id == winner.person_id:
            return
        person = store.copies.person(winner.person_id)
        for certificate_id in loser.certificates:
            if winner.erased:
                _erase_certificate(certificate_id, store)
                continue
            certificate = domain.hand_over(store.certificates.get(certificate_id), winner.person_id)
            sees = person.shows_results_to(certificate.employer_id, self._now().date())
            store.certificates.save(domain.show_to_employer(certificate, sees))
        for enrolment_id in loser.withheld if winner.erased else ():
            store.withheld.drop(enrolment_id)
        gone, kept = domain.merge_holders(loser, winner)
        store.holders.save(gone)
        store.holders.save(domain.erase_holder(kept) if winner.erased else kept)


_RESERVED: Slot[str, Reservation] = Slot("reservations")
_DRAFTS: Slot[int, Draft | Withheld | Exception | None] = Slot("drafts")
"""By the `id()` of the event: two equal corrections are two."""


def _reserved(store: Store) -> dict[str, Reservation]:
    return store.work.slot(_RESERVED)


def _withheld(event: Passed, course: Course, body: Organisation, reason: str) -> Withheld:
    return Withheld(
        enrolment_id=event.enrolment_id,
        course_id=course.id,
        course_version=course.version,
        awarding_body_id=body.id,
        awarding_cluster_id=course.cluster_id,
        body_cluster_id=body.cluster_id,
        reason=reason,
        event=(event.TYPE, encode_data(event)),
    )


def _certificate_of(enrolment_id: str, store: Store) -> Certificate | None:
    reservation = _reserved(store).get(enrolment_id)
    return None if reservation is None else store.certificates.find(reservation.certificate_id)


def _needs_another(event: Passed, store: Store) -> bool:
    known = _certificate_of(event.enrolment_id, store)
    return (
        known is not None
        and isinstance(event, EnrolmentResultCorrected)
        and domain.needs_correction(known, event.score)
    )


def _erase_certificate(certificate_id: str, store: Store) -> None:
    store.certificates.save(domain.erase(store.certificates.get(certificate_id)))
    store.certificates.destroy(certificate_id)


def _award(event: Passed, holder: Holder, now: datetime) -> Award:
    return Award(
        enrolment_id=event.enrolment_id,
        person_id=holder.person_id,
        course_id=event.course_id,
        course_version=event.course_version,
        cluster_id=event.cluster_id,
        employer_id=event.employer_id,
        score=event.score,
        awarded_at=event.completed_at or now,
    )


def _awards(event: Passed) -> bool:
    return isinstance(event, EnrolmentCompleted) or event.passed


def _people(happened: Sequence[Any]) -> list[str]:
    found = [event.person_id for event in happened]
    return [*found, *(event.into_person_id for event in happened if isinstance(event, PersonMerged))]


def _enrolments(happened: Sequence[Any]) -> list[str]:
    return [event.enrolment_id for event in happened if isinstance(event, Passed)]
