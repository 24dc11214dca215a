"""The catalogue put together: the only reader of its settings and opener of its connections."""

from services.catalog_service import handlers, timers
from services.catalog_service.actions import Actions
from services.catalog_service.actions.searching import CourseSearch
from services.catalog_service.actions.skills import SkillSearch
from services.catalog_service.adapters.live_index import LiveIndex
from services.catalog_service.adapters.vocabulary import Vocabulary
from services.catalog_service.api import Parts, make_door
from services.catalog_service.store import SERVICE, Store
from services.catalog_service.store.offers import Offers
from services.catalog_service.store.skills import Skills
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.frame import Frame, Wired
from shared.wiring.runtime import Runtime


def wire(runtime: Runtime) -> Wired:
    """The parts of the catalogue. The API keeps an index of courses beside its requests."""
    skills = Skills(runtime.database)
    vocabulary = Vocabulary(skills)
    live_index = LiveIndex(runtime.database, lambda: Offers(runtime.work()), runtime.closing)
    searches = CourseSearch(live_index.index, skills, lambda: Store(runtime.work()))

    def acting(work: UnitOfWork) -> Actions:
        return Actions(Store(work), work.clock, runtime.ids)

    def reading() -> Actions:
        return acting(runtime.work())

    def keep_shelf() -> None:
        runtime.wait()
        live_index.keep()

    parts = Parts(
        writing=acting,
        reading=reading,
        skills=lambda: SkillSearch(skills, vocabulary, runtime.ids),
        searches=lambda: searches,
    )
    return Wired(
        doors=[make_door(parts)],
        subscriptions=handlers.subscriptions(acting),
        timers=timers.timers(lambda act: decide(runtime.client, runtime.work, lambda work: act(acting(work))), reading),
        beside=keep_shelf,
    )


FRAME = Frame(SERVICE, wire)
create_app, wire_worker = FRAME.create_app, FRAME.wire_worker
