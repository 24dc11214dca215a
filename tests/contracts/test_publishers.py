"""Every type of event has somebody who publishes it: the service whose module it stands in."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from services import manifests
from shared.schemas.event import Event
from shared.schemas.registry import PUBLISHERS, all_events, publisher_of

ROOT = Path(__file__).parents[2]
FOLDERS = {service.name: ROOT / service.package.replace(".", "/") for service in manifests()}

AWAITED = {"enrolment.reconfirmed.v1", "enrolment.result_corrected.v1"}
"""Types that are announced, and that no code publishes yet. Whoever publishes one takes it out of here."""


@pytest.mark.parametrize(("event_type", "kind"), all_events().items())
def test_a_service_names_each_of_its_events(event_type: str, kind: type[Event]) -> None:
    published = kind.__name__ in named_in(FOLDERS[publisher_of(event_type)])

    assert published != (event_type in AWAITED), "nobody publishes it, or it is awaited no longer"


def test_a_name_in_a_comment_or_an_import_publishes_nothing(tmp_path: Path) -> None:
    (tmp_path / "domain.py").write_text("from x import Lent, Returned  # Lost\n\nRETURN = Returned\n", encoding="utf-8")

    assert named_in(tmp_path) == {"RETURN", "Returned"}


def test_whoever_publishes_is_a_service_with_a_worker() -> None:
    assert set(PUBLISHERS) <= {service.name for service in manifests() if service.worker}


def named_in(folder: Path) -> set[str]:
    """What the code of a folder names, beside its imports: `Name` and `module.Name`."""
    found: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return found
