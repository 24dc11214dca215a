"""Skills: frameworks and their concepts, found by words; a cluster's own framework from a table."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from services.catalog_service.adapters.suggesting import Suggestion
from services.catalog_service.adapters.vocabulary import Vocabulary
from services.catalog_service.domain.actor import Actor
from services.catalog_service.domain.languages import well_formed
from services.catalog_service.domain.skills import COMMON, ESCO, RELEASED, REPLACED, Concept, Framework
from services.catalog_service.store.skills import Skills
from shared.errors import Conflict, Violation, refuse
from shared.tables.reading import open_table
from shared.tables.table import Limits, Row

_LIMITS: Final = Limits(size=5_000_000, rows=20_000, columns=60, cell=5_000)
_LABEL: Final = "label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody looks for: words in a language, or all concepts of a framework; `at` is where the page begins."""

    text: str | None
    framework: str | None
    language: str
    at: Any
    limit: int


class SkillSearch:
    """Everybody reads; a cluster writes frameworks of its own."""

    def __init__(self, skills: Skills, vocabulary: Vocabulary, new_id: Callable[[], str]) -> None:
        self._skills, self._vocabulary, self._new_id = skills, vocabulary, new_id

    def frameworks(self) -> list[Framework]:
        """All there are, by code."""
        return [framework for _, framework in sorted(self._skills.frameworks().items())]

    def find(self, asked: Asked) -> tuple[list[Concept], Any]:
        """Concepts, best first or by code, and where the next page begins when this one is full."""
        refuse("question", self._unknown_framework(asked.framework))
        if asked.text is None:
            found = self._skills.page(asked.framework or ESCO, asked.at, asked.limit)
            return found, found[-1].code if len(found) == asked.limit else None
        skip = int(asked.at or 0)
        ids = self._vocabulary.index().find(asked.text, asked.language, asked.framework, asked.limit, skip)
        return self._skills.named(ids), skip + asked.limit if len(ids) == asked.limit else None

    def suggest(self, title: str, text: str, language: str, limit: int) -> list[tuple[Concept, Suggestion]]:
        """ESCO skills for the text of a course, surest first. Offline; whoever teaches it decides."""
        told = self._vocabulary.told()
        found = told.by_words.suggest(title, text, language, limit, told.meaning)
        known = {concept.id: concept for concept in self._skills.named([one.id for one in found])}
        return [(known[one.id], one) for one in found if one.id in known]

    def take_own(self, actor: Actor, framework: Framework, table: BinaryIO) -> Framework:
        """Take a cluster's own framework from a table, the whole of it; what it no longer has is replaced."""
        there = self._skills.frameworks().get(framework.code)
        if framework.code in COMMON or (there is not None and there.cluster_id != actor.cluster_id):
            raise Conflict(f"The framework {framework.code} is not your cluster's.", code="FRAMEWORK_TAKEN")
        opened = open_table(table, limits=_LIMITS)
        concepts: list[Concept] = []
        refuse("framework", _broken(framework.code, opened.columns, opened.rows, concepts))
        languages = tuple(sorted({tag for concept in concepts for tag in concept.labels}))
        self._skills.replace(replace(framework, languages=languages), concepts, self._new_id())
        return self._skills.frameworks()[framework.code]

    def _unknown_framework(self, code: str | None) -> Iterator[Violation]:
        if code is None:
            return
        known = self._skills.frameworks()
        if code not in known:
            message = "There is no such framework here."
            yield Violation(
                field="framework", code="FRAMEWORK_UNKNOWN", message=message, actual=code, required=sorted(known)
            )


def _broken(
    framework: str, columns: Sequence[str], rows: Iterable[Row], concepts: list[Concept]
) -> Iterator[Violation]:
    """What is wrong with a table of concepts; those that are right are added to `concepts`."""
    tags = [name.partition(":")[2] for name in columns if name.startswith(f"{_LABEL}:")]
    if "code" not in columns or not tags:
        message = "There must be a column code and one such as label:en for each language."
        yield Violation(field="file", code="COLUMNS_MISSING", message=message, actual=list(columns))
        return
    for tag in tags:
        if not well_formed(tag):
            message = "This is no language tag of BCP 47."
            yield Violation(field=f"label:{tag}", code="LANGUAGE_UNKNOWN", message=message, actual=tag)
    yield from _broken_rows(framework, tags, rows, concepts)


def _broken_rows(framework: str, tags: list[str], rows: Iterable[Row], concepts: list[Concept]) -> Iterator[Violation]:
    seen: dict[str, Concept] = {}
    for row in rows:
        concept = _concept(framework, tags, row)
        if row.fault is not None:
            yield _at(row, row.fault.code, row.fault.message)
        elif not concept.code or not concept.labels:
            yield _at(row, "REQUIRED", "A concept needs a code and a label.")
        elif concept.code in seen:
            yield _at(row, "DUPLICATE_CODE", f"The code {concept.code} stands in an earlier row too.")
        seen.setdefault(concept.code, concept)
    unknown = {code for one in seen.values() for code in (*one.broader, *one.replaced_by)} - seen.keys()
    for code in sorted(unknown):
        message = "A broader or replacing concept must be in the table too."
        yield Violation(field="broader", code="SKILL_UNKNOWN", message=message, actual=code)
    concepts += seen.values()


def _concept(framework: str, tags: list[str], row: Row) -> Concept:
    def cell(name: str) -> str:
        return str(row.cells.get(name) or "").strip()

    def many(name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in cell(name).split("|") if part.strip())

    replaced_by = many("replaced_by")
    return Concept(
        framework=framework,
        code=cell("code"),
        kind=cell("kind") or "competence",
        labels={tag: cell(f"label:{tag}") for tag in tags if cell(f"label:{tag}")},
        alternatives={tag: many(f"alternatives:{tag}") for tag in tags if cell(f"alternatives:{tag}")},
        descriptions={tag: cell(f"description:{tag}") for tag in tags if cell(f"description:{tag}")},
        broader=many("broader"),
        replaced_by=replaced_by,
        status=REPLACED if replaced_by else RELEASED,
    )


def _at(row: Row, code: str, message: str) -> Violation:
    return Violation(field=f"row {row.line}", code=code, message=message)
