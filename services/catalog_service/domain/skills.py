"""Skills vocabularies: frameworks, their concepts, and whether what a course names is among them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.errors import Violation

ESCO, DIGCOMP, GREENCOMP = "esco", "digcomp", "greencomp"
COMMON: Final = (ESCO, DIGCOMP, GREENCOMP)
"""Frameworks that belong to nobody's cluster."""
RELEASED, REPLACED = "released", "replaced"
ESCO_SKILL: Final = "http://data.europa.eu/esco/skill/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """A vocabulary. `concepts` counts its released ones; `cluster_id` whose own it is, None: everybody's.

    `complete`: a code that is not in it does not exist. What is shipped of ESCO is a part.
    """

    code: str
    name: str
    version: str
    source: str
    licence: str
    languages: tuple[str, ...]
    concepts: int
    complete: bool = True
    cluster_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """One skill, piece of knowledge, competence or group of them. Texts are by language.

    A replaced one is no longer offered; courses that name it stay as they are. `replaced_by` may be empty.
    """

    framework: str
    code: str
    kind: str
    labels: dict[str, str]
    alternatives: dict[str, tuple[str, ...]] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    broader: tuple[str, ...] = ()
    narrower: tuple[str, ...] = ()
    replaced_by: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    reuse_level: str | None = None
    status: str = RELEASED

    @property
    def id(self) -> str:
        """Unique among all frameworks."""
        return concept_id(self.framework, self.code)

    def label(self, language: str) -> str:
        """In this language, else in English, else in any."""
        base = language.split("-")[0]
        for tag in (language, base, "en"):
            if tag in self.labels:
                return self.labels[tag]
        return next(iter(self.labels.values()), self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """What a course is about, in the words of a framework."""

    framework: str
    code: str


def concept_id(framework: str, code: str) -> str:
    """The id of a concept."""
    return f"{framework} {code}"


def unknown_alignments(
    alignments: Iterable[Alignment], frameworks: Mapping[str, Framework], known: Mapping[str, Concept]
) -> Iterator[Violation]:
    """What a course names that no framework has. Replaced codes are known: old courses stay valid.

    Of a framework that is here in part, any code of its form may exist.
    """
    for position, one in enumerate(alignments):
        where = f"alignments.{position}"
        framework = frameworks.get(one.framework)
        if framework is None:
            message = "There is no such framework here."
            yield Violation(
                field=f"{where}.framework",
                code="FRAMEWORK_UNKNOWN",
                message=message,
                actual=one.framework,
                required=sorted(frameworks),
            )
        elif concept_id(one.framework, one.code) not in known and (framework.complete or not _could_be(one)):
            message = f"{framework.name} {framework.version} has no such code."
            yield Violation(field=f"{where}.code", code="SKILL_UNKNOWN", message=message, actual=one.code)


def _could_be(one: Alignment) -> bool:
    return one.framework == ESCO and one.code.startswith(ESCO_SKILL) and len(one.code) == len(ESCO_SKILL) + 36
