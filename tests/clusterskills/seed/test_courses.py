"""The courses written for the demo: complete, consistent, and with codes that exist."""

import csv
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from clusterskills.seed import (
    AssessmentType,
    Course,
    LearningOutcome,
    Mode,
    Pillar,
    QualityAssurance,
    SkillCategory,
    clusters,
    courses,
    organisations,
)

ESCO_URI = re.compile(r"http://data\.europa\.eu/esco/skill/[0-9a-f-]{36}")
LANGUAGES = {"en", "de", "es", "ca", "it", "fr", "pl", "hu", "pt", "nl", "cs", "sr-Latn", "bg"}

each_course = pytest.mark.parametrize("course", courses(), ids=lambda course: course.external_id)


@cache
def esco(folder: Path) -> dict[str, tuple[str, str, frozenset[str]]]:
    """Every label, the kind and the collections of each skill, newer releases last."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    found: dict[str, tuple[str, str, frozenset[str]]] = {}
    for name in ("v1.1.1_skills", "v1.2.0_digitalSkillsCollection", "v1.2.0_greenSkillsCollection"):
        with (folder / f"esco/{name}_en.csv").open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                collections = found.get(row["conceptUri"], ("", "", frozenset[str]()))[2]
                found[row["conceptUri"]] = (row["preferredLabel"].strip(), row["reuseLevel"], collections | {name})
    return found


def outcomes() -> list[LearningOutcome]:
    return [outcome for course in courses() for outcome in course.learning_outcomes]


def category(course: Course, folder: Path) -> SkillCategory:
    """Digital or green by the codes of the outcomes and the collections of their skills."""
    names = {name for outcome in course.learning_outcomes for name in esco(folder)[outcome.esco_uri or ""][2]}
    digital = any(o.digcomp for o in course.learning_outcomes) or "v1.2.0_digitalSkillsCollection" in names
    green = any(o.greencomp for o in course.learning_outcomes) or "v1.2.0_greenSkillsCollection" in names
    if digital and green:
        return "both"
    if digital:
        return "digital"
    return "green" if green else "other"


def test_there_are_at_least_sixty_four_courses_each_with_its_own_id() -> None:
    ids = [course.external_id for course in courses()]

    assert len(ids) >= 64
    assert len(ids) == len(set(ids))


def test_the_courses_are_spread_over_thirteen_languages() -> None:
    assert {course.default_language for course in courses()} == LANGUAGES


def test_all_four_pillars_and_the_cluster_managers_have_courses() -> None:
    per_pillar = {pillar: sum(course.pillar == pillar for course in courses()) for pillar in get_args(Pillar)}

    assert min(per_pillar.values()) >= 10
    assert sum("cluster_manager" in course.audience for course in courses()) >= 8


def test_every_mode_and_every_kind_of_outcome_occurs() -> None:
    assert {course.mode for course in courses()} == {"Presential", "Online", "Blended", "Project based", "Workbased"}
    assert {outcome.type for outcome in outcomes()} == {"knowledge", "skill", "attitude"}


@each_course
def test_a_course_has_the_mandatory_elements_of_a_micro_credential(course: Course) -> None:
    assert course.title
    assert course.description
    assert course.awarding_body
    assert 2 <= len(course.learning_outcomes) <= 4
    assert course.workload_hours > 0
    assert course.assessment_type in get_args(AssessmentType)
    assert course.mode in get_args(Mode)
    assert course.quality_assurance_type in get_args(QualityAssurance)
    assert course.eqf_level is None or 1 <= course.eqf_level <= 8


@each_course
def test_a_course_speaks_its_own_language_and_english_everywhere(course: Course) -> None:
    texts = [course.title, course.description, *(outcome.title for outcome in course.learning_outcomes)]

    for text in texts:
        assert set(text) == {course.default_language, "en"}
        assert all(words.strip() == words and words for words in text.values())


@each_course
def test_a_description_has_two_or_three_sentences(course: Course) -> None:
    for language, description in course.description.items():
        sentences = re.findall(r"[.?!](?=\s|$)", description)
        assert 2 <= len(sentences) <= 3, (language, description)


@each_course
def test_ects_fit_the_workload(course: Course) -> None:
    assert course.ects is None or 25 <= course.workload_hours / course.ects <= 30


def test_providers_are_training_providers_and_awarding_bodies_exist() -> None:
    providers = {organisation.slug for organisation in organisations() if organisation.type == "training_provider"}
    bodies = providers | {cluster.slug for cluster in clusters()}

    assert {course.provider for course in courses()} == providers
    assert {course.awarding_body for course in courses()} <= bodies


def test_prerequisites_resolve_and_come_before_the_course_that_asks_for_them() -> None:
    seen: set[str] = set()
    for course in courses():
        assert set(course.prerequisites) <= seen, course.external_id
        seen.add(course.external_id)
    assert sum(bool(course.prerequisites) for course in courses()) >= 5


def test_courses_stack_into_courses_that_exist() -> None:
    ids = {course.external_id for course in courses()}

    assert all(set(course.stackable_into) <= ids - {course.external_id} for course in courses())


def test_codes_have_the_form_of_their_framework() -> None:
    for outcome in outcomes():
        assert ESCO_URI.fullmatch(outcome.esco_uri or "")
        assert outcome.digcomp is None or re.fullmatch(r"[1-5]\.[1-6]", outcome.digcomp)
        assert outcome.greencomp is None or re.fullmatch(r"[1-4]\.[1-3]", outcome.greencomp)
    assert all(re.fullmatch(r"\d{4}", course.isced_f or "") for course in courses())


def test_every_esco_skill_exists_with_the_label_and_reuse_level_we_give(real_data: Path) -> None:
    known = esco(real_data)

    for outcome in outcomes():
        assert known[outcome.esco_uri or ""][:2] == (outcome.esco_label, outcome.reuse_level), outcome.title


def test_every_digcomp_code_exists(real_data: Path) -> None:
    framework = (real_data / "frameworks/digcomp3.0_core-framework_en.csv").read_text(encoding="utf-8-sig")
    known = set(re.findall(r"digcomp\.competence\.(\d\.\d)\.label", framework))

    assert {outcome.digcomp for outcome in outcomes() if outcome.digcomp} <= known


def test_every_greencomp_code_exists(real_data: Path) -> None:
    framework = json.loads((real_data / "frameworks/greencomp_en.json").read_text(encoding="utf-8-sig"))
    known = {competence["id"] for competence in framework["competences"]}

    assert {outcome.greencomp for outcome in outcomes() if outcome.greencomp} <= known


def test_the_skill_category_follows_from_the_outcomes(real_data: Path) -> None:
    wrong = {c.external_id: c.skill_category for c in courses() if c.skill_category != category(c, real_data)}

    assert wrong == {}
