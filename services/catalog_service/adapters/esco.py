"""The official download of ESCO: a folder of CSV files, one per part and language, of any version.

`skills_en.csv`, `digitalSkillsCollection_en.csv`, `broaderRelationsSkillPillar_en.csv` and so on; a file name may begin
with its version (`v1.2.0_skills_en.csv`). What is not about skills is passed over.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from services.catalog_service.domain.skills import ESCO, RELEASED, REPLACED, Concept

_FILE: Final = re.compile(r"(?:.*?v?(\d+(?:\.\d+)+)_)?([a-zA-Z]+)_([a-z]{2}(?:-[a-zA-Z]+)?)\.csv")
_COLLECTIONS: Final = {
    "digitalSkillsCollection": "digital",
    "greenSkillsCollection": "green",
    "digCompSkillsCollection": "digcomp",
    "transversalSkillsCollection": "transversal",
    "researchSkillsCollection": "research",
    "languageSkillsCollection": "language",
}
_PARTS: Final = frozenset({"skills", "broaderRelationsSkillPillar", *_COLLECTIONS})
_OLDEST: Final = (0,)
csv.field_size_limit(10_000_000)


class NotEsco(Exception):
    """The folder does not hold what the official download holds; the sentence says what is missing."""


@dataclass(frozen=True, slots=True)
class Download:
    """What a folder holds: the version of its newest part, the concepts, and the languages of their labels."""

    version: str
    concepts: tuple[Concept, ...]
    languages: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    """A concept as the files tell of it, so far. `seen` is the newest version that has it."""

    kind: str
    reuse_level: str | None
    seen: tuple[int, ...] = _OLDEST
    labels: dict[str, str] = field(default_factory=dict)
    alternatives: dict[str, tuple[str, ...]] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    broader: list[str] = field(default_factory=list)
    replaced_by: list[str] = field(default_factory=list)
    collections: set[str] = field(default_factory=set)
    obsolete: bool = False


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    part: str
    language: str
    version: tuple[int, ...]


def read(folder: Path, version: str | None = None) -> Download:
    """All skills of the folder. `version` names it where the file names do not. Raises NotEsco.

    A concept that the newest list of skills no longer has, and no newer collection either, is replaced.
    """
    files = sorted(_files(folder), key=lambda file: file.version)
    lists = [file for file in files if file.part == "skills"]
    if not lists:
        raise NotEsco(f"{folder} holds no skills_<language>.csv, as the official download of ESCO does.")
    found: dict[str, _Found] = {}
    for file in files:
        for row in _rows(file.path):
            _take(found, file, row)
    newest = max(file.version for file in lists)
    stated = ".".join(map(str, files[-1].version)) if files[-1].version != _OLDEST else "unknown"
    concepts = tuple(_concept(uri, one, newest) for uri, one in found.items() if one.labels)
    return Download(version or stated, _with_narrower(concepts), tuple(sorted({file.language for file in lists})))


def _files(folder: Path) -> Iterator[_File]:
    if not folder.is_dir():
        raise NotEsco(f"{folder} is no folder.")
    for path in sorted(folder.iterdir()):
        match = _FILE.fullmatch(path.name)
        if match and match[2] in _PARTS:
            version = tuple(map(int, match[1].split("."))) if match[1] else _OLDEST
            yield _File(path, match[2], match[3], version)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _take(found: dict[str, _Found], file: _File, row: dict[str, Any]) -> None:
    uri = row.get("conceptUri") or ""
    if "/skill/" not in uri:
        return
    one = found.setdefault(uri, _Found(_kind(row), row.get("reuseLevel") or None))
    if file.part == "broaderRelationsSkillPillar":
        one.broader += [row.get("broaderUri") or ""]
        return
    one.seen = max(one.seen, file.version)
    one.obsolete = row.get("status", "released") not in ("released", "")
    one.broader += _split(row.get("broaderConceptUri"))
    one.replaced_by += _split(row.get("replacedByUri") or row.get("replacedBy"))
    if file.part in _COLLECTIONS:
        one.collections.add(_COLLECTIONS[file.part])
    _take_words(one, file.language, row)


def _take_words(one: _Found, language: str, row: dict[str, Any]) -> None:
    if label := (row.get("preferredLabel") or "").strip():
        one.labels[language] = label
    others = [*_split(row.get("altLabels")), *_split(row.get("hiddenLabels"))]
    if others:
        one.alternatives[language] = tuple(dict.fromkeys(text for text in others if text != label))
    text = " ".join((row.get("description") or row.get("definition") or "").split())
    if text:
        one.descriptions[language] = text


def _kind(row: dict[str, Any]) -> str:
    return "knowledge" if row.get("skillType") == "knowledge" else "skill"


def _split(text: str | None) -> list[str]:
    """Old versions put one on each line, newer ones a bar between them."""
    return [part.strip() for part in re.split(r"\n| \| ", text or "") if part.strip()]


def _concept(uri: str, one: _Found, newest: tuple[int, ...]) -> Concept:
    gone = one.obsolete or one.seen < newest
    return Concept(
        framework=ESCO,
        code=uri,
        kind=one.kind,
        labels=one.labels,
        alternatives=one.alternatives,
        descriptions=one.descriptions,
        broader=tuple(dict.fromkeys(filter(None, one.broader))),
        replaced_by=tuple(dict.fromkeys(one.replaced_by)),
        collections=tuple(sorted(one.collections)),
        reuse_level=one.reuse_level,
        status=REPLACED if gone else RELEASED,
    )


def _with_narrower(concepts: Iterable[Concept]) -> tuple[Concept, ...]:
    """Each with those that name it as broader."""
    kept = tuple(concepts)
    narrower: dict[str, list[str]] = defaultdict(list)
    for one in kept:
        for broader in one.broader:
            narrower[broader].append(one.code)
    return tuple(replace(one, narrower=tuple(narrower.get(one.code, ()))) for one in kept)
