"""The catalogue put together: the only reader of its settings and opener of its connections."""

from collections.abc import Callable

from services.catalog_service import handlers, timers
from services.catalog_service.actions import Actions
from services.catalog_service.actions.searching import SearchDesk
from services.catalog_service.actions.skills import SkillsDesk
from services.catalog_service.adapters.shelf import Shelf
from services.catalog_service.adapters.vocabulary import Vocabulary
from services.catalog_service.api import Parts, make_door
from services.catalog_service.store import SERVICE, Store
from services.catalog_service.store.offers import Offers
from services.catalog_service.store.skills import Skills
from shared.bus.worker import Plan
from shared.clock import Clock, Ids, new_id, utc_now
from shared.http.app import ServiceApp
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.house import House
from shared.wiring.operations import operations_door


def create_app(*, clock: Clock = utc_now, ids: Ids = new_id) -> ServiceApp:
    """The HTTP application, for gunicorn."""
    house = House(SERVICE, clock=clock)
    acting = _acting(ids)
    skills = Skills(house.database)
    vocabulary = Vocabulary(lambda: skills)
    shelf = Shelf(house.database, lambda: Offers(house.work()), house.closing)
    shelf.start(house.wait)
    searches = SearchDesk(shelf.index, skills, lambda: Store(house.work()))
    parts = Parts(
        writing=acting,
        reading=lambda: acting(house.work()),
        skills=lambda: SkillsDesk(skills, vocabulary, ids),
        searches=lambda: searches,
    )
    app = house.app([make_door(parts), operations_door(_plan(house, acting), clock)])
    app.extensions["shelf"] = shelf
    return app


def run_worker() -> None:
    """Relay, consumer and timer, until SIGTERM."""
    house = House(SERVICE)
    house.run_worker(_plan(house, _acting(new_id)))


def _plan(house: House, acting: Callable[[UnitOfWork], Actions]) -> Plan:
    return house.plan(
        subscriptions=handlers.subscriptions(acting),
        timers=timers.timers(
            lambda act: decide(house.client, house.work, lambda work: act(acting(work))),
            lambda: acting(house.work()),
        ),
    )


def _acting(ids: Ids) -> Callable[[UnitOfWork], Actions]:
    return lambda work: Actions(Store(work), work.clock, ids)
