"""What becomes of enrolments when the directory merges or erases people."""

from services.enrolment_service import domain
from services.enrolment_service.actions.base import Base


class People(Base):
    """Called by events of the directory and by the timer that follows them."""

    def merge(self, person_id: str, into_person_id: str) -> None:
        """Two records are one worker, who keeps both histories; of two enrolments in one session one ends."""
        records = [into_person_id, *self.copies.people.records_of(person_id)]
        for enrolment in domain.surplus(self.store.active_of(records), into_person_id):
            self._leave(enrolment, domain.cancel(enrolment, "merged", None, "directory", self.now()))

    def forget(self, person_id: str) -> None:
        """A person was erased; what is open of theirs ends, chunk by chunk."""
        self.store.erasures.begin(person_id, self.now())

    def end_of_erased(self, person_id: str, chunk: int = 50) -> int:
        """Cancel some of what is open of an erased person, in records that were merged too; what it held comes free.
        Then forget some of what was written about them."""
        records = self.copies.people.records_of(person_id)
        some = self.store.open_of(records, limit=chunk)
        for enrolment in some:
            self._leave(enrolment, domain.cancel(enrolment, "erased", None, "directory", self.now()))
        told = [] if some else self.store.with_words(records, limit=chunk)
        for enrolment in told:
            self.store.save(domain.without_words(enrolment), [])
        if not some and not told:
            self.store.erasures.look_later(person_id, self.now())
        return len(some) + len(told)
