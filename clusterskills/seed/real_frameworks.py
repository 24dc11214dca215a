"""Apprenticeship frameworks of a JSON list: in English, lasting months, at the workplace."""

import json
from collections.abc import Mapping
from pathlib import Path

from clusterskills.seed.model import Course, SkillCategory
from clusterskills.seed.real_records import (
    RealDataError,
    Refused,
    Terms,
    Unusable,
    outcome,
    required,
    text,
    whole_number,
)

FRAMEWORKS = Path("courses/uk_apprenticeship_frameworks.json")

EQF_OF_UK_LEVEL = {2: 3, 3: 4, 4: 5, 5: 5, 6: 6, 7: 7, 8: 8}
"""UK levels (RQF, CQFW) against the EQF, as the UK's referencing report sets them."""

ISCED_OF_SUBJECT_AREA = {
    "3.1": "0810",
    "4.1": "0710",
    "4.2": "0720",
    "5.2": "0730",
    "6.1": "0610",
    "7.1": "0416",
    "15.3": "0413",
}
"""UK sector subject areas that have one ISCED-F field of the same extent; the others get none."""


def framework_courses(folder: Path, terms: Terms) -> tuple[list[Course], list[Unusable]]:
    made: dict[str, Course] = {}
    unusable: list[Unusable] = []
    for number, record in enumerate(_json_records(folder / FRAMEWORKS), 1):
        try:
            course = _framework_course(record, terms)
            if course.external_id in made:
                raise Refused("a second record of the same Id")
            made[course.external_id] = course
        except Refused as refused:
            name = text(record, "Id") if isinstance(record, dict) else ""
            unusable.append(
                Unusable(file=FRAMEWORKS.as_posix(), row=number, record=name or "no Id", reason=str(refused))
            )
    return list(made.values()), unusable


def _json_records(path: Path) -> list[object]:
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise RealDataError(f"{path}: can't be read: {fault}") from fault
    if not isinstance(records, list):
        raise RealDataError(f"{path}: should be a list of frameworks.")
    return records


def _framework_course(record: object, terms: Terms) -> Course:
    if not isinstance(record, dict):
        raise Refused("is not an object")
    identifier, framework = required(record, "Id"), required(record, "FrameworkName")
    pathway = text(record, "PathwayName") or framework
    months = whole_number(record, "Duration")
    if not months:
        raise Refused("states no duration")
    return Course(
        external_id=f"uk-framework-{identifier}",
        title={"en": framework if pathway == framework else f"{framework}: {pathway}"},
        description={"en": text(record, "ExtendedTitle") or framework},
        default_language="en",
        type="course",
        provider=terms.provider,
        awarding_body=terms.awarding_body,
        learning_outcomes=(outcome({"en": pathway}),),
        skill_category=_framework_category(record),
        pillar=terms.apprenticeship_pillar,
        workload_hours=months * terms.hours_per_month,
        mode="Workbased",
        assessment_type=terms.assessment_type,
        quality_assurance_type=terms.quality_assurance_type,
        audience=("worker",),
        isced_f=_framework_field(record, framework),
        eqf_level=EQF_OF_UK_LEVEL.get(whole_number(record, "Level")),
        homepage=text(record, "Uri") or None,
        stated_level=text(record, "Level") or None,
    )


def _framework_category(record: Mapping[str, object]) -> SkillCategory:
    """Area 6 is information and communication technology."""
    return "digital" if whole_number(record, "Ssa1") == 6 else "other"


def _framework_field(record: Mapping[str, object], framework: str) -> str | None:
    if "Vehicle" in framework:
        return "0716"
    return ISCED_OF_SUBJECT_AREA.get(text(record, "Ssa2"))
