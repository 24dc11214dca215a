"""What can be done with enrolments: each method loads, decides and saves."""

from collections.abc import Callable
from datetime import datetime

from services.enrolment_service.actions.applying import Applying
from services.enrolment_service.actions.base import Row
from services.enrolment_service.actions.consents import Consents
from services.enrolment_service.actions.decisions import Decisions
from services.enrolment_service.actions.people import People
from services.enrolment_service.actions.reading import Reading
from services.enrolment_service.actions.rosters import Rosters
from services.enrolment_service.actions.seats import Seating
from services.enrolment_service.actions.sight import Sight
from services.enrolment_service.store import Store

__all__ = ["Actions", "Row"]


class Actions:
    """Everything that can be done within one unit of work."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self.store, self.copies, self.now = store, store.copies, now
        self.applying = Applying(store, now, new_id)
        self.consents = Consents(store, now, new_id)
        self.decisions = Decisions(store, now, new_id)
        self.reading = Reading(store, now, new_id)
        self.rosters = Rosters(store, now, new_id)
        self.seats = Seating(store, now, new_id)
        self.people = People(store, now, new_id)
        self.sight = Sight(store, now, new_id)
