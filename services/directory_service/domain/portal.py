"""A cluster's settings: brand, languages, imprint, whom it trusts, its rules, its consent texts, its profile and label."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from services.directory_service.domain.relations import PURPOSES
from shared.colour import LEAST_CONTRAST, contrast
from shared.errors import Violation, refuse
from shared.schemas import directory as events
from shared.schemas.event import Event
from shared.versioned import Versioned

APPROVAL: Final = ("session", "always")
"""Who decides whether an application needs approval: the session says; or it always does."""
LABELS: Final = ("bronze", "silver", "gold")
MEMBER_TYPES: Final = ("sme", "large_company", "training_provider", "research", "public_authority", "other")
_COLOUR: Final = "#1f4e79"
# European Cluster Excellence Initiative: bronze and silver hold for two years; what a cluster must be to have any.
_LABEL_YEARS: Final[Mapping[str, int]] = {"bronze": 2, "silver": 2}
_LEAST_FTE, _LEAST_MEMBERS, _LEAST_TYPES = 0.5, 15, 2
_ORIGIN: Final = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """How the cluster's pages look."""

    name: str | None = None
    colour: str = _COLOUR
    logo_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imprint:
    """Who answers for the pages."""

    organisation: str | None = None
    address: str | None = None
    email: str | None = None
    phone: str | None = None
    register_entry: str | None = None
    privacy_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentText:
    """What people are shown before they consent. A version, once published, stays as it is."""

    purpose: str
    language: str
    text_version: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long things are kept."""

    audit_days: int = 730
    inactive_person_months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the cluster organisation is, in full-time equivalents and members."""

    management_fte: float | None = None
    member_count: int | None = None
    member_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label of cluster excellence."""

    level: str
    valid_from: date
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal(Versioned):
    """The settings of a cluster; `id` is the cluster's. What was never set is as the defaults say."""

    brand: Brand = Brand()
    languages: tuple[str, ...] = ("en",)
    default_language: str = "en"
    imprint: Imprint = Imprint()
    trusted_provider_ids: tuple[str, ...] = ()
    approval: str = "session"
    retention: Retention = Retention()
    allowed_origins: tuple[str, ...] = ()
    consent_texts: tuple[ConsentText, ...] = ()
    profile: Profile = Profile()
    label: Label | None = field(default=None)


def change(portal: Portal, changes: Mapping[str, Any]) -> tuple[Portal, list[Event]]:
    """Other settings; nothing happens when they are the same."""
    changed = replace(portal, **changes)
    if changed == portal:
        return portal, []
    refuse("portal", [*_broken(changed), *_rewritten(portal, changed)])
    return changed, [_told(changed)]


def unmet(profile: Profile) -> list[str]:
    """What the profile lacks for a label: fields' names."""
    lacks = {
        "management_fte": (profile.management_fte or 0) < _LEAST_FTE,
        "member_count": (profile.member_count or 0) < _LEAST_MEMBERS,
        "member_types": len(set(profile.member_types)) < _LEAST_TYPES,
    }
    return [name for name, missing in lacks.items() if missing]


def _broken(portal: Portal) -> Iterator[Violation]:
    found = contrast(portal.brand.colour)
    if found < LEAST_CONTRAST:
        message = f"White text on this colour has a contrast of {found}; choose a darker one."
        yield _wrong("brand.colour", "CONTRAST_TOO_LOW", message, found, {"min": LEAST_CONTRAST})
    if portal.default_language not in portal.languages:
        message = "The default language must be one of the languages."
        yield _wrong("default_language", "NOT_A_LANGUAGE", message, portal.default_language, list(portal.languages))
    for origin in portal.allowed_origins:
        if _ORIGIN.fullmatch(origin) is None:
            message = "An origin is a scheme and a host, such as https://www.example.org, without a path."
            yield _wrong("allowed_origins", "ORIGIN_INVALID", message, origin)
    yield from _broken_texts(portal.consent_texts)
    if portal.label is not None:
        yield from _broken_label(portal.label, portal.profile)


def _broken_texts(texts: tuple[ConsentText, ...]) -> Iterator[Violation]:
    seen = set[tuple[str, str, str]]()
    for text in texts:
        if text.purpose not in PURPOSES:
            yield _wrong("consent_texts", "UNKNOWN_PURPOSE", "No such purpose.", text.purpose, list(PURPOSES))
        if _named(text) in seen:
            message = "Two texts have the same purpose, language and version."
            yield _wrong("consent_texts", "DUPLICATE_TEXT", message, text.text_version)
        seen.add(_named(text))


def _rewritten(before: Portal, after: Portal) -> Iterator[Violation]:
    """People consented to a version: nobody may change afterwards what it said."""
    now = {_named(text): text for text in after.consent_texts}
    for text in before.consent_texts:
        if now.get(_named(text)) != text:
            message = "A published consent text stays as it is; add a new version."
            yield _wrong("consent_texts", "CONSENT_TEXT_PUBLISHED", message, text.text_version)


def _broken_label(label: Label, profile: Profile) -> Iterator[Violation]:
    for name in unmet(profile):
        required = {"management_fte": _LEAST_FTE, "member_count": _LEAST_MEMBERS, "member_types": _LEAST_TYPES}[name]
        actual = getattr(profile, name)
        message = "A labelled cluster has at least 0.5 FTE of management, 15 members and 2 types of members."
        yield _wrong(f"profile.{name}", "CLUSTER_PROFILE", message, actual, {"min": required})
    years = _LABEL_YEARS.get(label.level)
    if label.valid_until is not None and label.valid_until < label.valid_from:
        yield _wrong("label.valid_until", "LABEL_INVALID", "It cannot end before it begins.", str(label.valid_until))
    elif years is not None and (label.valid_until is None or label.valid_until > _after(label.valid_from, years)):
        message = f"A {label.level} label holds for {years} years at most."
        latest = {"max": _after(label.valid_from, years).isoformat()}
        yield _wrong("label.valid_until", "LABEL_INVALID", message, str(label.valid_until), latest)


def _after(day: date, years: int) -> date:
    """The same day, years later; 1 March for 29 February."""
    if day.year + years > date.max.year:
        return date.max
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def _named(text: ConsentText) -> tuple[str, str, str]:
    return text.purpose, text.language, text.text_version


def _wrong(field_name: str, code: str, message: str, actual: Any, required: Any = None) -> Violation:
    return Violation(field=field_name, code=code, message=message, actual=actual, required=required)


def _told(portal: Portal) -> events.PortalChanged:
    return events.PortalChanged(
        cluster_id=portal.id,
        name=portal.brand.name,
        colour=portal.brand.colour,
        languages=list(portal.languages),
        default_language=portal.default_language,
        trusted_provider_ids=sorted(portal.trusted_provider_ids),
        approval=portal.approval,
        audit_days=portal.retention.audit_days,
        inactive_person_months=portal.retention.inactive_person_months,
        allowed_origins=list(portal.allowed_origins),
        consent_versions=[f"{t.purpose}/{t.language}/{t.text_version}" for t in portal.consent_texts],
        label_level=portal.label.level if portal.label else None,
        label_valid_until=portal.label.valid_until if portal.label else None,
    )
