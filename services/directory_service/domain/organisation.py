"""Organisations: legal entities, what they are and how large they are."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from services.directory_service.domain.checks import blank
from services.directory_service.domain.countries import CODES, nuts_prefix
from shared.errors import IllegalTransition, Violation, refuse
from shared.schemas.directory import OrganisationChanged, OrganisationRegistered, OrganisationSuspended
from shared.schemas.event import Event
from shared.versioned import Versioned

TYPES: Final = (
    "cluster",
    "partnership",
    "sme",
    "large_company",
    "training_provider",
    "support_organisation",
    "public_authority",
)
GROUPS: Final = frozenset({"cluster", "partnership"})
SIZE_CLASSES: Final = ("micro", "small", "medium", "large")
REGION_CATEGORIES: Final = ("less_developed", "transition", "more_developed")
# Commission Recommendation 2003/361/EC: staff below, and turnover or balance sheet up to (EUR).
_CEILINGS: Final = (
    ("micro", 10, 2_000_000, 2_000_000),
    ("small", 50, 10_000_000, 10_000_000),
    ("medium", 250, 50_000_000, 43_000_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation(Versioned):
    """A legal entity. `cluster_id` registered it (its own id when it is a cluster, None for a partnership).

    Figures of an organisation in a group (`group_linked`) are those of the group: the recommendation aggregates them.
    `stated_size_class` is what somebody said; it stands where the figures are not known.
    """

    cluster_id: str | None
    type: str
    legal_name: str
    country: str
    registration_id: str | None = None
    nuts2: str | None = None
    region_category: str | None = None
    sector: str | None = None
    headcount: int | None = None
    turnover_eur: int | None = None
    balance_sheet_eur: int | None = None
    group_linked: bool = False
    stated_size_class: str | None = None
    homepage: str | None = None
    status: str = "active"

    @property
    def size_class(self) -> str | None:
        """By its figures, else as stated."""
        return size_of(self.headcount, self.turnover_eur, self.balance_sheet_eur) or self.stated_size_class


def size_of(headcount: int | None, turnover: int | None, balance_sheet: int | None) -> str | None:
    """The size class by 2003/361/EC; None without a headcount. Without any money figure the staff decides alone."""
    if headcount is None:
        return None
    known = [figure for figure in (turnover, balance_sheet) if figure is not None]
    for name, staff, most_turnover, most_balance in _CEILINGS:
        small_money = (turnover is not None and turnover <= most_turnover) or (
            balance_sheet is not None and balance_sheet <= most_balance
        )
        if headcount < staff and (small_money or not known):
            return name
    return "large"


def register(organisation: Organisation) -> tuple[Organisation, list[Event]]:
    """A new organisation that keeps the rules."""
    refuse("organisation", _broken(organisation))
    return organisation, [OrganisationRegistered(**_facts(organisation))]


def change(organisation: Organisation, changes: dict[str, Any]) -> tuple[Organisation, list[Event]]:
    """Other facts; nothing happens when they are the same."""
    changed = replace(organisation, **changes)
    if changed == organisation:
        return organisation, []
    refuse("organisation", _broken(changed))
    return changed, [OrganisationChanged(**_facts(changed))]


def suspend(organisation: Organisation) -> tuple[Organisation, list[Event]]:
    """It may do nothing for now."""
    if organisation.status != "active":
        raise IllegalTransition("organisation", organisation.status, "suspended", {"active"})
    return replace(organisation, status="suspended"), [OrganisationSuspended(organisation_id=organisation.id)]


def reinstate(organisation: Organisation) -> tuple[Organisation, list[Event]]:
    """It may act again: the facts are told anew."""
    if organisation.status != "suspended":
        raise IllegalTransition("organisation", organisation.status, "active", {"suspended"})
    active = replace(organisation, status="active")
    return active, [OrganisationChanged(**_facts(active))]


def _facts(organisation: Organisation) -> dict[str, Any]:
    return {
        "organisation_id": organisation.id,
        "type": organisation.type,
        "legal_name": organisation.legal_name,
        "country": organisation.country,
        "nuts2": organisation.nuts2,
        "region_category": organisation.region_category,
        "size_class": organisation.size_class,
        "sector": organisation.sector,
        "homepage": organisation.homepage,
        "cluster_id": organisation.cluster_id,
        "status": organisation.status,
        "headcount": organisation.headcount,
    }


def _broken(organisation: Organisation) -> Iterator[Violation]:
    yield from blank("legal_name", organisation.legal_name)
    yield from _broken_place(organisation)
    yield from _broken_size(organisation)
    if organisation.type == "cluster" and organisation.cluster_id != organisation.id:
        message = "A cluster's own id is its cluster_id."
        yield Violation(
            field="cluster_id",
            code="CLUSTER_ID",
            message=message,
            actual=organisation.cluster_id,
            required=organisation.id,
        )


def _broken_place(organisation: Organisation) -> Iterator[Violation]:
    country, nuts2 = organisation.country, organisation.nuts2
    if country not in CODES:
        yield Violation(
            field="country", code="COUNTRY_UNKNOWN", message="Unknown country code (ISO 3166-1).", actual=country
        )
    elif nuts2 is not None and not nuts2.startswith(nuts_prefix(country)):
        yield Violation(
            field="nuts2",
            code="NUTS_COUNTRY",
            message="The region lies in another country.",
            actual=nuts2,
            required=nuts_prefix(country),
        )


def _broken_size(organisation: Organisation) -> Iterator[Violation]:
    """SIZE_INCONSISTENT: type and stated size must agree with the figures."""
    size, stated = organisation.size_class, organisation.stated_size_class
    if size is None:
        return
    if stated is not None and stated != size:
        yield _size_violation("size_class", "The figures say another size class.", stated, size)
    if organisation.type == "sme" and size == "large":
        yield _size_violation(
            "type",
            "An SME has fewer than 250 staff and up to 50 M EUR turnover or 43 M EUR balance sheet.",
            "sme",
            "large_company",
        )
    if organisation.type == "large_company" and size != "large" and not organisation.group_linked:
        yield _size_violation("type", "By its figures this is an SME.", "large_company", "sme")


def _size_violation(field: str, message: str, actual: str, required: str) -> Violation:
    return Violation(field=field, code="SIZE_INCONSISTENT", message=message, actual=actual, required=required)
