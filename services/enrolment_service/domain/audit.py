"""Whether the seats of a session are counted as its enrolments say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from services.enrolment_service.domain.enrolment import Enrolment
from services.enrolment_service.domain.seats import Counts, Ledger, held_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A session whose numbers are wrong: as they are counted, and as they should be."""

    session_id: str
    counted: Counts
    actual: Counts


def audit(ledger: Ledger, enrolments: Iterable[Enrolment]) -> Finding | None:
    """None when the numbers are right: each enrolment counts for what it holds, each claim that none has for itself."""
    known = list(enrolments)
    stored = {one.id: one for one in known}
    loose = [c for c in ledger.claims if c.enrolment_id not in stored or not stored[c.enrolment_id].has_seat_by(c.id)]
    actual = _sum([*(held_by(one) for one in known), *(claim.counts for claim in loose)])
    counted = Counts(taken=ledger.taken, offered=ledger.offered, waiting=ledger.waiting)
    return None if counted == actual else Finding(session_id=ledger.id, counted=counted, actual=actual)


def repair(ledger: Ledger, finding: Finding) -> Ledger:
    """With the numbers as they should be; somebody looks whether the queue can move."""
    right = finding.actual
    return replace(ledger, taken=right.taken, offered=right.offered, waiting=right.waiting, needs_care=True)


def _sum(counts: Sequence[Counts]) -> Counts:
    return Counts(
        taken=sum(one.taken for one in counts),
        offered=sum(one.offered for one in counts),
        waiting=sum(one.waiting for one in counts),
    )
