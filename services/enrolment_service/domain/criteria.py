"""Which enrolments a list asks for, and which of them it may show at all."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentCriteria:
    """What is asked for. Without a value everything matches."""

    session_id: str | None = None
    person_id: str | None = None
    employer_id: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose enrolments: of any of these, as worker, home cluster or employer. With nothing in it, nobody's."""

    person_id: str | None = None
    cluster_id: str | None = None
    employer_ids: frozenset[str] = frozenset()
