"""Who may see enrolments follows employments and consents, and the feed follows that."""

from services.enrolment_service.actions.base import Base
from shared.people.person import SHARE_RESULTS
from shared.schemas import directory


class Sight(Base):
    """One method per event. A rebuild only makes copies: nobody reads those yet."""

    def start_employment(self, event: directory.EmploymentStarted) -> None:
        """The employer may see what is shared with it."""
        self.copies.people.start_employment(event)
        self._moved(event.person_id, event.organisation_id)

    def end_employment(self, event: directory.EmploymentEnded) -> None:
        """The former employer may not, from the day after on."""
        self.copies.people.end_employment(event)
        self._moved(event.person_id, event.organisation_id)

    def give_consent(self, event: directory.ConsentGiven) -> None:
        """The employer may see results while the worker is employed there."""
        self.copies.give_consent(event)
        if event.purpose == SHARE_RESULTS:
            self._moved(event.person_id, event.organisation_id)

    def withdraw_consent(self, event: directory.ConsentWithdrawn) -> None:
        """The employer may see nothing, at once."""
        self.copies.people.withdraw_consent(event)
        self._moved(event.person_id, event.organisation_id)

    def merge(self, event: directory.PersonMerged) -> None:
        """The employers of both records see what is there of either."""
        self.copies.people.merge(event)
        self._moved(event.into_person_id)

    def erase(self, event: directory.PersonErased) -> None:
        """No employer may see anything."""
        self.copies.erase_person(event)
        self._moved(event.person_id)

    def _moved(self, person_id: str, employer_id: str | None = None) -> None:
        if self.copies.in_use():
            self.store.changes.move(self.copies.people.records_of(person_id), employer_id)
