"""What can be done with the directory: each method loads, decides and saves."""

from collections.abc import Callable
from datetime import datetime

from services.directory_service.actions.grants import Grants
from services.directory_service.actions.organisations import Organisations
from services.directory_service.actions.people import People
from services.directory_service.actions.relations import Consents, Employments, Memberships
from services.directory_service.store import Store

__all__ = ["Actions"]


class Actions:
    """Everything that can be done within one unit of work."""

    def __init__(
        self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str], refs: Callable[[str, str], str]
    ) -> None:
        self.organisations = Organisations(store, new_id)
        self.memberships = Memberships(store, now, new_id)
        self.grants = Grants(store, now, new_id)
        self.people = People(store, now, new_id, refs)
        self.employments = Employments(store, now, new_id)
        self.consents = Consents(store, now, new_id)
