"""The directory put together: the only reader of its settings and opener of its connections."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from services.directory_service.actions import Actions
from services.directory_service.api import Parts, make_door
from services.directory_service.store import SERVICE, Store
from shared.auth.references import external_ref
from shared.clock import Clock, Ids, new_id, utc_now
from shared.http.app import ServiceApp
from shared.settings import setting
from shared.storage.work import UnitOfWork
from shared.wiring.house import House
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
    acting = _acting(house, ids)
    parts = Parts(writing=acting, reading=lambda: acting(house.work()))
    return house.app([make_door(parts), operations_door(house.plan(), clock)])


def run_worker() -> None:
    """Publish what happened, until SIGTERM."""
    house = House(SERVICE)
    house.run_worker(house.plan())


def _acting(house: House, ids: Ids) -> Callable[[UnitOfWork], Actions]:
    secret = house.settings(DirectorySettings).external_ref_secret
    return lambda work: Actions(Store(work), house.clock, ids, partial(external_ref, secret))
