"""ESCO skills for the text of a course: what its words name, joined with what it means.

Words: an index of labels and other names, asked with the words of the text and their synonyms; rare words count more,
the title counts double, and a label that the text contains as a whole counts most. Meaning: the nearest labels to the
title and to each sentence by a small multilingual sentence model (`Meaning`), which knows languages that the vocabulary
does not speak. Without the model, words alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Protocol

import tantivy
from tantivy import Occur, Query

from services.catalog_service.adapters.synonyms import phrases
from services.catalog_service.adapters.words import folded, telling, terms, words
from services.catalog_service.domain.skills import Concept

_HEAP: Final = 15_000_000
_CANDIDATES: Final = 60
_FIELDS: Final = (("label", 1.0), ("others", 0.5))
_TITLE, _WHOLE, _SYNONYM = 2.0, 2.5, 1.0
_MEANT: Final = 0.9
"""How much meaning counts beside words."""


class Nearness(Protocol):
    """How near each of the best concepts is to the parts of a text: id -> 0 to 1."""

    def near(self, parts: Sequence[str], limit: int) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A concept with how sure it is (0 to 1) and why: words of the text that name it, or its meaning."""

    id: str
    score: float
    words: tuple[str, ...]
    meant: bool


class Suggester:
    """Made once of all concepts of a framework, then only read."""

    def __init__(self, concepts: Iterable[Concept]) -> None:
        self._schema = _schema()
        self._index = tantivy.Index(self._schema)
        self._ids: list[str] = []
        self._labels: list[tuple[frozenset[str], ...]] = []
        writer = self._index.writer(_HEAP, 1)
        for concept in concepts:
            self._add(writer, concept)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    def suggest(self, title: str, text: str, language: str, limit: int, meaning: Nearness | None) -> list[Suggestion]:
        """The best, surest first."""
        by_words, named = self._by_words(title, text, language)
        by_meaning = meaning.near(_parts(title, text), _CANDIDATES) if meaning is not None else {}
        scores: dict[str, float] = defaultdict(float)
        for name, score in by_words.items():
            scores[name] += score
        for name, score in by_meaning.items():
            scores[name] += _MEANT * score
        top = 1.0 + (_MEANT if by_meaning else 0.0)
        best = sorted(scores, key=lambda name: (-scores[name], name))[:limit]
        return [
            Suggestion(
                id=name,
                score=round(min(1.0, scores[name] / top), 3),
                words=named.get(name, ()),
                meant=name in by_meaning,
            )
            for name in best
        ]

    def _by_words(self, title: str, text: str, language: str) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
        """Scores from 0 to 1, and which words of the text did it."""
        weights: dict[str, float] = defaultdict(float)
        said: dict[str, str] = {}
        ways: list[Query] = []
        for part, weight in ((title, _TITLE), (text, 1.0)):
            spelled = words(part)
            for word in telling(spelled):
                for stem in terms(word, language):
                    weights[stem] = max(weights[stem], weight)
                    said.setdefault(stem, word)
            for phrase, others in phrases(spelled):
                ways += [Query.boost_query(self._phrase(other), _SYNONYM * weight) for other in others]
                said |= {stem: phrase for other in others for stem in _whole(other, "en") if stem not in said}
        ways += [self._term(name, stem, weight * field) for stem, weight in weights.items() for name, field in _FIELDS]
        return self._ranked(ways, weights.keys(), said) if ways else ({}, {})

    def _ranked(
        self, ways: list[Query], text: AbstractSet[str], said: Mapping[str, str]
    ) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
        searcher = self._index.searcher()
        query = Query.boolean_query([(Occur.Should, way) for way in ways])
        hits = searcher.search(query, limit=_CANDIDATES, count=False).hits
        numbers = searcher.fast_field_values("number", [address for _, address in hits])
        scores, named = {}, {}
        for (score, _), number in zip(hits, numbers, strict=True):
            label, identity = self._labels[int(number or 0)], self._ids[int(number or 0)]
            whole = max((len(stems) for stems in label if stems <= text), default=0)
            scores[identity] = score * (_WHOLE if whole > 1 else 1.5 if whole else 1.0)
            named[identity] = tuple(sorted({said[stem] for stems in label for stem in stems if stem in said}))[:5]
        best = max(scores.values(), default=1.0)
        return {name: score / best for name, score in scores.items()}, named

    def _phrase(self, text: str) -> Query:
        """Concepts that have all words of another name for something in the text, together in a label or other name."""
        ways = []
        for name, field in _FIELDS:
            each = [
                Query.disjunction_max_query([self._term(name, stem, field) for stem in _any_stem(word)])
                for word in telling(words(text))
            ]
            ways.append(Query.boolean_query([(Occur.Must, one) for one in each]))
        return Query.disjunction_max_query(ways)

    def _term(self, name: str, stem: str, weight: float) -> Query:
        return Query.boost_query(Query.term_query(self._schema, name, stem), weight)

    def _add(self, writer: tantivy.IndexWriter, concept: Concept) -> None:
        document = tantivy.Document()
        document.add_unsigned("number", len(self._ids))
        document.add_text("label", " ".join(_stems(concept.labels.items())))
        others = ((tag, text) for tag, texts in concept.alternatives.items() for text in texts)
        document.add_text("others", " ".join(_stems(others)))
        writer.add_document(document)
        self._ids.append(concept.id)
        self._labels.append(tuple(_whole(text, tag) for tag, text in concept.labels.items()))


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("number", fast=True)
    for name in ("label", "others"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def _stems(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Each stem once: a concept with many names is no better for it."""
    return sorted({stem for tag, text in texts for word in telling(words(text)) for stem in terms(word, tag)})


def _any_stem(word: str) -> list[str]:
    """In the languages that labels are in."""
    return sorted({stem for tag in ("en", "es", "fr") for stem in terms(word, tag)})


def _whole(text: str, tag: str) -> frozenset[str]:
    """The shortest stem of each telling word of a label."""
    return frozenset(min(terms(word, tag), key=lambda stem: (len(stem), stem)) for word in telling(words(text)))


def _parts(title: str, text: str) -> list[str]:
    """The title, and each sentence with it: a sentence alone may not say what it is about."""
    sentences = [part.strip() for part in re.split(r"(?<=[.!?;:])\s+|\n", text) if len(folded(part)) > 10]
    return [title, *(f"{title}. {sentence}" for sentence in sentences[:8])]
