"""The catalogue put together: the only reader of its settings and opener of its connections."""

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
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.frame import Frame, Wired
from shared.wiring.house import House


def wire(house: House) -> Wired:
    """The parts of the catalogue. The API keeps an index of courses beside its requests."""
    skills = Skills(house.database)
    vocabulary = Vocabulary(skills)
    shelf = Shelf(house.database, lambda: Offers(house.work()), house.closing)
    searches = SearchDesk(shelf.index, skills, lambda: Store(house.work()))

    def acting(work: UnitOfWork) -> Actions:
        return Actions(Store(work), work.clock, house.ids)

    def reading() -> Actions:
        return acting(house.work())

    def keep_shelf() -> None:
        house.wait()
        shelf.keep()

    parts = Parts(
        writing=acting,
        reading=reading,
        skills=lambda: SkillsDesk(skills, vocabulary, house.ids),
        searches=lambda: searches,
    )
    return Wired(
        doors=[make_door(parts)],
        subscriptions=handlers.subscriptions(acting),
        timers=timers.timers(lambda act: decide(house.client, house.work, lambda work: act(acting(work))), reading),
        beside=keep_shelf,
    )


FRAME = Frame(SERVICE, wire)
create_app, wire_worker = FRAME.create_app, FRAME.wire_worker
