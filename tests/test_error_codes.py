"""The catalogue of error codes: complete, without codes that nobody raises, and what docs and pages are made from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterskills.errors_page import PAGE, rendered
from shared.codes import CODES, SECTIONS

ROOT = Path(__file__).parents[1]
_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_WORD = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
# Written like codes, and something else: environments, headers, algorithms, names of modules' contents.
_SOMETHING_ELSE = re.compile(
    r"CLUSTERSKILLS_\w+|HTTP_(?!VERSION_NOT)\w+|OTEL_\w+|WEB_\w+|MAX_\w+|CONTENT_TYPE|PATH_INFO|REMOTE_ADDR|REQUEST_METHOD"
    r"|PROMETHEUS_MULTIPROC_DIR|LC_MESSAGES|CLIENT_LOGIN"
)


def test_every_code_that_is_raised_is_in_the_catalogue() -> None:
    assert {code: places for code, places in _raised(_sources()).items() if code not in CODES} == {}


def test_every_code_of_the_catalogue_is_raised_somewhere() -> None:
    said = {text for _, tree in _sources() for text in _texts(tree, _WORD)}

    assert sorted(CODES.keys() - said) == []


def test_a_code_stands_in_one_part_of_the_catalogue() -> None:
    assert sum(len(codes) for codes in SECTIONS.values()) == len(CODES)


@pytest.mark.parametrize(
    "line", ['Conflict("No.", code="LENT_OUT")', 'yield _odd("field", "LENT_OUT", "No.")', 'LENT = ("LENT_OUT", "No.")']
)
def test_a_code_that_was_forgotten_is_found_however_it_is_raised(line: str) -> None:
    assert "LENT_OUT" in _raised([("lending.py", ast.parse(line.removeprefix("yield ")))])


def test_the_page_of_codes_is_what_the_catalogue_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == rendered(), "run: python -m clusterskills.errors_page"


def _raised(sources: list[tuple[str, ast.AST]]) -> dict[str, set[str]]:
    """Every code with the files that name it: what is given as `code`, and whatever is written like one."""
    found: dict[str, set[str]] = {}
    for name, tree in sources:
        for code in (*_texts(tree, _CODE), *_given(tree)):
            if not _SOMETHING_ELSE.fullmatch(code):
                found.setdefault(code, set()).add(name)
    return found


def _given(tree: ast.AST) -> Iterator[str]:
    """What is given as an argument `code`, or stands as a class's own."""
    for node in ast.walk(tree):
        name = node.arg if isinstance(node, ast.keyword) else ""
        if isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            name = target.id if isinstance(target, ast.Name) else ""
        value = getattr(node, "value", None)
        if name == "code" and isinstance(value, ast.Constant) and value.value:
            yield str(value.value)


def _texts(tree: ast.AST, pattern: re.Pattern[str]) -> Iterator[str]:
    """Texts of a shape, but for names of settings and of what a module offers."""
    passed_over = {id(part) for node in ast.walk(tree) if _names_something_else(node) for part in ast.walk(node)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in passed_over else None
        if isinstance(text, str) and pattern.fullmatch(text):
            yield text


def _names_something_else(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets)
    if not isinstance(node, ast.Call):
        return False
    return getattr(node.func, "id", getattr(node.func, "attr", "")) == "setting"


def _sources() -> list[tuple[str, ast.AST]]:
    files = [file for folder in ("services", "shared") for file in sorted((ROOT / folder).rglob("*.py"))]
    return [
        (str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8")))
        for file in files
        if file.name != "codes.py"
    ]
