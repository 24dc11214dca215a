"""What the readers of real course records share: the terms of the provider, refusals and reading of fields."""

from collections.abc import Mapping
from dataclasses import dataclass

from clusterskills.seed.model import AssessmentType, LearningOutcome, Pillar, QualityAssurance, Texts


class RealDataError(Exception):
    """The folder or a whole file can't be read; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a provider adds to a record it offers. `hours_per_month` turns an apprenticeship's months into workload."""

    provider: str
    awarding_body: str
    assessment_type: AssessmentType = "written_test"
    quality_assurance_type: QualityAssurance = "internal_review"
    digital_pillar: Pillar = "virtualisation"
    apprenticeship_pillar: Pillar = "skills"
    hours_per_month: float = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A record that can't become a course. `row` is the line of the CSV, or the place in the JSON list from 1."""

    file: str
    row: int
    record: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, row {self.row} ({self.record}): {self.reason}"


class Refused(Exception):
    """Why one record can't be used; its reader adds file and row."""


def outcome(title: Texts) -> LearningOutcome:
    """The sources say what a learner will do, so an outcome is a skill."""
    return LearningOutcome(title=title, type="skill")


def text(record: Mapping[str, object], field: str) -> str:
    value = record.get(field)
    return "" if value is None else str(value).strip()


def required(record: Mapping[str, object], field: str) -> str:
    value = text(record, field)
    if not value:
        raise Refused(f"{field} is missing")
    return value


def whole_number(record: Mapping[str, object], field: str) -> int:
    value = record.get(field) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refused(f"{field} {value!r} is not a whole number")
    return value
