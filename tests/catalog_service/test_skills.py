"""Skills: found by their names, in vocabularies that are data."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clusterskills import seed
from clusterskills.main import build
from services.catalog_service.adapters import shipped
from tests.catalog_service.calling import Catalog, course_body
from tests.real_data import real_data

SIMULATION = "http://data.europa.eu/esco/skill/0823ccef-813f-4f22-afef-ac0d68615e8f"


def _labels(catalog: Catalog, query: str) -> list[str]:
    answer = catalog.call("GET", f"/v1/skills?{query}")
    assert answer.status == 200, answer.body
    return [item["label"] for item in answer.body["items"]]


def test_every_framework_names_its_version_source_and_licence(catalog: Catalog) -> None:
    found = {item["code"]: item for item in catalog.call("GET", "/v1/frameworks").body["items"]}

    assert {"esco", "digcomp", "greencomp"} <= found.keys()
    for code in ("esco", "digcomp", "greencomp"):
        assert found[code]["version"]
        assert found[code]["source"]
        assert found[code]["licence"]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("q=digital%20twin%20technology", "digital twin technology"),
        ("q=PLC", "programmable logic controller"),
        ("q=programmable%20log", "programmable logic controller"),
        ("q=machin%20lern", "machine learning"),
        ("q=inteligencia%20artificial&language=es", "principios de la inteligencia artificial"),
        ("q=systems%20thinking&framework=greencomp", "Systems thinking"),
        ("q=copyrigt&framework=digcomp", "Copyright and licences"),
    ],
)
def test_a_skill_is_found_by_label_other_name_beginning_and_with_a_typo(
    catalog: Catalog, query: str, first: str
) -> None:
    assert _labels(catalog, query)[0] == first


def test_all_skills_of_a_framework_come_page_by_page_once(catalog: Catalog) -> None:
    seen, path = [], "/v1/skills?framework=digcomp&limit=7"
    while path:
        page = catalog.call("GET", path).body
        seen += [item["code"] for item in page["items"]]
        path = page["next"] and f"/v1/skills?framework=digcomp&limit=7&cursor={page['next']}"

    assert len(seen) == len(set(seen)) == 26


def test_a_framework_that_is_not_there_is_refused_with_those_that_are(catalog: Catalog) -> None:
    answer = catalog.call("GET", "/v1/skills?framework=lifecomp")

    assert answer.codes == [("framework", "FRAMEWORK_UNKNOWN")]
    assert {"esco", "digcomp", "greencomp"} <= set(answer.body["violations"][0]["required"])


def test_a_course_names_skills_that_exist_and_no_others(catalog: Catalog) -> None:
    cluster = catalog.cluster()
    good = [{"framework": "esco", "code": SIMULATION}, {"framework": "digcomp", "code": "3.4"}]
    course = catalog.draft(cluster, alignments=good)
    bad = [
        {"framework": "digcomp", "code": "1.9"},
        {"framework": "esco", "code": "x"},
        {"framework": "no", "code": "1"},
    ]
    answer = catalog.call(
        "PATCH", f"/v1/courses/{course}", catalog.trainer(cluster), {"alignments": bad}, If_Match='"1"'
    )

    assert catalog.call("GET", f"/v1/courses/{course}", catalog.trainer(cluster)).body["alignments"] == good
    assert answer.codes == [
        ("alignments.0.code", "SKILL_UNKNOWN"),
        ("alignments.1.code", "SKILL_UNKNOWN"),
        ("alignments.2.framework", "FRAMEWORK_UNKNOWN"),
    ]


def _put(catalog: Catalog, cluster: str, code: str, table: str) -> tuple[int, dict[str, object]]:
    response = catalog.app.test_client().put(
        f"/v1/frameworks/{code}?name=Ours&version=1",
        headers=catalog.trainer(cluster),
        data=table.encode(),
        content_type="text/csv",
    )
    return response.status_code, response.get_json()


def test_a_cluster_brings_its_own_framework_and_courses_keep_what_it_replaces(catalog: Catalog) -> None:
    cluster, code = catalog.cluster(), "moulds"
    rows = ["code,label:en,label:de,alternatives:de", "M1,cooling,Formkühlung,Temperierung", "M2,polish,Politur,"]
    first = "\n".join(rows)
    status, made = _put(catalog, cluster, code, first)
    course = catalog.course(cluster, alignments=[{"framework": code, "code": "M2"}])
    then, _ = _put(catalog, cluster, code, "code,label:en,label:de\nM1,mould cooling,Formkühlung\n")
    again = catalog.draft(cluster, alignments=[{"framework": code, "code": "M2"}])

    assert (status, made["concepts"], made["languages"], then) == (200, 2, ["de", "en"], 200)
    assert catalog.call("GET", f"/v1/courses/{course}").body["alignments"] == [{"framework": code, "code": "M2"}]
    assert again
    assert [i["code"] for i in catalog.call("GET", f"/v1/skills?framework={code}").body["items"]] == ["M1"]


def test_a_framework_of_others_or_a_broken_table_is_refused(catalog: Catalog) -> None:
    cluster = catalog.cluster()
    _put(catalog, cluster, "theirs", "code,label:en\nA,a\n")
    broken = _put(catalog, cluster, "broken", "code,label:en,broader\nA,a,Z\nA,b,\n,c,\n")

    assert _put(catalog, catalog.cluster(), "theirs", "code,label:en\nA,a\n")[1]["code"] == "FRAMEWORK_TAKEN"
    assert _put(catalog, cluster, "esco", "code,label:en\nA,a\n")[1]["code"] == "FRAMEWORK_TAKEN"
    assert [v["code"] for v in broken[1]["violations"]] == ["DUPLICATE_CODE", "REQUIRED", "SKILL_UNKNOWN"]  # type: ignore[attr-defined]


def _esco(folder: Path, name: str, *rows: str) -> None:
    head = "conceptType,conceptUri,skillType,reuseLevel,preferredLabel,altLabels,status,description"
    lines = [f"KnowledgeSkillCompetence,http://data.europa.eu/esco/skill/{row}" for row in rows]
    folder.joinpath(name).write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


def _import(catalog: Catalog, folder: Path) -> dict[str, object]:
    """By the command, into the catalog's database."""
    prefix = catalog.runtime.database.name.removesuffix("catalog")
    url = os.environ["CLUSTERSKILLS_MONGO_URL"]
    command = [sys.executable, "-m", "clusterskills.main", "skills", "import", str(folder), "--mongo", url]
    done = subprocess.run(
        [*command, "--prefix", prefix, "--json", "--no-suggest"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture
def without_imports(catalog: Catalog) -> Iterator[None]:
    """What is imported goes at the end: other tests use what is shipped."""
    yield
    for name in ("frameworks", "concepts"):
        catalog.runtime.database[name].delete_many({})
    catalog.until(lambda: _labels(catalog, "q=digital%20twin%20technology")[:1] == ["digital twin technology"])


@pytest.mark.usefixtures("without_imports")
def test_a_newer_download_replaces_codes_and_old_courses_stay_valid(catalog: Catalog, tmp_path: Path) -> None:
    old, new = (str(uuid.uuid4()) for _ in range(2))
    _esco(
        tmp_path,
        "v1.1.0_skills_en.csv",
        f'{old},skill/competence,sector-specific,forge blades,"smithing\nblade work",released,',
    )
    first = _import(catalog, tmp_path)
    course = catalog.course(
        catalog.cluster(), alignments=[{"framework": "esco", "code": f"http://data.europa.eu/esco/skill/{old}"}]
    )
    tmp_path.joinpath("v1.1.0_skills_en.csv").unlink()
    _esco(
        tmp_path, "v1.2.0_skills_en.csv", f"{new},knowledge,cross-sector,blade forging,,released,How blades are forged."
    )
    second = _import(catalog, tmp_path)

    assert (first["version"], first["released"]) == ("1.1.0", 1)
    assert (second["version"], second["released"]) == ("1.2.0", 1)
    assert int(str(second["courses"])) == int(str(first["courses"])) + 1
    assert catalog.call("GET", f"/v1/courses/{course}").status == 200
    assert [one["label"] for one in catalog.call("GET", "/v1/skills?framework=esco").body["items"]] == ["blade forging"]
    unknown = [{"framework": "esco", "code": f"http://data.europa.eu/esco/skill/{uuid.uuid4()}"}]
    answer = catalog.call("POST", "/v1/courses", catalog.trainer(catalog.cluster()), course_body(alignments=unknown))
    assert answer.codes == [("alignments.0.code", "SKILL_UNKNOWN")]


@pytest.mark.usefixtures("without_imports")
def test_all_of_esco_is_taken_and_found_in_each_of_its_languages(catalog: Catalog) -> None:
    told = _import(catalog, real_data("esco"))

    assert int(str(told["released"])) > 13_800
    catalog.until(lambda: _labels(catalog, "q=weld%20underwater")[:1] == ["weld underwater"], seconds=100)
    assert _labels(catalog, "q=soldadura%20de%20plasticos&language=es")[0] == "soldadura de plásticos"
    assert _labels(catalog, "q=soudage%20plastiqe&language=fr")[0] == "soudage plastique"


def test_the_demo_names_skills_that_are_shipped_by_their_own_labels() -> None:
    outcomes = [one for course in seed.courses() for one in course.learning_outcomes if one.esco_uri]
    known = shipped.known(("esco", str(one.esco_uri)) for one in outcomes)

    wrong = {str(one.esco_uri) for one in outcomes if known[f"esco {one.esco_uri}"].label("en") != one.esco_label}
    assert not wrong


MISREAD = {
    "b9e451f5-a62f-4a16-a229-255fa5c222a5": "virtual simulation of a patient before radiotherapy",
    "a90fa5ff": "assessing what others feel",
    "59ad10b1": "civil liability insurance of an instructor",
}
"""Codes whose labels promise something else than their scope notes."""


def test_no_course_of_the_demo_names_a_code_whose_scope_note_means_something_else() -> None:
    named = [str(one.esco_uri).rpartition("/")[2] for course in seed.courses() for one in course.learning_outcomes]

    assert not [code for code in named if code.startswith(tuple(MISREAD))]


def test_skills_are_suggested_for_a_text_in_any_language_with_reasons(catalog: Catalog) -> None:
    trainer = catalog.trainer(catalog.cluster())
    text = "Sie schreiben, laden und testen Programme für ein Förderband und verstehen den Zyklus einer Steuerung."
    body = {"title": "SPS-Programmierung für Einsteiger", "description": text, "language": "de"}
    answer = catalog.call("POST", "/v1/skills/suggest", trainer, body)
    first = answer.body["items"][0]

    assert (answer.status, first["label"]) == (200, "programmable logic controller")
    assert "sps" in first["reason"]["words"]
    assert len(answer.body["items"]) == 10
    assert catalog.call("POST", "/v1/skills/suggest", None, body).status == 401


def test_a_folder_without_skills_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    refused = CliRunner().invoke(build(["skills"]), ["skills", "import", str(tmp_path), "--mongo", "mongodb://nowhere"])

    assert refused.exit_code == 1
    assert "skills_<language>.csv" in refused.stderr
