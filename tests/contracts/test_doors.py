"""What stands between a door and a store: values and criteria, never the database's own words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
LAYERS = ("api", "handlers", "timers", "schemas", "actions", "domain")
MODULES = sorted(
    path
    for service in SERVICES.glob("*_service")
    for layer in LAYERS
    for path in (*service.glob(f"{layer}.py"), *service.glob(f"{layer}/**/*.py"))
)
_OPERATOR = re.compile(r"\$[a-z]+[A-Za-z]*")
_FIELD_PATH = re.compile(r"[a-z_]+(\.[a-z_]+)+")


def query_words(source: str) -> list[str]:
    """Operators of queries and paths into documents that stand in a module as texts."""
    return [text for text in _texts(source) if _OPERATOR.fullmatch(text) or _FIELD_PATH.fullmatch(text)]


def _texts(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_only_stores_know_query_operators_and_paths_into_documents(path: Path) -> None:
    assert query_words(path.read_text(encoding="utf-8")) == []


def test_an_operator_and_a_path_into_a_document_are_noticed() -> None:
    assert query_words('{"$gte": 1, "terms.language": "de", "language": "de"}') == ["$gte", "terms.language"]
