"""Keeping copies of what others own, and with them what employers may see."""

from collections.abc import Sequence

from services.certificate_service.actions.visibility import Visibility
from services.certificate_service.store import Store
from shared.schemas.catalog import CourseContent
from shared.schemas.directory import (
    AwardingGranted,
    AwardingWithdrawn,
    ConsentGiven,
    ConsentWithdrawn,
    EmploymentEnded,
    EmploymentStarted,
    OrganisationFacts,
    OrganisationSuspended,
    PersonErased,
)
from shared.schemas.event import Envelope


class Copying:
    """One method per event."""

    def __init__(self, visibility: Visibility) -> None:
        self._visibility = visibility

    def prepare(self, envelopes: Sequence[Envelope], store: Store) -> None:
        """Load what the batch names."""
        self._visibility.prepare(envelopes, store)

    def course(self, event: CourseContent, store: Store) -> None:
        """A version was published: its whole content."""
        store.copies.put_course(event)

    def organisation(self, event: OrganisationFacts, store: Store) -> None:
        """Its public facts."""
        store.copies.put_organisation(event)

    def suspended(self, event: OrganisationSuspended, store: Store) -> None:
        """It awards nothing for now."""
        store.copies.suspend_organisation(event)

    def granted(self, event: AwardingGranted, store: Store) -> None:
        """Somebody's courses may carry a seal."""
        store.copies.grant(event)

    def withdrawn(self, event: AwardingWithdrawn, store: Store) -> None:
        """They no longer may."""
        store.copies.withdraw(event)

    def erased(self, event: PersonErased, store: Store) -> None:
        """Nothing is left to know."""
        store.copies.people.erase(event)

    def employment_started(self, event: EmploymentStarted, store: Store) -> None:
        """The employer may see results, given consent."""
        store.copies.people.start_employment(event)
        self._visibility.follow(event.person_id, store)

    def employment_ended(self, event: EmploymentEnded, store: Store) -> None:
        """The former employer may not, from the day after on."""
        store.copies.people.end_employment(event)
        self._visibility.follow(event.person_id, store)

    def consent_given(self, event: ConsentGiven, store: Store) -> None:
        """The employer may see results while employed there."""
        store.copies.people.give_consent(event)
        self._visibility.follow(event.person_id, store)

    def consent_withdrawn(self, event: ConsentWithdrawn, store: Store) -> None:
        """The employer may see nothing, at once."""
        store.copies.people.withdraw_consent(event)
        self._visibility.follow(event.person_id, store)
