"""What employers' HR may see: follows employments and consents, and the days on which those begin and end."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from services.certificate_service import domain
from services.certificate_service.actions.writing import Pen
from services.certificate_service.store import Reconciled, Store
from shared.clock import Clock
from shared.people.person import Person
from shared.schemas.directory import ConsentEvent, EmploymentEvent
from shared.schemas.event import Envelope
from shared.storage.work import Slot, UnitOfWork

_IN_USE: Slot[None, bool] = Slot("whether the copies are in use")


class Visibility:
    """Keeps `employer_sees` of certificates right, in the transactions that change what it depends on."""

    def __init__(self, pen: Pen, now: Clock) -> None:
        self._pen, self._now = pen, now
        self._faultless: Reconciled | None = None

    def prepare(self, envelopes: Sequence[Envelope], store: Store) -> None:
        """Load what the batch names. A rebuild only makes copies: nobody reads those yet."""
        in_use = store.work.slot(_IN_USE)[None] = store.copies.in_use()
        if in_use:
            people = _people(envelope.event for envelope in envelopes)
            store.holders.ensure(people, self._pen.new_holder_key)
            store.certificates.preload(i for person in people for i in store.holders.get(person).certificates)

    def follow(self, person_id: str, store: Store) -> None:
        """An employment or a consent of this person changed in this unit of work."""
        if not store.work.slot(_IN_USE)[None]:
            return
        with _real_time(store.work, self._now):
            self._refresh(person_id, store.holders.get(person_id).certificates, store)

    def wrong(self, work: UnitOfWork, after: str) -> Iterator[tuple[str, tuple[str, str] | None]]:
        """By id, certificates behind one, with their holder if what is recorded of them is wrong: an employment begins
        and ends without an event on the day, and copies that were rebuilt may say something else.

        Nothing any more once they were gone through on this day, with these copies, without finding any.
        """
        store = Store(work)
        state = Reconciled(day=self._now().date(), copies=store.copies.generation())
        if store.feed.reconciled() == state:
            return
        self._faultless = self._faultless if after else state
        for certificate_id, person_id in store.feed.wrongly_shown(self._now().date(), after):
            if person_id is not None:
                self._faultless = None
            yield certificate_id, None if person_id is None else (person_id, certificate_id)
        if self._faultless == state:
            store.feed.note_reconciled(state)

    def put_right(self, person_id: str, certificate_id: str, work: UnitOfWork) -> int:
        """Record what holds. Returns how many certificates changed."""
        return self._refresh(person_id, [certificate_id], Store(work))

    def _refresh(self, person_id: str, certificate_ids: Iterable[str], store: Store) -> int:
        """Saving the holder makes sure that nothing is issued to them at the same time on the old facts."""
        person, today, changed = store.copies.person(person_id), self._now().date(), 0
        for certificate_id in certificate_ids:
            changed += _show(certificate_id, person, today, store)
        store.holders.save(store.holders.get(person_id))
        return changed


def _show(certificate_id: str, person: Person, today: date, store: Store) -> bool:
    certificate = store.certificates.get(certificate_id)
    sees = not certificate.erased and person.shows_results_to(certificate.employer_id, today)
    if certificate.employer_sees == sees:
        return False
    store.certificates.save(domain.show_to_employer(certificate, sees))
    return True


def _people(happened: Iterable[Any]) -> list[str]:
    return [event.person_id for event in happened if isinstance(event, ConsentEvent | EmploymentEvent)]


@contextmanager
def _real_time(work: UnitOfWork, now: Clock) -> Iterator[None]:
    """The copies live in the events' own time; certificates do not."""
    event_time, work.clock = work.clock, now
    try:
        yield
    finally:
        work.clock = event_time
