"""What the documents say exists: files, targets, commands, modules, tests, variables, error codes."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from clusterskills.main import build
from clusterskills.settings_table import BEGIN, END, README, rendered, updated

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]

_FOLDERS = ("services", "shared", "clusterskills", "deploy", "tests", "docs", ".ci")
_PATH = re.compile(rf"(?:{'|'.join(map(re.escape, _FOLDERS))})/[\w./-]+|[\w.-]+\.(?:toml|yml|lock|md)")
_MAKE = re.compile(r"^(?:\w+=\S+ )?make ([a-z][a-z-]*)", re.MULTILINE)
_FENCE = re.compile(r"^```\w*$.*?^```$", re.DOTALL | re.MULTILINE)


def test_the_configuration_table_is_what_the_settings_say() -> None:
    text = README.read_text(encoding="utf-8")

    assert updated(text) == text, "run: python -m clusterskills.settings_table"
    assert rendered().count("\n") > 20


def test_a_readme_without_the_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="markers"):
        updated(f"{BEGIN} but no end")
    with pytest.raises(ValueError, match="markers"):
        updated(f"{END} but no begin")


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_named_exists(name: str) -> None:
    named = {word for word in _inline(name) if _PATH.fullmatch(word)}

    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    text = _text(name)
    found = re.findall(r"\]\(([^)\s]+)\)|src(?:set)?=\"([^\"]+)\"", text)
    links = {link.partition("#")[0] for pair in found for link in pair if link and "://" not in link}

    assert [link for link in sorted(links) if not ((ROOT / name).parent / link).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for code in _codes(name) for target in _MAKE.findall(code)}

    assert named <= targets


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_every_option_exists(name: str) -> None:
    for line in (line for code in _codes(name) for line in code.splitlines()):
        for words in re.findall(r"\bclusterskills((?: [\w-]+)+)", line):
            _follow(_program(), words.split(), line)


@pytest.mark.parametrize("name", NAMES)
def test_every_module_that_is_run_exists(name: str) -> None:
    named = {module for code in _codes(name) for module in re.findall(r"python3? -m ([\w.]+)", code)}

    assert [module for module in sorted(named) if find_spec(module) is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_and_error_code_is_in_the_code(name: str) -> None:
    named = {word for word in _inline(name) if re.fullmatch(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", word)}

    assert [word for word in sorted(named) if word.removeprefix("CLUSTERSKILLS_") not in _sources()] == []


def test_every_proof_that_the_architecture_names_exists() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    rows = re.findall(r"^\|[^|]+\|[^|]+\|([^|]+)\|$", _text("docs/architecture.md"), re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`([a-z]\w+)`", row)}

    assert len(named) > 20
    assert [word for word in sorted(named) if f"def {word}(" not in tests] == []


def test_the_journey_of_the_readme_is_the_one_that_the_demo_walks() -> None:
    source = (ROOT / "clusterskills/demo/journey.py").read_text(encoding="utf-8")
    event = r"(?:course|session|person|enrolment|roster|certificate)\.\w+"
    walked = re.findall(rf'"({event})"', source)
    section = _text("README.md").split("## The journey")[1].split("##")[0]

    assert re.findall(rf"`({event})` \|", section) == walked


def _follow(command: Any, words: list[str], line: str) -> None:
    """Walk down from the program; what comes after the last command is an argument."""
    while isinstance(command, TyperGroup) and words:
        assert words[0] in command.commands, f"{line}: there is no {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    named = {word for word in words if word.startswith("--")}
    assert named <= known, f"{line}: {named - known}"


@cache
def _program() -> Any:
    return get_command(build([]))


@cache
def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _inline(name: str) -> set[str]:
    """The words between backticks."""
    return set(re.findall(r"`([^`\n]+)`", _FENCE.sub("", _text(name))))


def _codes(name: str) -> list[str]:
    """Everything that is set as code: words between backticks, and blocks."""
    return [*_inline(name), *_FENCE.findall(_text(name))]


@cache
def _sources() -> str:
    """All code, and what is configured beside it."""
    kinds = ("*.py", "*.yml", "Caddyfile", "Makefile")
    folders = [ROOT / name for name in ("services", "shared", "clusterskills", "deploy")]
    files = [file for folder in folders for kind in kinds for file in folder.rglob(kind)]
    beside = [ROOT / "docker-compose.yml", *(ROOT / "tests").glob("*.py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in (*files, *beside))
