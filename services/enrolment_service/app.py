"""Wiring: the only reader of settings and the only opener of connections."""

import threading
from dataclasses import dataclass

from services.enrolment_service import api, handlers, timers
from services.enrolment_service.actions import Actions
from services.enrolment_service.store import SERVICE, Store
from services.enrolment_service.store.calendar import BusyQuestion, resolve_busy
from services.enrolment_service.store.desk import (
    SeatQuestion,
    SlotQuestion,
    resolve_seats,
    resolve_slots,
    settle_until,
)
from shared.auth.references import external_ref
from shared.bus.worker import Plan
from shared.clock import new_id
from shared.http.app import ServiceApp
from shared.settings import setting
from shared.storage.group import Resolver
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.house import House
from shared.wiring.operations import operations_door


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentSettings:
    """What only this service reads."""

    external_ref_secret: str = setting(
        "EXTERNAL_REF_SECRET", "Keys the hash of partners' own numbers", example="32 random bytes", secret=True
    )


def create_app() -> ServiceApp:
    """The API, for gunicorn."""
    house = House(SERVICE)
    secret = house.settings(EnrolmentSettings).external_ref_secret
    door = api.make_door(
        _actions,
        lambda: _actions(house.work()),
        lambda cluster_id, external_id: external_ref(secret, cluster_id, external_id),
    )
    threading.Thread(target=settle_until, args=(house.closing, house.database), name="settle", daemon=True).start()
    resolvers: dict[type, Resolver] = {
        SeatQuestion: resolve_seats,
        SlotQuestion: resolve_slots,
        BusyQuestion: resolve_busy,
    }
    return house.app([door, operations_door(_plan(house), house.clock)], resolvers=resolvers)


def wire_worker() -> tuple[House, Plan]:
    """What the worker process runs: relay, consumers and timers."""
    house = House(SERVICE)
    return house, _plan(house)


def _plan(house: House) -> Plan:
    return house.plan(
        subscriptions=handlers.subscriptions(_actions),
        timers=timers.timers(
            lambda act: decide(house.client, house.work, lambda work: act(_actions(work))),
            lambda: _actions(house.work()),
        ),
    )


def _actions(work: UnitOfWork) -> Actions:
    return Actions(Store(work), lambda: work.clock(), new_id)
