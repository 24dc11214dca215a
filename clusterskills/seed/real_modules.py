"""Modules and learning paths of a CSV, one row per language, made into one course per uid."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from clusterskills.seed.model import AssessmentType, Course, LearningOutcome
from clusterskills.seed.real_records import RealDataError, Refused, Terms, Unusable, outcome, required, text

MODULES = Path("courses/mslearn_modules_multilang.csv")

COLUMNS = frozenset({"lang", "type", "uid", "title", "summary", "abstract", "levels", "roles", "units", "duration_min"})
LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
BULLET = re.compile(r"(?:^|\s)[-*]\s+")

ISCED_OF_ROLE = {"developer": "0613", "administrator": "0612"}


@dataclass(frozen=True, slots=True)
class _Row:
    """One module or learning path in one language."""

    number: int
    uid: str
    language: str
    kind: str
    title: str
    summary: str
    outcomes: tuple[str, ...]
    minutes: int
    level: str
    roles: tuple[str, ...]
    units: tuple[str, ...]


class _Workload(NamedTuple):
    row: _Row
    minutes: int
    outcomes: tuple[str, ...]


_ByUid = Mapping[str, Mapping[str, _Row]]


def module_courses(folder: Path, terms: Terms) -> tuple[list[Course], list[Unusable]]:
    rows, unusable = _module_rows(folder)
    made: list[Course] = []
    for uid, by_language in rows.items():
        try:
            made.append(_module_course(by_language, rows, terms))
        except Refused as refused:
            unusable += [_unusable_row(row.number, uid, row.language, refused) for row in by_language.values()]
    known = {course.external_id for course in made}
    return [replace(course, stackable_into=_paths_with(course, rows, known)) for course in made], unusable


def _module_rows(folder: Path) -> tuple[dict[str, dict[str, _Row]], list[Unusable]]:
    rows: dict[str, dict[str, _Row]] = {}
    unusable: list[Unusable] = []
    for number, record in _csv_records(folder / MODULES):
        uid, language = text(record, "uid"), text(record, "lang")
        try:
            row = _module_row(number, record)
            if row.language in rows.get(row.uid, {}):
                raise Refused("a second row of the same uid and language")
            rows.setdefault(row.uid, {})[row.language] = row
        except Refused as refused:
            unusable.append(_unusable_row(number, uid, language, refused))
    return rows, unusable


def _csv_records(path: Path) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = COLUMNS - set(reader.fieldnames or ())
            if missing:
                raise RealDataError(f"{path}: no column {', '.join(sorted(missing))}.")
            for record in reader:
                yield reader.line_num, record
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise RealDataError(f"{path}: can't be read: {fault}") from fault


def _module_row(number: int, record: Mapping[str, str | None]) -> _Row:
    return _Row(
        number=number,
        uid=required(record, "uid"),
        language=_language(required(record, "lang")),
        kind=required(record, "type"),
        title=required(record, "title"),
        summary=text(record, "summary"),
        outcomes=_bullets(text(record, "abstract")),
        minutes=_minutes(text(record, "duration_min")),
        level=text(record, "levels").replace("|", ", "),
        roles=_list(record, "roles"),
        units=_list(record, "units"),
    )


def _module_course(by_language: Mapping[str, _Row], rows: _ByUid, terms: Terms) -> Course:
    workload = _workload(by_language, rows)
    row = workload.row
    is_path = row.kind == "LearningPath"
    titles = {language: other.title for language, other in by_language.items()}
    summaries = {language: other.summary for language, other in by_language.items() if other.summary}
    return Course(
        external_id=row.uid,
        title=titles,
        description=summaries or titles,
        default_language=row.language,
        type="course" if is_path else "e_learning",
        provider=terms.provider,
        awarding_body=terms.awarding_body,
        learning_outcomes=_outcomes(workload, by_language, rows),
        skill_category="digital",
        pillar=terms.digital_pillar,
        workload_hours=round(workload.minutes / 60, 2),
        mode="Online",
        assessment_type=_module_assessment(row, terms),
        quality_assurance_type=terms.quality_assurance_type,
        audience=("worker",),
        job_roles=tuple(role.replace("-", " ") for role in row.roles),
        isced_f=next((ISCED_OF_ROLE[role] for role in row.roles if role in ISCED_OF_ROLE), None),
        stated_level=row.level or None,
    )


def _workload(by_language: Mapping[str, _Row], rows: _ByUid) -> _Workload:
    """The first language that states both outcomes and time; translations may have dropped one of them."""
    candidates = [
        _Workload(row, _minutes_of(row, rows), _stated_outcomes(row, row.language, rows))
        for row in by_language.values()
    ]
    for candidate in candidates:
        if candidate.minutes and candidate.outcomes:
            return candidate
    if not any(candidate.outcomes for candidate in candidates):
        raise Refused("states no learning outcome in any language")
    with_outcomes = next(candidate for candidate in candidates if candidate.outcomes)
    minutes = max(candidate.minutes for candidate in candidates)
    if not minutes:
        raise Refused("states no duration in any language")
    return with_outcomes._replace(minutes=minutes)


def _minutes_of(row: _Row, rows: _ByUid) -> int:
    """A learning path takes as long as its modules, and none of them may be without a time."""
    if row.kind != "LearningPath":
        return row.minutes
    parts = [max((part.minutes for part in rows.get(uid, {}).values()), default=0) for uid in row.units]
    return sum(parts) if all(parts) else 0


def _stated_outcomes(row: _Row, language: str, rows: _ByUid) -> tuple[str, ...]:
    """A module lists its outcomes; those of a learning path are the titles of its modules."""
    if row.kind != "LearningPath":
        return row.outcomes
    modules = (rows.get(uid, {}).get(language) for uid in row.units)
    return tuple(module.title for module in modules if module)


def _outcomes(workload: _Workload, by_language: Mapping[str, _Row], rows: _ByUid) -> tuple[LearningOutcome, ...]:
    if workload.row.kind == "LearningPath":
        return _path_outcomes(workload.row, by_language, rows)
    return _module_outcomes(workload.outcomes, by_language)


def _module_outcomes(stated: tuple[str, ...], by_language: Mapping[str, _Row]) -> tuple[LearningOutcome, ...]:
    """Translations are joined by place, where they list equally many; else only the first language speaks."""
    lists = {language: row.outcomes for language, row in by_language.items() if len(row.outcomes) == len(stated)}
    return tuple(
        outcome({language: outcomes[place] for language, outcomes in lists.items()}) for place in range(len(stated))
    )


def _path_outcomes(path: _Row, by_language: Mapping[str, _Row], rows: _ByUid) -> tuple[LearningOutcome, ...]:
    modules = [rows[uid] for uid in path.units if path.language in rows.get(uid, {})]
    return tuple(
        outcome({language: module[language].title for language in by_language if language in module})
        for module in modules
    )


def _module_assessment(row: _Row, terms: Terms) -> AssessmentType:
    has_quiz = any("knowledge-check" in unit or "quiz" in unit for unit in row.units)
    return "online_quiz" if has_quiz else terms.assessment_type


def _paths_with(course: Course, rows: _ByUid, known: set[str]) -> tuple[str, ...]:
    return tuple(
        uid
        for uid, by_language in rows.items()
        if uid in known
        and any(row.kind == "LearningPath" and course.external_id in row.units for row in by_language.values())
    )


def _list(record: Mapping[str, object], field: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text(record, field).split("|") if part.strip())


def _language(tag: str) -> str:
    if not LANGUAGE_TAG.fullmatch(tag):
        raise Refused(f"lang {tag!r} is not a language tag")
    return tag


def _minutes(text: str) -> int:
    """0 is how the file says that no time is known."""
    if not text:
        return 0
    if not text.isdecimal():
        raise Refused(f"duration_min {text!r} is not a whole number of minutes")
    return int(text)


def _bullets(abstract: str) -> tuple[str, ...]:
    """The listed points of an abstract; its first piece is the words that lead to the list."""
    _lead, *points = BULLET.split(abstract)
    return tuple(point.strip().rstrip(".") for point in points if point.strip())


def _unusable_row(number: int, uid: str, language: str, refused: Refused) -> Unusable:
    record = ", ".join(part for part in (uid, language) if part) or "no uid"
    return Unusable(file=MODULES.as_posix(), row=number, record=record, reason=str(refused))
