"""The shapes of the seed: partnerships, clusters, organisations, people and courses."""

from dataclasses import dataclass
from typing import Literal

Texts = dict[str, str]
"""One text per language, keyed by BCP 47 tag ("de", "sr-Latn")."""

RegionCategory = Literal["less_developed", "transition", "more_developed"]
OrganisationType = Literal["sme", "large_company", "training_provider"]
SizeClass = Literal["micro", "small", "medium", "large"]
Gender = Literal["female", "male"]
CourseType = Literal["course", "workshop", "coaching", "mentoring", "study_visit", "e_learning"]
OutcomeType = Literal["knowledge", "skill", "attitude"]
ReuseLevel = Literal["transversal", "cross-sector", "sector-specific", "occupation-specific"]
SkillCategory = Literal["digital", "green", "both", "other"]
Pillar = Literal["virtualisation", "robotics_and_ai", "elasticity", "skills"]
Mode = Literal["Presential", "Online", "Blended", "Project based", "Workbased"]
Audience = Literal["worker", "cluster_manager", "sme_owner", "trainer"]
AssessmentType = Literal[
    "written_test", "practical_demonstration", "project_work", "portfolio", "oral_exam", "online_quiz"
]
QualityAssurance = Literal["internal_review", "peer_review", "external_audit", "accredited_provider"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A real cluster organisation. `region_category` is that of 2014-2020; None outside the EU's map."""

    slug: str
    name: str
    country: str
    nuts2: str
    region_category: RegionCategory | None
    default_language: str
    homepage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partnership:
    """Several clusters under one programme. `coordinator` is None where we are not sure who it was."""

    slug: str
    name: str
    members: tuple[str, ...]
    coordinator: str | None = None
    homepage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An invented company or training provider. Money is in whole EUR per year."""

    slug: str
    legal_name: str
    type: OrganisationType
    registration_id: str
    cluster: str
    country: str
    nuts2: str
    region_category: RegionCategory | None
    nace: str
    headcount: int
    turnover_eur: int
    balance_sheet_eur: int
    size_class: SizeClass
    group_linked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An invented worker of an invented employer. `external_id` is the id a partner portal would use."""

    external_id: str
    given_name: str
    family_name: str
    gender: Gender
    email: str
    language: str
    country: str
    nuts2: str
    organisation: str
    cluster: str
    job_role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningOutcome:
    """What a learner knows or can do. Codes: ESCO concept URI, DigComp 3.0 ("3.4"), GreenComp ("2.1")."""

    title: Texts
    type: OutcomeType
    esco_uri: str | None = None
    esco_label: str | None = None
    reuse_level: ReuseLevel | None = None
    digcomp: str | None = None
    greencomp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A course with the mandatory elements of the Council Recommendation on micro-credentials (2022).

    `provider` is the slug of an organisation, `awarding_body` of an organisation or a cluster; `prerequisites` and
    `stackable_into` are external ids of other courses. `stated_level` is the source's own word for its level, where
    that word has no EQF equivalent.
    """

    external_id: str
    title: Texts
    description: Texts
    default_language: str
    type: CourseType
    provider: str
    awarding_body: str
    learning_outcomes: tuple[LearningOutcome, ...]
    skill_category: SkillCategory
    pillar: Pillar
    workload_hours: float
    mode: Mode
    assessment_type: AssessmentType
    quality_assurance_type: QualityAssurance
    audience: tuple[Audience, ...]
    job_roles: tuple[str, ...] = ()
    isced_f: str | None = None
    ects: float | None = None
    eqf_level: int | None = None
    prerequisites: tuple[str, ...] = ()
    stackable_into: tuple[str, ...] = ()
    certificate_validity_months: int | None = None
    homepage: str | None = None
    stated_level: str | None = None
