"""The command line: it starts at once, tells its version, and every command speaks to programs, too."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from clusterskills.main import build
from deploy.local import outside, table
from deploy.local.folder import Folder

ROOT = Path(__file__).parents[2]
_HEAVY = {"flask", "pymongo", "kafka", "marshmallow", "httpx", "requests", "jgo", "rich", "filelock", "cryptography"}
_USUAL_SECONDS = 0.4
"""Of a processor that has nothing else to do."""


def test_describing_all_commands_loads_no_framework() -> None:
    code = "import sys; from clusterskills.main import build; build([]); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert _HEAVY & set(loaded.split()) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["stack", "status"], ["logins"]], ids=" ".join)
def test_a_command_starts_at_once(arguments: list[str], tmp_path: Path) -> None:
    before = _spent()
    subprocess.run([sys.executable, "-m", "clusterskills.main", *arguments], capture_output=True, check=False, cwd=ROOT)

    assert _spent() - before < 10 * _USUAL_SECONDS


def test_the_program_tells_its_version() -> None:
    answer = CliRunner().invoke(build(["--version"]), ["--version"])

    assert answer.exit_code == 0
    assert answer.output.split() == ["clusterskills", "0.1.0"]


def test_every_command_speaks_to_programs() -> None:
    without = [name for name, command in _commands(get_command(build([]))) if "--json" not in _options(command)]

    assert without == []


def test_logins_lists_everybody_who_can_sign_in(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.make()
    facts = table.build(folder, table.Wish(outside.Outside()), print).facts
    folder.write_stack({**facts, "state": "down", "processes": {}})
    arguments = ["logins", "--data", str(tmp_path)]

    everybody = json.loads(_output([*arguments, "--json"]))
    managers = json.loads(_output([*arguments, "--json", "--role", "manager"]))["logins"]

    assert everybody == {"logins": facts["logins"], "clients": facts["clients"]}
    assert {one["role"] for one in managers} == {"manager"}
    assert "manager@heilbronn.example" in _output(arguments)


def _output(arguments: list[str]) -> str:
    answer = CliRunner().invoke(build(arguments), arguments)
    assert answer.exit_code == 0, answer.output
    return answer.output


def _commands(command: Any, name: str = "clusterskills") -> Iterator[tuple[str, Any]]:
    if not isinstance(command, TyperGroup):
        yield name, command
        return
    for word, one in command.commands.items():
        yield from _commands(one, f"{name} {word}")


def _options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def _spent() -> float:
    """Seconds that our children's processors have worked."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
