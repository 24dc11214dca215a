"""Whom a course names: its provider and its awarding body must be known, active, and have agreed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from services.catalog_service.domain.content import Content
from shared.errors import Invalid, NotYetKnown, Violation

UNKNOWN, SUSPENDED, NOT_GRANTED = "UNKNOWN_ORGANISATION", "ORGANISATION_SUSPENDED", "NOT_GRANTED"
_MAY_COME: Final = frozenset({UNKNOWN, NOT_GRANTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An organisation as the course names it. `granted`: it has agreed, or need not."""

    known: bool = False
    suspended: bool = False
    granted: bool = False


def unfit(content: Content, provider: Named, body: Named | None) -> Iterator[Violation]:
    """What speaks against the organisations that the content names. `body` None: it names no awarding body yet."""
    message = "A provider of another cluster must have granted that this course names it."
    yield from _broken("provider_id", content.provider_id, provider, message)
    if body is not None:
        message = "The awarding body has not granted that this course carries its seal."
        yield from _broken("awarding_body_id", content.awarding_body_id, body, message)


def refuse_course(violations: Iterable[Violation], what: str = "This course breaks") -> None:
    """Raise Invalid with everything that is wrong at once, if anything is. `what` begins its sentence.

    Where nothing is wrong but that an organisation or a grant is not known here, its event may be on its way: then
    NotYetKnown, with the refusal as what to say when nothing comes.
    """
    found = list(violations)
    if not found:
        return
    refusal = Invalid(f"{what} {len(found)} rule(s): {found[0].message}", violations=found)
    if any(violation.code not in _MAY_COME for violation in found):
        raise refusal
    unknown = [violation.actual for violation in found if violation.code == UNKNOWN]
    raise NotYetKnown(*(("organisation", unknown[0]) if unknown else ("awarding", "grant")), otherwise=refusal)


def _broken(field: str, organisation_id: str | None, named: Named, not_granted: str) -> Iterator[Violation]:
    if not named.known:
        yield Violation(field=field, code=UNKNOWN, message="There is no such organisation.", actual=organisation_id)
        return
    if named.suspended:
        yield Violation(field=field, code=SUSPENDED, message="This organisation is suspended.", actual=organisation_id)
    if not named.granted:
        yield Violation(field=field, code=NOT_GRANTED, message=not_granted, actual=organisation_id)
