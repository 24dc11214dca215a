"""The directory put together: the only reader of its settings and opener of its connections."""

from functools import partial
from hashlib import sha256

from services.directory_service.actions import Actions
from services.directory_service.actions.importing import ImportKind
from services.directory_service.api import Parts, make_door
from services.directory_service.settings import DirectorySettings
from services.directory_service.store import SERVICE, Store
from shared.auth.references import external_ref
from shared.bus.timers import Timer
from shared.files import Files
from shared.jobs.store import Jobs
from shared.sealing import MasterSecret
from shared.storage.work import UnitOfWork
from shared.wiring.frame import Frame, Wired
from shared.wiring.house import House
from shared.wiring.jobs import KeepFile, keeper


def wire(house: House) -> Wired:
    """The parts of the directory."""
    secret = house.settings(DirectorySettings).external_ref_secret
    refs = partial(external_ref, secret)
    # One secret of the service, and keys derived from it for each purpose: files are read by nobody else.
    files = Files(house.database, MasterSecret(sha256(secret.encode()).digest()), house.clock)

    def acting(work: UnitOfWork) -> Actions:
        return Actions(Store(work), Jobs(work), house.clock, house.ids, refs)

    parts = Parts(
        writing=acting,
        reading=lambda: acting(house.work()),
        jobs=lambda work: Jobs(work or house.work()),
        open_file=files.open,
    )
    return Wired(
        doors=[make_door(parts)],
        timers=[Timer("files", 60.0, files.sweep)],
        jobs=[ImportKind(open_file=files.open, store=Store, refs=refs, now=house.clock, new_id=house.ids)],
        apart={KeepFile: keeper(files)},
    )


FRAME = Frame(SERVICE, wire)
create_app, wire_worker, make_runner = FRAME.create_app, FRAME.wire_worker, FRAME.runner
