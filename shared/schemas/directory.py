"""Events of the directory: organisations and their grants, memberships, people, employments, consents, settings.

No names of people, ever.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

from shared.schemas.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationFacts(Event):
    """A legal entity: `type` cluster, partnership, sme, large_company, training_provider, support_organisation,
    public_authority. Legal names are public facts.

    `cluster_id` is the home: the cluster that registered it, its own id for a cluster, None for a partnership and in
    events older than the field. `status`: active or suspended. `sector` is a NACE code. `headcount` is not public.
    """

    KEY: ClassVar[str] = "organisation_id"
    organisation_id: str
    type: str
    legal_name: str
    country: str
    nuts2: str | None = None
    region_category: str | None = None
    size_class: str | None = None
    sector: str | None = None
    homepage: str | None = None
    cluster_id: str | None = None
    status: str = "active"
    headcount: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationRegistered(OrganisationFacts):
    """A new organisation."""

    TYPE: ClassVar[str] = "organisation.registered.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationChanged(OrganisationFacts):
    """Its facts changed."""

    TYPE: ClassVar[str] = "organisation.changed.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationSuspended(Event):
    """It may do nothing for now."""

    TYPE: ClassVar[str] = "organisation.suspended.v1"
    KEY: ClassVar[str] = "organisation_id"
    organisation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipEvent(Event):
    """An organisation belongs to a cluster, or a cluster to a partnership (`group_id`)."""

    KEY: ClassVar[str] = "membership_id"
    membership_id: str
    organisation_id: str
    group_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipAsked(MembershipEvent):
    """One side (`asked_by` group or organisation) asks; it starts when the other one accepts."""

    TYPE: ClassVar[str] = "membership.asked.v1"
    asked_by: str
    valid_from: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipStarted(MembershipEvent):
    """From this day on."""

    TYPE: ClassVar[str] = "membership.started.v1"
    valid_from: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipEnded(MembershipEvent):
    """Until this day; or what was asked for was declined or taken back, and never started."""

    TYPE: ClassVar[str] = "membership.ended.v1"
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardingEvent(Event):
    """An organisation lends its seal (`purpose` award) or its name as provider (provide).

    To an organisation's courses (`grantee_id`: a provider, or a cluster for all of its courses) or to one course
    (`course_id`); one of the two is given.
    """

    KEY: ClassVar[str] = "grant_id"
    grant_id: str
    organisation_id: str
    purpose: str
    grantee_id: str | None = None
    course_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardingGranted(AwardingEvent):
    """From now on."""

    TYPE: ClassVar[str] = "awarding.granted.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardingWithdrawn(AwardingEvent):
    """No longer; what was issued before stands."""

    TYPE: ClassVar[str] = "awarding.withdrawn.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRegistered(Event):
    """A person is known. `external_ref` is a keyed hash of the partner's own number, never the number."""

    TYPE: ClassVar[str] = "person.registered.v1"
    KEY: ClassVar[str] = "person_id"
    person_id: str
    cluster_id: str
    external_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMerged(Event):
    """Two records were one person; this one now answers with `into_person_id`."""

    TYPE: ClassVar[str] = "person.merged.v1"
    KEY: ClassVar[str] = "person_id"
    person_id: str
    into_person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonErased(Event):
    """Every service destroys this person's key and mapping."""

    TYPE: ClassVar[str] = "person.erased.v1"
    KEY: ClassVar[str] = "person_id"
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmploymentEvent(Event):
    """A person works for an organisation."""

    KEY: ClassVar[str] = "employment_id"
    employment_id: str
    person_id: str
    organisation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmploymentStarted(EmploymentEvent):
    """From this day on."""

    TYPE: ClassVar[str] = "employment.started.v1"
    valid_from: date


@dataclass(frozen=True, slots=True, kw_only=True)
class EmploymentEnded(EmploymentEvent):
    """Until this day."""

    TYPE: ClassVar[str] = "employment.ended.v1"
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent(Event):
    """A worker lets an organisation see results (`purpose` share_results)."""

    KEY: ClassVar[str] = "consent_id"
    consent_id: str
    person_id: str
    organisation_id: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven(ConsentEvent):
    """Consent holds from now on. How the person said so, on which day, and to which version of the text, if known."""

    TYPE: ClassVar[str] = "consent.given.v1"

    how: str | None = None
    stated_on: date | None = None
    text_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn(ConsentEvent):
    """Consent no longer holds."""

    TYPE: ClassVar[str] = "consent.withdrawn.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalChanged(Event):
    """A cluster's settings as they are now. Texts are read from the directory; here are their versions.

    `approval`: session (the session says whether an application of the cluster's people needs it) or always.
    `consent_versions`: purpose/language/version.
    """

    TYPE: ClassVar[str] = "portal.changed.v1"
    KEY: ClassVar[str] = "cluster_id"
    cluster_id: str
    name: str | None = None
    colour: str | None = None
    languages: list[str] = field(default_factory=list)
    default_language: str = "en"
    trusted_provider_ids: list[str] = field(default_factory=list)
    approval: str = "session"
    audit_days: int | None = None
    inactive_person_months: int | None = None
    allowed_origins: list[str] = field(default_factory=list)
    consent_versions: list[str] = field(default_factory=list)
    label_level: str | None = None
    label_valid_until: date | None = None
