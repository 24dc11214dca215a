"""What can be done with the catalogue: each method loads, decides and saves."""

from collections.abc import Callable
from datetime import datetime

from services.catalog_service.actions.courses import Courses
from services.catalog_service.actions.sessions import Sessions
from services.catalog_service.store import Store

__all__ = ["Actions"]


class Actions:
    """Everything that can be done within one unit of work."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self.copies = store.copies
        self.courses = Courses(store, now, new_id)
        self.sessions = Sessions(store, now, new_id)
