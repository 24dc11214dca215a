"""The joined OpenAPI document: everything is described, what is fixed is an enumeration, and clients can be made of it."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from clusterskills import seed
from deploy.identity import ids
from shared.http.words import EXAMPLES
from tests.contracts.described import joined_description
from tests.stack import Stack
from tests.tokens import TestIssuer

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(engines: Stack) -> Iterator[Document]:
    with TestIssuer() as issuer, joined_description(engines, issuer) as joined:
        yield joined


def test_the_joined_document_is_valid_and_names_its_server(document: Document) -> None:
    validate(document)

    assert document["servers"] == [{"url": "http://localhost:8080", "description": "This installation"}]


def test_every_operation_has_a_short_summary_and_a_description(document: Document) -> None:
    missing = [
        name for name, one in _operations(document) if not one.get("description") or not 0 < len(one["summary"]) <= 60
    ]

    assert missing == []


def test_every_parameter_model_and_field_is_described(document: Document) -> None:
    parameters = [
        f"{name} {one['name']}"
        for name, operation in _operations(document)
        for one in operation["parameters"]
        if not one.get("description")
    ]
    models = [name for name, model in _models(document) if not model.get("description")]
    fields = [f"{name}.{field}" for name, field, schema in _fields(document) if not schema.get("description")]

    assert parameters + models + fields == []


def test_every_status_kind_and_type_is_an_enumeration(document: Document) -> None:
    free = [
        f"{name}.{field}"
        for name, field, schema in _fields(document)
        if name != "Problem"
        and field in {"status", "state", "purpose", "role", "availability", "mode", "decision"}
        and "$ref" not in json.dumps(schema)
    ]

    assert free == []


def test_two_enumerations_never_hold_the_same_words(document: Document) -> None:
    found: dict[tuple[str, ...], list[str]] = {}
    for name, model in _models(document):
        if "enum" in model:
            found.setdefault(tuple(sorted(model["enum"])), []).append(name)
    inline = [where for where, schema in _everywhere(document, "") if "enum" in schema and "/schemas/" not in where]

    assert [names for names in found.values() if len(names) > 1] == []
    assert inline == []


def test_examples_are_real_and_taken_by_the_models_they_stand_in(document: Document) -> None:
    registry: Registry[Any] = Registry().with_resource("", DRAFT202012.create_resource(document))
    wrong, without = [], []
    for name, field, schema in _fields(document):
        found = schema.get("examples", [])
        if (
            not found
            and "type" in schema
            and not {"boolean", "object"} & {*_kinds(schema)}
            and "$ref" not in str(schema)
        ):
            without.append(f"{name}.{field}")
        rule = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
        wrong += [f"{name}.{field}: {one!r}" for one in found if not rule.is_valid(one)]

    assert wrong == []
    assert without == []


def test_examples_are_things_of_the_seed() -> None:
    worker = seed.people("musterwerk-fraestechnik", 1)[0]
    course = next(one for one in seed.courses() if one.external_id == "heilbronn-simulation-basics")
    employer = next(one for one in seed.organisations() if one.slug == worker.organisation)

    assert EXAMPLES["cluster_id"] == ids.cluster_id(worker.cluster)
    assert EXAMPLES["organisation_id"] == ids.organisation_id(worker.organisation)
    assert EXAMPLES["provider_id"] == ids.organisation_id(course.provider)
    assert EXAMPLES["person_id"] == ids.person_id(worker.external_id)
    for name in ("external_id", "given_name", "family_name", "email", "language"):
        assert EXAMPLES[name] == getattr(worker, name)
    for name in ("legal_name", "country", "registration_id", "headcount", "turnover_eur", "balance_sheet_eur"):
        assert EXAMPLES[name] == getattr(employer, name)
    for name in ("job_roles", "workload_hours", "eqf_level", "isced_f"):
        assert EXAMPLES[name] == (list(course.job_roles) if name == "job_roles" else getattr(course, name))
    assert EXAMPLES["course_title"] == course.title["en"]


def test_openapi_python_client_makes_one_model_per_thing(document: Document, tmp_path: Path) -> None:
    source, out = tmp_path / "openapi.json", tmp_path / "client"
    source.write_text(json.dumps(document), "utf-8")
    command = ["-m", "openapi_python_client", "generate", "--path", str(source), "--output-path", str(out)]
    done = _run(*command, "--meta", "none", "--config", str(_without_hooks(tmp_path)))

    assert "WARNING" not in done, done
    made = _classes(out / "models")
    assert _doubled(made) == []
    assert {"CourseView", "CoursePage", "CourseStatus", "Links", "Problem", "Violation"} <= made
    _run("-c", "import client.models, client.api.catalog.list_courses", cwd=tmp_path)


@pytest.mark.slow
def test_datamodel_code_generator_makes_one_model_per_thing(document: Document, tmp_path: Path) -> None:
    source, out = tmp_path / "openapi.json", tmp_path / "models.py"
    source.write_text(json.dumps(document), "utf-8")
    command = ["-m", "datamodel_code_generator", "--input", str(source), "--input-file-type", "openapi"]
    options = ["--output-model-type", "pydantic_v2.BaseModel", "--collapse-root-models", "--disable-warnings"]
    _run(*command, "--output", str(out), *options)

    assert _doubled(_classes(out)) == []
    _run("-c", "import models; models.CourseView", cwd=tmp_path)


def _operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def _models(document: Document) -> Iterator[tuple[str, Document]]:
    yield from document["components"]["schemas"].items()


def _fields(document: Document) -> Iterator[tuple[str, str, Document]]:
    for name, model in _models(document):
        for field, schema in model.get("properties", {}).items():
            yield name, field, schema


def _kinds(schema: Document) -> list[str]:
    kind = schema["type"]
    return [kind] if isinstance(kind, str) else kind


def _everywhere(part: Any, where: str) -> Iterator[tuple[str, Document]]:
    if isinstance(part, dict):
        yield where, part
        for key, below in part.items():
            yield from _everywhere(below, f"{where}/{key}")
    elif isinstance(part, list):
        for below in part:
            yield from _everywhere(below, where)


def _run(*arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], check=False, capture_output=True, text=True, cwd=cwd, timeout=170
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _without_hooks(folder: Path) -> Path:
    """Formatting is of no interest here; the generator has to be told which media types are files and which are JSON."""
    config = folder / "config.yaml"
    overrides = dict.fromkeys(_FILES, "application/octet-stream") | dict.fromkeys(_JSON, "application/json")
    config.write_text(json.dumps({"post_hooks": [], "content_type_overrides": overrides}), "utf-8")
    return config


_FILES = ("application/zip", "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
_JSON = ("application/vc", "application/ld+json")


def _classes(where: Path) -> set[str]:
    files = where.glob("*.py") if where.is_dir() else [where]
    trees = [ast.parse(file.read_text("utf-8")) for file in files]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _doubled(made: set[str]) -> list[str]:
    """Names that a generator gives to what has none, or to a second one of a thing."""
    return sorted(name for name in made if re.search(r"\d$|Type\d|Response\d|Item$", name))
