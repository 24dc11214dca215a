"""What a list of the directory asks for. Without a value everything matches."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationCriteria:
    """Organisations; `cluster` registered them, `q` is a name."""

    type: str | None = None
    cluster: str | None = None
    country: str | None = None
    status: str | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCriteria:
    """Accounts of an employer's HR system; `user_key` is a user name as it is compared."""

    organisation: str | None = None
    user_key: str | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipCriteria:
    """Memberships."""

    organisation: str | None = None
    group: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantCriteria:
    """Grants; `organisation` gave them."""

    organisation: str | None = None
    grantee: str | None = None
    course: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonCriteria:
    """People; `organisation` employs them today, `external_id` is their cluster's own number, `q` a name."""

    cluster: str | None = None
    organisation: str | None = None
    external_id: str | None = None
    status: str | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramCriteria:
    """Keys of programs; `acts_for` is a provider."""

    cluster: str | None = None
    acts_for: str | None = None
    kind: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationCriteria:
    """Invitations; `status` is the one by the clock."""

    person: str | None = None
    role: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationCriteria:
    """Employments or consents."""

    person: str | None = None
    organisation: str | None = None
