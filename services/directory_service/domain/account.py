"""Accounts: how an employer's HR system knows a person. The person and the employment stand in records of their own."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from services.directory_service.domain.relations import Employment
from shared.versioned import Versioned


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Versioned):
    """`user_key` is the user name as it is compared. Names, address and number are what this employer said last: all the
    employer sees once somebody works there no more. They are personal data and die with the person's.
    """

    organisation_id: str
    cluster_id: str
    person_id: str
    user_name: str
    user_key: str
    external_id: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an HR system says of somebody. `active`: they work for the employer."""

    user_name: str
    given_name: str
    family_name: str
    email: str | None = None
    external_id: str | None = None
    active: bool = True


def key_of(user_name: str) -> str:
    """User names are the same whatever the case of their letters."""
    return user_name.casefold()


def said(account: Account, wish: Wish) -> Account:
    """The account as the employer wants it now."""
    return replace(
        account,
        user_name=wish.user_name,
        user_key=key_of(wish.user_name),
        external_id=wish.external_id,
        given_name=wish.given_name,
        family_name=wish.family_name,
        email=wish.email,
    )


def open_of(jobs: list[Employment], today: date) -> Employment | None:
    """The employment that goes on after today: without a last day, or with a later one."""
    return next((job for job in jobs if job.valid_until is None or job.valid_until > today), None)


def begins(jobs: list[Employment], today: date) -> date:
    """The first day of another employment: days are whole, so not on the last day of the one before."""
    last = [job.valid_until for job in jobs if job.valid_until is not None]
    return max([today, *(day + timedelta(days=1) for day in last)])
