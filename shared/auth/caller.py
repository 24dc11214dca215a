"""Who calls: what a verified token says, nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The verified caller of one request.

    `cluster_id` is the tenant; `acting_organisation` is the one employer (of `organisation_ids`) that somebody with
    several picked for this request by the header Acting-Organisation.
    """

    subject: str
    client_id: str
    person_id: str | None = None
    cluster_id: str | None = None
    organisation_ids: frozenset[str] = frozenset()
    acting_organisation: str | None = None
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
