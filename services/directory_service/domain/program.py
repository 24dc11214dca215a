"""Programs' keys: what each kind may do, for whom, and that an ended one stays ended."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.directory_service.domain.checks import blank, strangers
from shared.errors import IllegalTransition, Violation, refuse
from shared.versioned import Versioned

ACTIVE, ENDED = "active", "ended"


@dataclass(frozen=True, slots=True)
class Kind:
    """The role at the identity provider and the most that a key of this kind may do. `of_provider`: it names a
    provider, or the employer whose HR system it is."""

    role: str
    scopes: tuple[str, ...]
    of_provider: bool = False


_PORTAL: Final = ("enrolment:read", "enrolment:write", "directory:read", "directory:write", "certificate:read")
KINDS: Final[Mapping[str, Kind]] = {
    "portal": Kind("partner-portal", _PORTAL),
    "provider": Kind("provider-program", ("catalog:write", "teaching:write"), of_provider=True),
    "hr": Kind("partner-portal", ("directory:read", "directory:write"), of_provider=True),
    "quality": Kind("quality-program", ("catalog:review",)),
}
"""The roles and scopes are those of the realm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(Versioned):
    """A program that calls the API with a key of its own. `id` names it here and at the identity provider."""

    name: str
    kind: str
    cluster_id: str
    organisation_ids: tuple[str, ...] = ()
    scopes: tuple[str, ...]
    status: str = ACTIVE
    made_by: str
    rotated_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def client_id(self) -> str:
        """What it signs in as."""
        return f"key-{self.id}"


def make(program: Program, owned: Collection[str]) -> Program:
    """A new key. `owned`: those of its organisations that are of the cluster."""
    refuse("key", _broken(program, owned))
    return replace(program, scopes=tuple(sorted(program.scopes or KINDS[program.kind].scopes)))


def rotate(program: Program, now: datetime) -> Program:
    """Another secret from now on."""
    if program.status != ACTIVE:
        raise IllegalTransition("key", program.status, "rotated", ())
    return replace(program, rotated_at=now)


def end(program: Program, now: datetime) -> Program:
    """It gets no token any more."""
    if program.status != ACTIVE:
        raise IllegalTransition("key", program.status, ENDED, ())
    return replace(program, status=ENDED, ended_at=now)


def _broken(program: Program, owned: Collection[str]) -> Iterator[Violation]:
    kind = KINDS[program.kind]
    yield from blank("name", program.name)
    yield from _too_much(program.scopes, kind.scopes)
    if kind.of_provider and not program.organisation_ids:
        message = "The key of a course system or of an HR system names its organisation."
        yield Violation(field="organisation_ids", code="REQUIRED", message=message)
    if program.organisation_ids and not kind.of_provider:
        message = "Only keys of providers and employers name organisations; the others are the cluster's."
        yield Violation(field="organisation_ids", code="NOT_FOR_THIS_KIND", message=message)
    yield from strangers(program.organisation_ids, owned)


def _too_much(scopes: Iterable[str], most: Collection[str]) -> Iterator[Violation]:
    for scope in scopes:
        if scope not in most:
            message = "A key of this kind cannot have this scope."
            yield Violation(
                field="scopes", code="SCOPE_NOT_ALLOWED", message=message, actual=scope, required=list(most)
            )
