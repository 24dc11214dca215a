"""The event door: one line per event."""

from collections.abc import Callable
from typing import Any

from services.certificate_service.actions.copying import Copying
from services.certificate_service.actions.issuing import Issuing, Store
from shared.bus.inbox import Handler, Subscription
from shared.schemas.catalog import CoursePublished, CourseRevised
from shared.schemas.directory import (
    AwardingGranted,
    AwardingWithdrawn,
    ConsentGiven,
    ConsentWithdrawn,
    EmploymentEnded,
    EmploymentStarted,
    OrganisationChanged,
    OrganisationRegistered,
    OrganisationSuspended,
    PersonErased,
    PersonMerged,
)
from shared.schemas.enrolment import EnrolmentCompleted, EnrolmentResultCorrected
from shared.storage.work import UnitOfWork

Stores = Callable[[UnitOfWork], Store]


def subscriptions(issuing: Issuing, copying: Copying, stores: Stores) -> list[Subscription]:
    """What this service listens to: `copies` can be rebuilt from zero, `issuing` acts once."""
    return [_copies(copying, stores), _issuing(issuing, stores)]


def _issuing(issuing: Issuing, stores: Stores) -> Subscription:
    return Subscription(
        name="issuing",
        prepare=lambda envelopes, work: issuing.prepare(envelopes, stores(work)),
        handlers={
            EnrolmentCompleted: _on(issuing.complete, stores),
            EnrolmentResultCorrected: _on(issuing.correct, stores),
            PersonErased: _on(issuing.erase, stores),
            PersonMerged: _on(issuing.merge, stores),
        },
    )


def _copies(copying: Copying, stores: Stores) -> Subscription:
    return Subscription(
        name="copies",
        event_time=True,
        prepare=lambda envelopes, work: copying.prepare(envelopes, stores(work)),
        handlers={
            CoursePublished: _on(copying.course, stores),
            CourseRevised: _on(copying.course, stores),
            OrganisationRegistered: _on(copying.organisation, stores),
            OrganisationChanged: _on(copying.organisation, stores),
            OrganisationSuspended: _on(copying.suspended, stores),
            AwardingGranted: _on(copying.granted, stores),
            AwardingWithdrawn: _on(copying.withdrawn, stores),
            PersonErased: _on(copying.erased, stores),
            EmploymentStarted: _on(copying.employment_started, stores),
            EmploymentEnded: _on(copying.employment_ended, stores),
            ConsentGiven: _on(copying.consent_given, stores),
            ConsentWithdrawn: _on(copying.consent_withdrawn, stores),
        },
    )


def _on(action: Callable[[Any, Store], None], stores: Stores) -> Handler:
    """The event goes to its action, on the store of the unit of work."""
    return lambda event, work: action(event, stores(work))
