"""The tables that are shipped: codes and labels of frameworks that the European Commission publishes, made from facts of
its publications. An import of the whole framework stands before them; what it no longer has is still known by them.

`tables/frameworks.csv` names each one's version, source and licence. ESCO: the digital and green collections, and what
the demo's courses name beside them.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from services.catalog_service.domain.skills import ESCO, ESCO_SKILL, Concept, Framework, concept_id

_TABLES: Final = Path(__file__).with_name("tables")
_BAR: Final = "|"
COLUMNS: Final = ("code", "kind", "reuse_level", "collections", "broader")
"""Of a table of concepts; behind them `labels:xx` and `alternatives:xx` of each language."""


@cache
def frameworks() -> Mapping[str, Framework]:
    """The frameworks that are shipped, by code."""
    return {framework.code: framework for framework in map(_framework, _rows("frameworks"))}


@cache
def concepts(framework: str) -> Mapping[str, Concept]:
    """The concepts of one of them by id; none for any other framework. Read when first asked for."""
    if framework not in frameworks():
        return {}
    return {concept.id: concept for concept in (_concept(framework, row) for row in _rows(framework))}


def known(pairs: Iterable[tuple[str, str]]) -> dict[str, Concept]:
    """Those of these (framework, code) that are shipped, by id."""
    found = {concept_id(*pair): concepts(pair[0]).get(concept_id(*pair)) for pair in pairs}
    return {name: concept for name, concept in found.items() if concept is not None}


def vectors() -> tuple[list[str], bytes]:
    """Of the shipped part of ESCO, the concepts' ids and what their labels mean (`meaning.packed`)."""
    return list(concepts(ESCO)), (_TABLES / "esco.vectors.bin").read_bytes()


def write(concepts: Iterable[Concept], languages: Iterable[str], path: Path) -> None:
    """Make the table of a framework (`clusterskills skills ship`)."""
    tags = tuple(languages)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *(f"labels:{tag}" for tag in tags), *(f"alternatives:{tag}" for tag in tags)])
        for concept in sorted(concepts, key=lambda one: one.code):
            writer.writerow(_cells(concept, tags))


def _cells(concept: Concept, tags: tuple[str, ...]) -> list[str]:
    return [
        concept.code.removeprefix(ESCO_SKILL),
        concept.kind,
        concept.reuse_level or "",
        _BAR.join(concept.collections),
        _BAR.join(concept.broader),
        *(concept.labels.get(tag, "") for tag in tags),
        *(_BAR.join(concept.alternatives.get(tag, ())) for tag in tags),
    ]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _framework(row: dict[str, str]) -> Framework:
    return Framework(
        code=row["code"],
        name=row["name"],
        version=row["version"],
        source=row["source"],
        licence=row["licence"],
        languages=tuple(row["languages"].split(_BAR)),
        concepts=int(row["concepts"]),
        complete=row["complete"] == "yes",
    )


def _concept(framework: str, row: dict[str, str]) -> Concept:
    code = ESCO_SKILL + row["code"] if framework == ESCO else row["code"]
    return Concept(
        framework=framework,
        code=code,
        kind=row["kind"],
        reuse_level=row["reuse_level"] or None,
        collections=_many(row["collections"]),
        broader=_many(row["broader"]),
        labels=_by_language(row, "labels:"),
        alternatives={tag: _many(text) for tag, text in _by_language(row, "alternatives:").items()},
    )


def _by_language(row: dict[str, str], start: str) -> dict[str, str]:
    return {name.removeprefix(start): text for name, text in row.items() if name.startswith(start) and text}


def _many(text: str) -> tuple[str, ...]:
    return tuple(text.split(_BAR)) if text else ()
