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
    def copy(name: str, *rest: Any) -> Handler:
        return lambda event, work: getattr(on_work(work).store.copies, name)(event, *rest)

    def status(value: str) -> Handler:
        return lambda event, work: on_work(work).store.copies.set_session_status(event.session_id, value)

    return {
        catalog.CoursePublished: copy("put_course"),
        catalog.CourseRevised: copy("put_course"),
        catalog.SessionPlanned: copy("put_session", "planned"),
        catalog.SessionOpened: copy("put_session", "open"),
        catalog.SessionChanged: copy("put_session", None),
        catalog.SessionRescheduled: copy("put_session", None),
        catalog.SessionEnrolmentClosed: status("closed"),
        catalog.SessionStarted: status("running"),
        catalog.SessionCompleted: status("completed"),
        catalog.SessionCancelled: status("cancelled"),
        directory.PersonRegistered: copy("put_person"),
        directory.PersonMerged: copy("merge_person"),
        directory.PersonErased: copy("erase_person"),
        directory.PortalChanged: copy("put_portal"),
        directory.EmploymentStarted: copy("start_employment"),
        directory.EmploymentEnded: copy("end_employment"),
        directory.ConsentGiven: copy("give_consent"),
        directory.ConsentWithdrawn: copy("withdraw_consent"),
        certificate.CertificateIssued: copy("certify"),
        certificate.CertificateReinstated: copy("certify"),
        certificate.CertificateRevoked: copy("decertify"),
        certificate.CertificateSuspended: copy("decertify"),
    }


def _reactions(on_work: OnWork) -> dict[type[Event], Handler]:
    def on_session_opened(event: catalog.SessionOpened, work: UnitOfWork) -> None:
        on_work(work).open_seats(event.session_id, event.cluster_id, event.capacity, event.waitlist_limit)

    def on_session_enrolment_closed(event: catalog.SessionEnrolmentClosed, work: UnitOfWork) -> None:
        on_work(work).close_seats(event.session_id)

    def on_session_started(event: catalog.SessionStarted, work: UnitOfWork) -> None:
        on_work(work).close_seats(event.session_id)

    def on_session_cancelled(event: catalog.SessionCancelled, work: UnitOfWork) -> None:
        on_work(work).cancel_session(event.session_id)

    def on_person_erased(event: directory.PersonErased, work: UnitOfWork) -> None:
        on_work(work).forget(event.person_id)

    def on_person_merged(event: directory.PersonMerged, work: UnitOfWork) -> None:
        on_work(work).merge(event.person_id, event.into_person_id)

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
    return lambda envelopes, work: on_work(work).store.copies.preload(envelope.event for envelope in envelopes)
