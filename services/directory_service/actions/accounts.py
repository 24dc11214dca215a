"""What an employer's HR system does: it makes people known, keeps them up to date, and says who works there."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from services.directory_service.actions.common import DirectoryActions
from services.directory_service.actions.people import People
from services.directory_service.domain import access, account, person, relations
from services.directory_service.domain.access import Actor
from services.directory_service.domain.account import Account, Wish
from services.directory_service.domain.criteria import AccountCriteria
from services.directory_service.domain.person import Person
from services.directory_service.store import Store
from shared.errors import Conflict, Forbidden, NotFound
from shared.storage.documents import not_found


@dataclass(frozen=True, slots=True)
class User:
    """An account, and what is told of its person: to an employer for whom they work what is known, else what that
    employer said itself.
    """

    account: Account
    person: Person
    active: bool

    @property
    def told(self) -> Person | Account:
        """Who tells the names and the address."""
        return self.person if self.active else self.account


class Accounts(DirectoryActions):
    """One employer's people: the caller's organisation, of which there must be exactly one."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str], people: People) -> None:
        super().__init__(store, now, new_id)
        self._people = people

    def make(self, actor: Actor, wish: Wish) -> User:
        """Make somebody known; who has this number in the cluster already and works here is taken up."""
        employer, cluster_id = _employer(actor)
        self._require_free(employer, wish, None)
        found = self._taken_up(actor, wish)
        account_id = f"{employer}/{found.id}"
        if self._store.find(Account, account_id):
            raise Conflict("This person has an account already.", code="USER_NAME_TAKEN")
        mine = Account(
            id=account_id,
            organisation_id=employer,
            cluster_id=cluster_id,
            person_id=found.id,
            user_name=wish.user_name,
            user_key=account.key_of(wish.user_name),
        )
        kept = self._store.save(account.said(mine, wish))
        return User(kept, found, self._employ(kept, found, active=wish.active))

    def get(self, actor: Actor, person_id: str) -> User:
        """One of the employer's people."""
        return self._users([self._account(actor, person_id)])[0]

    def page(self, actor: Actor, criteria: AccountCriteria, skip: int, limit: int) -> tuple[list[User], int]:
        """Some of them by id, and how many there are."""
        employer, _ = _employer(actor)
        found, total = self._store.accounts(replace(criteria, organisation=employer), skip, limit)
        return self._users(found), total

    def replace(self, actor: Actor, person_id: str, wish: Wish) -> User:
        """Say anew who somebody is and whether they work for the employer.

        Of somebody who works there no more, the employer's own account changes and nothing else.
        """
        before = self._account(actor, person_id)
        self._require_free(before.organisation_id, wish, before)
        found = self._store.get(Person, before.person_id)
        if wish.active or self._standing(before) is not None:
            found = self._change(actor, found, wish)
        after = account.said(before, wish)
        kept = before if after == before else self._store.save(after)
        return User(kept, found, self._employ(kept, found, active=wish.active))

    def remove(self, actor: Actor, person_id: str) -> None:
        """End the employment and forget the account. The person stays the cluster's."""
        found = self._account(actor, person_id)
        self._employ(found, self._store.get(Person, found.person_id), active=False)
        self._store.forget_account(found.id)

    # -- inside

    def _account(self, actor: Actor, person_id: str) -> Account:
        employer, _ = _employer(actor)
        found = self._store.find(Account, f"{employer}/{person_id}")
        if found is None:
            raise not_found(Account, person_id)
        return found

    def _change(self, actor: Actor, found: Person, wish: Wish) -> Person:
        if not access.may_change_person(actor, found):
            raise Forbidden("The person's own cluster changes this.", code="NOT_YOURS")
        changed, events = person.change(found, _facts(wish))
        return found if changed == found else self._store.save(changed, events)

    def _standing(self, mine: Account) -> relations.Employment | None:
        return account.open_of(self._store.employments_of(mine.person_id, mine.organisation_id), self._today())

    def _users(self, accounts: list[Account]) -> list[User]:
        ids = [one.person_id for one in accounts]
        people, jobs, today = self._store.known_people(ids), self._store.employments_of_all(ids), self._today()
        at_work = {(job.person_id, job.organisation_id) for job in jobs if account.open_of([job], today)}
        return [User(one, people[one.person_id], (one.person_id, one.organisation_id) in at_work) for one in accounts]

    def _taken_up(self, actor: Actor, wish: Wish) -> Person:
        if wish.external_id is None:
            return self._people.register(actor, _facts(wish))
        try:
            return self._people.put(actor, wish.external_id, _facts(wish), None)[0]
        except NotFound as error:
            message = "Somebody of this cluster who does not work here has this external id."
            raise Conflict(message, code="EXTERNAL_ID_TAKEN") from error

    def _require_free(self, employer: str, wish: Wish, mine: Account | None) -> None:
        wanted = AccountCriteria(organisation=employer, user_key=account.key_of(wish.user_name))
        others = [one for one in self._store.accounts(wanted, 0, 2)[0] if mine is None or one.id != mine.id]
        if others:
            raise Conflict("Somebody else of this employer has this user name.", code="USER_NAME_TAKEN")

    def _employ(self, mine: Account, found: Person, *, active: bool) -> bool:
        """Begin or end the employment where that is not so already."""
        standing = self._standing(mine)
        if active and standing is None:
            self._start(mine, found)
        elif not active and standing is not None:
            self._store.save(*relations.shorten_employment(standing, max(self._today(), standing.valid_from)))
        return active

    def _start(self, mine: Account, found: Person) -> None:
        jobs = self._store.employments_of(found.id, mine.organisation_id)
        employer = self._organisation(mine.organisation_id, "organisation_id")
        job = relations.Employment(
            id=self._new_id(),
            person_id=found.id,
            organisation_id=employer.id,
            cluster_id=found.cluster_id,
            valid_from=account.begins(jobs, self._today()),
        )
        at_home = self._is_partner(employer, found.cluster_id, job.valid_from)
        self._store.save(*relations.start_employment(job, found, at_home, jobs))


def _employer(actor: Actor) -> tuple[str, str]:
    """For which employer of which cluster somebody speaks here."""
    if actor.reach != "employer" or len(actor.organisation_ids) != 1 or actor.cluster_id is None:
        raise Forbidden("This needs the key of one employer's HR system, or its HR's token.", code="NOT_AN_EMPLOYER")
    return next(iter(actor.organisation_ids)), actor.cluster_id


def _facts(wish: Wish) -> dict[str, str | None]:
    return {"given_name": wish.given_name, "family_name": wish.family_name, "email": wish.email}
