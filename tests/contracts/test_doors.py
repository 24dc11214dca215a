"""What stands between a door and a store: values and criteria, never the database's own words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
DOORS, BELOW = ("api", "handlers", "timers", "actions"), ("schemas", "domain")
MODULES = sorted(
    path
    for service in SERVICES.glob("*_service")
    for layer in (*DOORS, *BELOW)
    for path in (*service.glob(f"{layer}.py"), *service.glob(f"{layer}/**/*.py"))
)
_OPERATOR = re.compile(r"\$[a-z]+[A-Za-z]*")
_FIELD_PATH = re.compile(r"[a-z_]+(\.[a-z_]+)+")


def operators(source: str) -> list[str]:
    """Operators of queries that stand in a module as texts."""
    return [text for text in _texts(source) if _OPERATOR.fullmatch(text)]


def paths(source: str) -> list[str]:
    """Paths into documents, likewise."""
    return [text for text in _texts(source) if _FIELD_PATH.fullmatch(text)]


def _texts(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_only_stores_know_query_operators_and_paths_into_documents(path: Path) -> None:
    source, is_rule = path.read_text(encoding="utf-8"), bool({path.stem, *path.parts} & {*BELOW})

    assert operators(source) == []
    assert is_rule or paths(source) == []  # rules name what is wrong with a request by its path: brand.colour


def test_an_operator_and_a_path_into_a_document_are_noticed() -> None:
    source = '{"$gte": 1, "terms.language": "de", "language": "de"}'

    assert (operators(source), paths(source)) == (["$gte"], ["terms.language"])


STORES = sorted(path for name in ("store.py", "store/**/*.py") for path in SERVICES.glob(f"*_service/{name}"))


def documents_out(source: str) -> list[str]:
    """Public methods of a store's classes that return a document."""
    classes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))
    methods = (node for one in classes for node in one.body if isinstance(node, ast.FunctionDef))
    return [one.name for one in methods if not one.name.startswith("_") and _is_document(one.returns)]


def _is_document(returned: ast.expr | None) -> bool:
    return returned is not None and re.search(r"\bDocument\b|dict\[str, Any\]", ast.unparse(returned)) is not None


@pytest.mark.parametrize("path", STORES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_no_document_leaves_a_store(path: Path) -> None:
    assert documents_out(path.read_text(encoding="utf-8")) == []


def test_a_method_that_returns_documents_is_noticed() -> None:
    source = "class Store:\n def rows(self) -> list[Document]: ...\n def _row(self) -> Document: ...\n def get(self) -> A: ..."

    assert documents_out(source) == ["rows"]
