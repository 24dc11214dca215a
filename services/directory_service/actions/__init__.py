"""What can be done with the directory: each method loads, decides and saves."""

from collections.abc import Callable
from datetime import datetime

from services.directory_service.actions.accounts import Accounts
from services.directory_service.actions.common import Ask
from services.directory_service.actions.exports import Exports
from services.directory_service.actions.grants import Grants
from services.directory_service.actions.importing import PeopleImports
from services.directory_service.actions.invitations import Invitations
from services.directory_service.actions.organisations import Organisations
from services.directory_service.actions.people import People
from services.directory_service.actions.portals import Portals
from services.directory_service.actions.programs import Programs
from services.directory_service.actions.relations import Consents, Employments, Memberships
from services.directory_service.store import Store
from shared.jobs.store import Jobs

__all__ = ["Actions"]


class Actions:
    """Everything that can be done within one unit of work."""

    def __init__(
        self,
        store: Store,
        jobs: Jobs,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        refs: Callable[[str, str], str],
        ask: Ask,
        invitation_secret: Callable[[str], str],
    ) -> None:
        self.organisations = Organisations(store, new_id)
        self.memberships = Memberships(store, now, new_id)
        self.grants = Grants(store, now, new_id)
        self.people = People(store, now, new_id, refs, ask)
        self.employments = Employments(store, now, new_id)
        self.accounts = Accounts(store, now, new_id, self.people)
        self.consents = Consents(store, now, new_id)
        self.portals = Portals(store)
        self.invitations = Invitations(store, now, new_id, ask, invitation_secret)
        self.programs = Programs(store, now, new_id, ask)
        self.exports = Exports(store, now, new_id)
        self.imports = PeopleImports(store, jobs, new_id)
