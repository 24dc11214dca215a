"""The catalogue put together: the only reader of its settings and opener of its connections."""

from services.catalog_service import handlers, timers
from services.catalog_service.actions import Actions
from services.catalog_service.api import Parts, make_door
from services.catalog_service.store import SERVICE, Store
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.frame import Frame, Wired
from shared.wiring.house import House


def wire(house: House) -> Wired:
    """The parts of the catalogue."""

    def acting(work: UnitOfWork) -> Actions:
        return Actions(Store(work), work.clock, house.ids)

    def reading() -> Actions:
        return acting(house.work())

    return Wired(
        doors=[make_door(Parts(writing=acting, reading=reading))],
        subscriptions=handlers.subscriptions(acting),
        timers=timers.timers(lambda act: decide(house.client, house.work, lambda work: act(acting(work))), reading),
    )


FRAME = Frame(SERVICE, wire)
create_app, wire_worker = FRAME.create_app, FRAME.wire_worker
