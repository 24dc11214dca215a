"""What a course teaches and how: the content of one version, and the rules for it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from services.catalog_service.domain.languages import broken_tag, broken_texts
from services.catalog_service.domain.skills import DIGCOMP, ESCO, GREENCOMP, Alignment
from shared.errors import Violation

TYPES: Final = ("course", "workshop", "coaching", "mentoring", "study_visit", "e_learning")
MODES: Final = ("Presential", "Online", "Blended", "Project based", "Workbased")
OUTCOME_TYPES: Final = ("knowledge", "skill", "attitude")
REUSE_LEVELS: Final = ("transversal", "cross-sector", "sector-specific", "occupation-specific")
SKILL_CATEGORIES: Final = ("digital", "green", "both", "other")
PILLARS: Final = ("virtualisation", "robotics_and_ai", "elasticity", "skills")
AUDIENCES: Final = ("worker", "cluster_manager", "sme_owner", "trainer")
ASSESSMENTS: Final = (
    "written_test",
    "practical_demonstration",
    "project_work",
    "portfolio",
    "oral_exam",
    "online_quiz",
)
QUALITY_ASSURANCES: Final = ("internal_review", "peer_review", "external_audit", "accredited_provider")
FIELD_UNKNOWN: Final = "9999"
"""ISCED-F 2013's own code for an unknown field."""

_ESCO = "http://data.europa.eu/esco/"
# Areas and competences of DigComp 2.1 to 3.0, which share their codes.
_DIGCOMP = re.compile(r"[1-5]|1\.[1-3]|2\.[1-6]|[345]\.[1-4]")
_GREENCOMP = re.compile(r"[1-4](\.[1-3])?")
_ISCED_F = re.compile(r"[0-9]{2,4}")
# Council Recommendation on micro-credentials (2022), Annex I: what must be there; the rest comes with issuing.
_MANDATORY: Final = {
    "awarding_body_id": "the awarding body",
    "outcomes": "the learning outcomes",
    "workload_hours": "the notional workload",
    "assessment_type": "the type of assessment",
    "mode": "the form of participation",
    "quality_assurance_type": "the type of quality assurance",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What somebody who passed knows, can do, or stands for."""

    title: dict[str, str]
    type: str
    esco_uri: str | None = None
    esco_title: str | None = None
    digcomp_code: str | None = None
    greencomp_code: str | None = None
    reuse_level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content of one version. A draft may lack what `missing` names. Texts are by language."""

    type: str = "course"
    titles: dict[str, str]
    descriptions: dict[str, str] = field(default_factory=dict)
    default_language: str
    provider_id: str
    awarding_body_id: str | None = None
    homepage: str | None = None
    isced_f: str = FIELD_UNKNOWN
    outcomes: tuple[Outcome, ...] = ()
    alignments: tuple[Alignment, ...] = ()
    stated_skill_category: str | None = None
    pillar: str | None = None
    job_roles: tuple[str, ...] = ()
    workload_hours: float | None = None
    ects: float | None = None
    eqf_level: int | None = None
    mode: str | None = None
    assessment_type: str | None = None
    quality_assurance_type: str | None = None
    prerequisites: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    certificate_validity_months: int | None = None

    @property
    def skill_category(self) -> str:
        """As stated, else by the frameworks that the outcomes name."""
        return self.stated_skill_category or derived_category(self.named)

    @property
    def named(self) -> tuple[Alignment, ...]:
        """All codes of frameworks that it names, as a whole or by an outcome."""
        codes = [
            (framework, code)
            for outcome in self.outcomes
            for framework, code in (
                (ESCO, outcome.esco_uri),
                (DIGCOMP, outcome.digcomp_code),
                (GREENCOMP, outcome.greencomp_code),
            )
            if code
        ]
        return (*self.alignments, *(Alignment(framework=framework, code=code) for framework, code in codes))


def derived_category(named: tuple[Alignment, ...]) -> str:
    """Digital by DigComp, green by GreenComp, both by both."""
    frameworks = {one.framework for one in named}
    digital, green = DIGCOMP in frameworks, GREENCOMP in frameworks
    return {(True, True): "both", (True, False): "digital", (False, True): "green"}.get((digital, green), "other")


def missing(content: Content) -> Iterator[Violation]:
    """What must be there before a reviewer looks at it."""
    for name, words in _MANDATORY.items():
        if not getattr(content, name):
            yield Violation(field=name, code="REQUIRED", message=f"A micro-credential must state {words}.")


def malformed(content: Content) -> Iterator[Violation]:
    """What is there and cannot be right, in a draft too."""
    yield from broken_tag("default_language", content.default_language)
    yield from broken_texts("titles", content.titles)
    yield from broken_texts("descriptions", content.descriptions)
    if content.default_language not in content.titles:
        message = "There must be a title in the default language."
        yield Violation(
            field="titles",
            code="REQUIRED",
            message=message,
            actual=sorted(content.titles),
            required=content.default_language,
        )
    if not _ISCED_F.fullmatch(content.isced_f):
        yield _odd("isced_f", "ISCED_F_UNKNOWN", "This is no field of ISCED-F 2013.", content.isced_f, "2 to 4 digits")
    yield from _broken_numbers(content)
    for position, outcome in enumerate(content.outcomes):
        yield from _broken_outcome(f"outcomes.{position}", outcome)


def _broken_numbers(content: Content) -> Iterator[Violation]:
    if content.workload_hours is not None and content.workload_hours <= 0:
        yield _odd(
            "workload_hours", "OUT_OF_RANGE", "The workload is more than nothing.", content.workload_hours, {"above": 0}
        )
    if content.ects is not None and content.ects <= 0:
        yield _odd("ects", "OUT_OF_RANGE", "ECTS credits are more than nothing.", content.ects, {"above": 0})
    if content.eqf_level is not None and not 1 <= content.eqf_level <= 8:
        yield _odd("eqf_level", "OUT_OF_RANGE", "EQF levels are 1 to 8.", content.eqf_level, {"min": 1, "max": 8})
    months = content.certificate_validity_months
    if months is not None and months < 1:
        yield _odd("certificate_validity_months", "OUT_OF_RANGE", "It is a month at least.", months, {"min": 1})


def _broken_outcome(path: str, outcome: Outcome) -> Iterator[Violation]:
    if not outcome.title:
        yield Violation(field=f"{path}.title", code="REQUIRED", message="An outcome needs a title.")
    yield from broken_texts(f"{path}.title", outcome.title)
    if outcome.esco_uri is not None and not outcome.esco_uri.startswith(_ESCO):
        yield _odd(f"{path}.esco_uri", "ESCO_UNKNOWN", "This is no concept of ESCO.", outcome.esco_uri, f"{_ESCO}...")
    if outcome.digcomp_code is not None and not _DIGCOMP.fullmatch(outcome.digcomp_code):
        message = "This is no competence of DigComp."
        yield _odd(f"{path}.digcomp_code", "DIGCOMP_UNKNOWN", message, outcome.digcomp_code, "1 to 5, or 1.1 to 5.4")
    if outcome.greencomp_code is not None and not _GREENCOMP.fullmatch(outcome.greencomp_code):
        message = "This is no competence of GreenComp."
        yield _odd(
            f"{path}.greencomp_code", "GREENCOMP_UNKNOWN", message, outcome.greencomp_code, "1 to 4, or 1.1 to 4.3"
        )


def _odd(where: str, code: str, message: str, actual: Any, required: Any) -> Violation:
    return Violation(field=where, code=code, message=message, actual=actual, required=required)
