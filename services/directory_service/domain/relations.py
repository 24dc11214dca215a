"""Who belongs to whom and since when: memberships, employments, consents."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from services.directory_service.domain.checks import out_of_order
from services.directory_service.domain.organisation import GROUPS, Organisation
from services.directory_service.domain.person import Person
from shared.errors import Conflict, Forbidden, IllegalTransition, Violation, refuse
from shared.schemas.directory import (
    ConsentGiven,
    ConsentWithdrawn,
    EmploymentEnded,
    EmploymentStarted,
    MembershipAsked,
    MembershipEnded,
    MembershipStarted,
)
from shared.schemas.event import Event
from shared.versioned import Versioned

PURPOSES: Final = ("share_results",)
GROUP, ORGANISATION = "group", "organisation"
"""The two sides of a membership."""
ASKED, STARTED, DECLINED = "asked", "started", "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period(Versioned):
    """Holds from a day on, up to and including another day if there is one."""

    valid_from: date
    valid_until: date | None = None

    def holds(self, day: date) -> bool:
        """Whether it holds on that day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    def overlaps(self, other: "Period") -> bool:
        """Whether both hold on some day."""
        starts_in_time = other.valid_until is None or self.valid_from <= other.valid_until
        return starts_in_time and (self.valid_until is None or other.valid_from <= self.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership(Period):
    """An organisation in a cluster, or a cluster in a partnership. `home_id`: the cluster that the organisation is of.

    `status`: asked (by the side `asked_by`), started (then it holds in its period) or declined.
    """

    organisation_id: str
    group_id: str
    home_id: str | None = None
    status: str = STARTED
    asked_by: str | None = None

    def counts(self, day: date) -> bool:
        """Whether the organisation is a member on that day."""
        return self.status == STARTED and self.holds(day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Employment(Period):
    """A person works for an organisation. `cluster_id` is the person's."""

    person_id: str
    organisation_id: str
    cluster_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Versioned):
    """A person lets an organisation see something. `cluster_id` is the person's; subjects say who recorded it.

    `how` the person said so (on paper, in a portal), on which day, and to which version of the text, where that is known.
    """

    person_id: str
    organisation_id: str
    cluster_id: str
    purpose: str
    status: str = "given"
    given_at: datetime
    given_by: str
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    how: str | None = None
    stated_on: date | None = None
    text_version: str | None = None


def ask_membership(
    membership: Membership,
    organisation: Organisation,
    group: Organisation,
    standing: Collection[Membership],
    sides: Collection[str],
) -> tuple[Membership, list[Event]]:
    """One of `sides` asks; who speaks for both starts it at once. `standing` are its other memberships of this group."""
    refuse("membership", [*out_of_order(membership.valid_from, membership.valid_until), *_misfits(organisation, group)])
    if any(membership.overlaps(other) for other in standing if other.status != DECLINED):
        raise Conflict("It is a member of this group already in that time.", code="DUPLICATE_MEMBERSHIP")
    if len(sides) > 1:
        return _started(membership)
    (side,) = sides
    asked = MembershipAsked(**_sides(membership), asked_by=side, valid_from=membership.valid_from)
    return replace(membership, status=ASKED, asked_by=side), [asked]


def accept_membership(membership: Membership, sides: Collection[str]) -> tuple[Membership, list[Event]]:
    """The other side agrees: it starts, on the day that was asked for."""
    _require_asked(membership, STARTED)
    if set(sides) == {membership.asked_by}:
        raise Forbidden("The other side accepts what you asked for.", code="NOT_YOURS")
    return _started(membership)


def decline_membership(membership: Membership, today: date) -> tuple[Membership, list[Event]]:
    """The other side does not agree, or who asked takes it back: it never starts."""
    _require_asked(membership, DECLINED)
    declined = replace(membership, status=DECLINED, valid_until=max(today, membership.valid_from))
    return declined, _membership_end(declined)


def end_membership(membership: Membership, valid_until: date) -> tuple[Membership, list[Event]]:
    """Let it end on a day, once."""
    if membership.status != STARTED:
        raise IllegalTransition("membership", membership.status, "ended", _ways(membership))
    _require_endless("membership", membership, valid_until)
    ended = replace(membership, valid_until=valid_until)
    return ended, _membership_end(ended)


def start_employment(
    employment: Employment, person: Person, employer_in_cluster: bool, standing: Collection[Employment]
) -> tuple[Employment, list[Event]]:
    """Let a person work for an organisation of the person's cluster. `standing` are the others of the same two."""
    if person.status != "registered":
        raise IllegalTransition("person", person.status, "employed", set())
    refuse(
        "employment",
        [*out_of_order(employment.valid_from, employment.valid_until), *_strangers(employment, employer_in_cluster)],
    )
    if any(employment.overlaps(other) for other in standing):
        raise Conflict("This person works there already in that time.", code="DUPLICATE_EMPLOYMENT")
    started = EmploymentStarted(
        employment_id=employment.id,
        person_id=employment.person_id,
        organisation_id=employment.organisation_id,
        valid_from=employment.valid_from,
    )
    return employment, [started, *_employment_end(employment)]


def end_employment(employment: Employment, valid_until: date) -> tuple[Employment, list[Event]]:
    """Let it end on a day, once."""
    _require_endless("employment", employment, valid_until)
    ended = replace(employment, valid_until=valid_until)
    return ended, _employment_end(ended)


def shorten_employment(employment: Employment, valid_until: date) -> tuple[Employment, list[Event]]:
    """Let it end on a day, also where it was to end later."""
    later = employment.valid_until is not None and employment.valid_until > valid_until
    return end_employment(replace(employment, valid_until=None) if later else employment, valid_until)


def give_consent(consent: Consent, person: Person, standing: Collection[Consent]) -> tuple[Consent, list[Event]]:
    """From now on the organisation may see it."""
    if person.status != "registered":
        raise IllegalTransition("person", person.status, "consenting", set())
    if any(other.status == "given" for other in standing):
        raise Conflict("Consent has already been given.", code="DUPLICATE_CONSENT")
    given = ConsentGiven(
        consent_id=consent.id,
        person_id=consent.person_id,
        organisation_id=consent.organisation_id,
        purpose=consent.purpose,
        how=consent.how,
        stated_on=consent.stated_on,
        text_version=consent.text_version,
    )
    return consent, [given]


def withdraw_consent(consent: Consent, subject: str, now: datetime) -> tuple[Consent, list[Event]]:
    """It no longer holds. A new one may be given later."""
    if consent.status != "given":
        raise IllegalTransition("consent", consent.status, "withdrawn", set())
    withdrawn = ConsentWithdrawn(
        consent_id=consent.id,
        person_id=consent.person_id,
        organisation_id=consent.organisation_id,
        purpose=consent.purpose,
    )
    return replace(consent, status="withdrawn", withdrawn_at=now, withdrawn_by=subject), [withdrawn]


def _require_endless(kind: str, period: Period, valid_until: date) -> None:
    if period.valid_until is not None:
        raise IllegalTransition(kind, "ended", "ended", set())
    refuse(kind, out_of_order(period.valid_from, valid_until))


def _misfits(organisation: Organisation, group: Organisation) -> Iterator[Violation]:
    if group.type not in GROUPS:
        message = "Only clusters and partnerships have members."
        yield Violation(
            field="group_id", code="NOT_A_GROUP", message=message, actual=group.type, required=sorted(GROUPS)
        )
    elif group.type == "partnership" and organisation.type != "cluster":
        message = "Only clusters belong to a partnership."
        yield Violation(
            field="organisation_id",
            code="MEMBER_NOT_CLUSTER",
            message=message,
            actual=organisation.type,
            required="cluster",
        )
    elif group.type == "cluster" and organisation.type in GROUPS:
        message = "Clusters and partnerships do not belong to a cluster."
        yield Violation(field="organisation_id", code="MEMBER_IS_GROUP", message=message, actual=organisation.type)


def _strangers(employment: Employment, employer_in_cluster: bool) -> Iterator[Violation]:
    if not employer_in_cluster:
        message = "The employer does not belong to the person's cluster."
        yield Violation(
            field="organisation_id", code="NOT_CLUSTER_MEMBER", message=message, actual=employment.organisation_id
        )


def _started(membership: Membership) -> tuple[Membership, list[Event]]:
    started = replace(membership, status=STARTED)
    happened = MembershipStarted(**_sides(started), valid_from=started.valid_from)
    return started, [happened, *_membership_end(started)]


def _require_asked(membership: Membership, target: str) -> None:
    if membership.status != ASKED:
        raise IllegalTransition("membership", membership.status, target, _ways(membership))


def _ways(membership: Membership) -> set[str]:
    if membership.status == ASKED:
        return {STARTED, DECLINED}
    return {"ended"} if membership.status == STARTED and membership.valid_until is None else set()


def _sides(membership: Membership) -> dict[str, str]:
    return {
        "membership_id": membership.id,
        "organisation_id": membership.organisation_id,
        "group_id": membership.group_id,
    }


def _membership_end(membership: Membership) -> list[Event]:
    if membership.valid_until is None:
        return []
    return [MembershipEnded(**_sides(membership), valid_until=membership.valid_until)]


def _employment_end(employment: Employment) -> list[Event]:
    if employment.valid_until is None:
        return []
    return [
        EmploymentEnded(
            employment_id=employment.id,
            person_id=employment.person_id,
            organisation_id=employment.organisation_id,
            valid_until=employment.valid_until,
        )
    ]
