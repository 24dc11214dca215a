"""The event door: `on_<event>`, one action each."""

from collections.abc import Callable
from typing import Any

from services.enrolment_service.actions import Actions
from shared.bus.inbox import Handler, Prepare, Subscription
from shared.schemas import catalog, certificate, directory
from shared.schemas.event import Event
from shared.storage.work import UnitOfWork

OnWork = Callable[[UnitOfWork], Actions]


def subscriptions(on_work: OnWork) -> list[Subscription]:
    """The local copies, rebuilt at will; and what happens here because of what happened elsewhere."""
    return [
        Subscription(name="copies", handlers=_copies(on_work), prepare=_preload(on_work), event_time=True),
        Subscription(name="reactions", handlers=_reactions(on_work)),
    ]


def _copies(on_work: OnWork) -> dict[type[Event], Handler]:
    def copy(put: Callable[[Actions, Any], None]) -> Handler:
        return lambda event, work: put(on_work(work), event)

    def status(value: str) -> Handler:
        return copy(lambda to, event: to.copies.set_session_status(event.session_id, value))

    return {
        catalog.CoursePublished: copy(lambda to, event: to.copies.put_course(event)),
        catalog.CourseRevised: copy(lambda to, event: to.copies.put_course(event)),
        catalog.SessionPlanned: copy(lambda to, event: to.copies.put_session(event, "planned")),
        catalog.SessionOpened: copy(lambda to, event: to.copies.put_session(event, "open")),
        catalog.SessionChanged: copy(lambda to, event: to.copies.put_session(event, None)),
        catalog.SessionRescheduled: copy(lambda to, event: to.copies.put_session(event, None)),
        catalog.SessionEnrolmentClosed: status("closed"),
        catalog.SessionStarted: status("running"),
        catalog.SessionCompleted: status("completed"),
        catalog.SessionCancelled: status("cancelled"),
        directory.OrganisationRegistered: copy(lambda to, event: to.copies.put_organisation(event)),
        directory.OrganisationChanged: copy(lambda to, event: to.copies.put_organisation(event)),
        directory.OrganisationSuspended: copy(lambda to, event: to.copies.suspend_organisation(event)),
        directory.PersonRegistered: copy(lambda to, event: to.copies.put_person(event)),
        directory.PersonMerged: copy(lambda to, event: to.sight.merge(event)),
        directory.PersonErased: copy(lambda to, event: to.sight.erase(event)),
        directory.PortalChanged: copy(lambda to, event: to.copies.put_portal(event)),
        directory.EmploymentStarted: copy(lambda to, event: to.sight.start_employment(event)),
        directory.EmploymentEnded: copy(lambda to, event: to.sight.end_employment(event)),
        directory.ConsentGiven: copy(lambda to, event: to.sight.give_consent(event)),
        directory.ConsentWithdrawn: copy(lambda to, event: to.sight.withdraw_consent(event)),
        certificate.CertificateIssued: copy(lambda to, event: to.copies.certify(event)),
        certificate.CertificateReinstated: copy(lambda to, event: to.copies.certify(event)),
        certificate.CertificateRevoked: copy(lambda to, event: to.copies.decertify(event)),
        certificate.CertificateSuspended: copy(lambda to, event: to.copies.decertify(event)),
    }


def _reactions(on_work: OnWork) -> dict[type[Event], Handler]:
    def on_session_opened(event: catalog.SessionOpened, work: UnitOfWork) -> None:
        on_work(work).seats.open_seats(event.session_id, event.cluster_id, event.capacity, event.waitlist_limit)

    def on_session_enrolment_closed(event: catalog.SessionEnrolmentClosed, work: UnitOfWork) -> None:
        on_work(work).seats.close_seats(event.session_id)

    def on_session_started(event: catalog.SessionStarted, work: UnitOfWork) -> None:
        on_work(work).seats.close_seats(event.session_id)

    def on_session_cancelled(event: catalog.SessionCancelled, work: UnitOfWork) -> None:
        on_work(work).seats.cancel_session(event.session_id)

    def on_person_erased(event: directory.PersonErased, work: UnitOfWork) -> None:
        on_work(work).people.forget(event.person_id)

    def on_person_merged(event: directory.PersonMerged, work: UnitOfWork) -> None:
        on_work(work).people.merge(event.person_id, event.into_person_id)

    return {
        catalog.SessionOpened: on_session_opened,
        catalog.SessionEnrolmentClosed: on_session_enrolment_closed,
        catalog.SessionStarted: on_session_started,
        catalog.SessionCancelled: on_session_cancelled,
        directory.PersonErased: on_person_erased,
        directory.PersonMerged: on_person_merged,
    }


def _preload(on_work: OnWork) -> Prepare:
    """Everything that the batch names, in one query."""
    return lambda envelopes, work: on_work(work).copies.preload(envelope.event for envelope in envelopes)
