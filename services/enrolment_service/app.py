"""Enrolment put together: the only reader of its settings and opener of its connections."""

from functools import partial

from services.enrolment_service import api, handlers, timers
from services.enrolment_service.actions import Actions
from services.enrolment_service.store import SERVICE, Store
from services.enrolment_service.store.calendar import BusyQuestion, resolve_busy
from services.enrolment_service.store.changes import ENROLMENTS
from services.enrolment_service.store.desk import SeatClaims, SeatQuestion, SlotQuestion, resolve_slots
from shared.auth.references import ReferenceSettings, external_ref
from shared.storage import feed
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.frame import Frame, Wired
from shared.wiring.runtime import Runtime


def wire(runtime: Runtime) -> Wired:
    """The parts of enrolment."""
    secret = runtime.settings(ReferenceSettings).external_ref_secret
    claims = SeatClaims()

    def acting(work: UnitOfWork) -> Actions:
        return Actions(Store(work), lambda: work.clock(), runtime.ids)

    def reading() -> Actions:
        return acting(runtime.work())

    return Wired(
        doors=[api.make_door(acting, reading, partial(external_ref, secret))],
        subscriptions=handlers.subscriptions(acting),
        stamp=partial(feed.stamp, ENROLMENTS, runtime.client, runtime.database, runtime.clock),
        timers=timers.timers(lambda act: decide(runtime.client, runtime.work, lambda work: act(acting(work))), reading),
        resolvers={SeatQuestion: claims.resolve_seats, SlotQuestion: resolve_slots, BusyQuestion: resolve_busy},
        beside=partial(claims.settle_until, runtime.closing, runtime.database),
    )


FRAME = Frame(SERVICE, wire)
create_app, wire_worker = FRAME.create_app, FRAME.wire_worker
