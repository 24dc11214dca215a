"""The directory put together: the only reader of its settings and opener of its connections."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from services.directory_service.actions import Actions
from services.directory_service.actions.importing import ImportKind
from services.directory_service.api import Parts, make_door
from services.directory_service.store import SERVICE, Store
from shared.auth.references import external_ref
from shared.bus.timers import Timer
from shared.clock import Clock, Ids, new_id, utc_now
from shared.files import Files
from shared.http.app import ServiceApp
from shared.jobs.runner import Runner
from shared.jobs.store import Jobs
from shared.sealing import MasterSecret
from shared.settings import setting
from shared.storage.work import UnitOfWork
from shared.wiring.house import House
from shared.wiring.jobs import KeepFile, keeper
from shared.wiring.operations import operations_door


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySettings:
    """What only services that are given partners' numbers need to know."""

    external_ref_secret: str = setting(
        "EXTERNAL_REF_SECRET",
        "Keys the hashes of partners' own numbers; the same in every service",
        example="32 random bytes",
        secret=True,
    )


def create_app(*, clock: Clock = utc_now, ids: Ids = new_id) -> ServiceApp:
    """The HTTP application, for gunicorn."""
    house = House(SERVICE, clock=clock)
    tools = _Tools(house, ids)
    parts = Parts(
        writing=tools.acting,
        reading=lambda: tools.acting(house.work()),
        jobs=lambda work: Jobs(work or house.work()),
        open_file=tools.files.open,
    )
    apart: dict[type, Callable[[Any], Any]] = {KeepFile: keeper(tools.files)}
    return house.app([make_door(parts), operations_door(house.plan(), clock)], apart=apart)


def run_worker() -> None:
    """Publish what happened and carry on imports, until SIGTERM."""
    house = House(SERVICE)
    tools = _Tools(house, new_id)
    sweep = Timer("files", 60.0, tools.files.sweep)
    house.run_worker(house.plan(timers=[sweep], runs={"jobs": tools.runner().run}))


def make_runner(house: House, ids: Ids = new_id) -> Runner:
    """What carries on the directory's jobs."""
    return _Tools(house, ids).runner()


class _Tools:
    """What the API and the worker are made of."""

    def __init__(self, house: House, ids: Ids) -> None:
        self._house, self._ids = house, ids
        secret = house.settings(DirectorySettings).external_ref_secret
        self._refs = partial(external_ref, secret)
        # One secret of the service, and keys derived from it for each purpose: files are read by nobody else.
        self.files = Files(house.database, MasterSecret(sha256(secret.encode()).digest()), house.clock)

    def acting(self, work: UnitOfWork) -> Actions:
        """The actions of one unit of work."""
        return Actions(Store(work), Jobs(work), self._house.clock, self._ids, self._refs)

    def runner(self) -> Runner:
        """Carries on the jobs."""
        house = self._house
        imports = ImportKind(open_file=self.files.open, store=Store, refs=self._refs, now=house.clock, new_id=self._ids)
        return Runner(house.client, house.database, house.work, [imports])
