"""Real records become courses, or are named with file and row; nothing else is lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from clusterskills.seed import Course
from clusterskills.seed.real_courses import RealCourses, RealDataError, Terms, data_folder, real_courses

TERMS = Terms(provider="aula-ejemplo-vigo", awarding_body="ceaga")
HEADER = "lang,type,uid,title,summary,abstract,prerequisites,levels,roles,products,n_units,duration_min,units,path"
MODULES = "courses/mslearn_modules_multilang.csv"
FRAMEWORKS = "courses/uk_apprenticeship_frameworks.json"


def module(
    language: str = "de",
    uid: str = "m.one",
    *,
    kind: str = "Module",
    title: str = "Titel",
    abstract: str = "Sie lernen: - Erstes - Zweites.",
    minutes: str = "90",
    units: str = "m.one.1-introduction",
    roles: str = "developer",
) -> str:
    return f"{language},{kind},{uid},{title},Summe,{abstract},,beginner,{roles},azure,1,{minutes},{units},path"


def framework(**changes: Any) -> dict[str, Any]:
    return {
        "Id": "433-2-1",
        "FrameworkName": "Vehicle Fitting",
        "PathwayName": "Fast Fit",
        "Level": 3,
        "Duration": 18,
        "Ssa1": 4,
        "Ssa2": 4.3,
        "ExtendedTitle": "Vehicle Fitting: Fast Fit, Level: 3",
        "Uri": "https://example.org/433-2-1",
    } | changes


def read(folder: Path, *modules: str, frameworks: object = ()) -> RealCourses:
    (folder / "courses").mkdir(exist_ok=True)
    (folder / MODULES).write_text("\n".join([HEADER, *modules, ""]), encoding="utf-8")
    (folder / FRAMEWORKS).write_text(json.dumps(frameworks), encoding="utf-8")
    return real_courses(folder, TERMS)


def only(result: RealCourses) -> Course:
    assert [str(unusable) for unusable in result.unusable] == []
    assert len(result.courses) == 1
    return result.courses[0]


def reasons(result: RealCourses) -> list[str]:
    return [str(unusable) for unusable in result.unusable]


def test_a_module_in_two_languages_becomes_one_course(tmp_path: Path) -> None:
    course = only(read(tmp_path, module("de"), module("it", title="Titolo", abstract="Si impara: - Primo - Secondo")))

    assert course.title == {"de": "Titel", "it": "Titolo"}
    assert [outcome.title for outcome in course.learning_outcomes] == [
        {"de": "Erstes", "it": "Primo"},
        {"de": "Zweites", "it": "Secondo"},
    ]
    assert (course.workload_hours, course.eqf_level, course.stated_level) == (1.5, None, "beginner")
    assert (course.isced_f, course.mode, course.type) == ("0613", "Online", "e_learning")


def test_outcomes_that_do_not_pair_stay_in_the_first_language(tmp_path: Path) -> None:
    course = only(read(tmp_path, module("de"), module("it", abstract="Si impara: - Solo uno")))

    assert [outcome.title for outcome in course.learning_outcomes] == [{"de": "Erstes"}, {"de": "Zweites"}]


def test_a_module_takes_its_time_from_a_translation_that_has_one(tmp_path: Path) -> None:
    course = only(read(tmp_path, module("de", minutes="0"), module("it", abstract="Prosa", minutes="30")))

    assert (course.default_language, course.workload_hours) == ("de", 0.5)


def test_a_learning_path_lasts_as_long_as_its_modules_and_teaches_them(tmp_path: Path) -> None:
    path = module(uid="path", kind="LearningPath", abstract="", minutes="0", units="m.one|m.two", roles="manager")
    result = read(tmp_path, path, module(title="Eins"), module(uid="m.two", title="Zwei", minutes="30"))
    course, first, _ = result.courses

    assert [outcome.title for outcome in course.learning_outcomes] == [{"de": "Eins"}, {"de": "Zwei"}]
    assert (course.type, course.workload_hours, course.isced_f) == ("course", 2, None)
    assert first.stackable_into == ("path",)


def test_a_learning_path_with_a_module_of_unknown_length_is_refused(tmp_path: Path) -> None:
    path = module(uid="path", kind="LearningPath", abstract="", minutes="0", units="m.one|m.away")

    assert reasons(read(tmp_path, path, module())) == [
        f"{MODULES}, row 2 (path, de): states no duration in any language"
    ]


def test_a_module_with_a_quiz_is_assessed_by_it_and_others_by_the_terms(tmp_path: Path) -> None:
    result = read(tmp_path, module(units="m.one.1-knowledge-check"), module(uid="m.two"))

    assert [course.assessment_type for course in result.courses] == ["online_quiz", "written_test"]


def test_all_bad_rows_are_named_with_file_and_row_and_the_good_ones_are_kept(tmp_path: Path) -> None:
    result = read(
        tmp_path,
        module(title=""),
        module(uid=""),
        module("Deutsch!", "m.two"),
        module(uid="m.three", minutes="soon"),
        module(uid="m.four", abstract="Prosa"),
        module(uid="m.five", minutes=""),
        module(uid="m.six"),
        module(uid="m.six"),
        "de,Module",
    )

    assert [course.external_id for course in result.courses] == ["m.six"]
    assert sorted(reasons(result)) == [
        f"{MODULES}, row 10 (de): uid is missing",
        f"{MODULES}, row 2 (m.one, de): title is missing",
        f"{MODULES}, row 3 (de): uid is missing",
        f"{MODULES}, row 4 (m.two, Deutsch!): lang 'Deutsch!' is not a language tag",
        f"{MODULES}, row 5 (m.three, de): duration_min 'soon' is not a whole number of minutes",
        f"{MODULES}, row 6 (m.four, de): states no learning outcome in any language",
        f"{MODULES}, row 7 (m.five, de): states no duration in any language",
        f"{MODULES}, row 9 (m.six, de): a second row of the same uid and language",
    ]


def test_a_framework_keeps_its_facts_and_takes_the_rest_from_the_terms(tmp_path: Path) -> None:
    course = only(read(tmp_path, frameworks=[framework()]))

    assert course.external_id == "uk-framework-433-2-1"
    assert course.title == {"en": "Vehicle Fitting: Fast Fit"}
    assert (course.eqf_level, course.stated_level, course.isced_f, course.mode) == (4, "3", "0716", "Workbased")
    assert course.workload_hours == 18 * TERMS.hours_per_month
    assert (course.provider, course.awarding_body) == ("aula-ejemplo-vigo", "ceaga")


def test_a_framework_whose_pathway_repeats_its_name_says_it_once(tmp_path: Path) -> None:
    course = only(read(tmp_path, frameworks=[framework(PathwayName="Vehicle Fitting", ExtendedTitle=None, Level=None)]))

    assert course.title == course.description == {"en": "Vehicle Fitting"}
    assert (course.eqf_level, course.stated_level) == (None, None)


def test_all_bad_frameworks_are_named_with_file_and_place(tmp_path: Path) -> None:
    bad = [framework(Id=None), "text", framework(Duration=0), framework(Duration="long"), framework(), framework()]

    assert reasons(read(tmp_path, frameworks=bad)) == [
        f"{FRAMEWORKS}, row 1 (no Id): Id is missing",
        f"{FRAMEWORKS}, row 2 (no Id): is not an object",
        f"{FRAMEWORKS}, row 3 (433-2-1): states no duration",
        f"{FRAMEWORKS}, row 4 (433-2-1): Duration 'long' is not a whole number",
        f"{FRAMEWORKS}, row 6 (433-2-1): a second record of the same Id",
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RealDataError, match=r"mslearn_modules_multilang\.csv: can't be read"):
        real_courses(tmp_path, TERMS)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    read(tmp_path)
    (tmp_path / MODULES).write_text("lang,uid\n", encoding="utf-8")

    with pytest.raises(RealDataError, match="no column abstract, duration_min"):
        real_courses(tmp_path, TERMS)


@pytest.mark.parametrize("content", ["{", '{"Id": 1}', "\udcff"])
def test_a_file_that_is_no_list_of_frameworks_is_named(tmp_path: Path, content: str) -> None:
    read(tmp_path)
    (tmp_path / FRAMEWORKS).write_bytes(content.encode(errors="surrogateescape"))

    with pytest.raises(RealDataError, match=r"uk_apprenticeship_frameworks\.json"):
        real_courses(tmp_path, TERMS)


@pytest.mark.parametrize("value", [None, " ", "/no/such/folder"])
def test_a_folder_that_is_not_there_is_asked_for_by_the_variables_name(value: str | None) -> None:
    with pytest.raises(RealDataError, match="CLUSTERSKILLS_DATA"):
        data_folder({} if value is None else {"CLUSTERSKILLS_DATA": value})


def test_the_real_records_give_hundreds_of_courses_and_no_record_is_lost(real_data: Path) -> None:
    result = real_courses(real_data, TERMS)

    assert len(result.courses) >= 600
    assert len({course.external_id for course in result.courses}) == len(result.courses)
    assert {course.default_language for course in result.courses} >= {"cs", "en", "it"}
    for course in result.courses:
        assert course.title[course.default_language]
        assert course.learning_outcomes
        assert course.workload_hours > 0
    frameworks = json.loads((real_data / FRAMEWORKS).read_text(encoding="utf-8-sig"))
    made = sum(course.external_id.startswith("uk-framework-") for course in result.courses)
    assert made + sum(unusable.file == FRAMEWORKS for unusable in result.unusable) == len(frameworks)
