"""Concepts by their labels: the asked language first, beginnings, and one typo in a word. An index in memory.

One entry for each concept and language. Holds ids only; what a concept says is read where it is kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import tantivy
from rapidfuzz import fuzz
from tantivy import Occur, Query

from services.catalog_service.adapters.words import folded, terms, words
from services.catalog_service.domain.skills import Concept

_HEAP: Final = 15_000_000
_CANDIDATES: Final = 60
_FIELDS: Final = (("label", 3.0), ("others", 1.0))
_TYPO_FROM: Final = 3
"""A word of fewer letters with a typo in it could be anything."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One concept in one language. `label` is folded."""

    id: str
    framework: str
    language: str
    label: str
    collections: tuple[str, ...]


class SkillIndex:
    """Made once of all concepts, then only read; many threads may."""

    def __init__(self, concepts: Iterable[Concept]) -> None:
        self._schema = _schema()
        self._index = tantivy.Index(self._schema)
        self._entries: list[_Entry] = []
        writer = self._index.writer(_HEAP, 1)
        for concept in concepts:
            for language, label in concept.labels.items():
                self._add(writer, concept, language, label)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self.languages = frozenset(entry.language for entry in self._entries)

    def find(self, text: str, language: str, framework: str | None, limit: int, skip: int = 0) -> list[str]:
        """Ids of concepts, best first: by the label in this language, then by other names; in English where the
        vocabulary does not speak the language."""
        asked = words(text)
        if not asked:
            return []
        tag = language.split("-")[0].casefold()
        found = self._search(asked, tag if tag in self.languages else "en", framework, skip + limit)
        return found[skip : skip + limit]

    def _search(self, asked: Sequence[str], language: str, framework: str | None, wanted: int) -> list[str]:
        must = [self._term("language", language)]
        if framework is not None:
            must.append(self._term("framework", framework))
        searcher = self._index.searcher()
        hits: list[tuple[float, tantivy.DocAddress]] = []
        for way in (self._as_written, self._with_a_typo):
            query = Query.boolean_query([(Occur.Must, one) for one in (*must, *(way(w, language) for w in asked))])
            hits = hits or searcher.search(query, limit=max(_CANDIDATES, wanted), count=False).hits
        numbers = searcher.fast_field_values("number", [address for _, address in hits])
        entries = [self._entries[int(number or 0)] for number in numbers]
        plain = " ".join(map(folded, asked))
        scores = {entry.id: score for entry, (score, _) in zip(entries, hits, strict=True)}
        ranked = sorted(entries, key=lambda entry: (-_nearness(plain, entry.label), -scores[entry.id], entry.label))
        return list(dict.fromkeys(entry.id for entry in ranked))

    def _as_written(self, word: str, language: str) -> Query:
        """The word, its stem, or what begins with it; in a label before another name."""
        ways: list[Query] = []
        for field, weight in _FIELDS:
            ways += [Query.boost_query(self._term(field, stem), weight) for stem in terms(word, language)]
            ways.append(Query.boost_query(self._near(field, folded(word), 0, beginning=True), 0.8 * weight))
        return Query.disjunction_max_query(ways)

    def _with_a_typo(self, word: str, language: str) -> Query:
        """The same, or what is one letter away."""
        plain = folded(word)
        if len(plain) < _TYPO_FROM:
            return self._as_written(word, language)
        beginning = len(plain) > _TYPO_FROM
        near = [Query.boost_query(self._near(name, plain, 1, beginning=beginning), w / 4) for name, w in _FIELDS]
        return Query.disjunction_max_query([self._as_written(word, language), *near])

    def _term(self, field: str, word: str) -> Query:
        return Query.term_query(self._schema, field, word)

    def _near(self, field: str, word: str, typos: int, *, beginning: bool) -> Query:
        return Query.fuzzy_term_query(self._schema, field, word, typos, transposition_cost_one=True, prefix=beginning)

    def _add(self, writer: tantivy.IndexWriter, concept: Concept, language: str, label: str) -> None:
        document = tantivy.Document()
        document.add_unsigned("number", len(self._entries))
        document.add_text("framework", concept.framework)
        document.add_text("language", language)
        document.add_text("label", _terms(label, language))
        document.add_text("others", " ".join(_terms(o, language) for o in concept.alternatives.get(language, ())))
        writer.add_document(document)
        self._entries.append(_Entry(concept.id, concept.framework, language, folded(label), concept.collections))


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("number", fast=True)
    for name in ("framework", "language"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("label", "others"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def _terms(text: str, language: str) -> str:
    return " ".join(stem for word in words(text) for stem in terms(word, language))


def _nearness(asked: str, label: str) -> float:
    """How much of the label the question is: all of it, its beginning, or near it."""
    whole = 100.0 if label == asked else 0.0
    begins = 40.0 if label.startswith(asked) else 0.0
    return whole + begins + fuzz.ratio(asked, label)
