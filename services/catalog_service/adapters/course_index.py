"""Published courses by their words, with facets: an index in the memory of this process.

Fields: `title`, `skills` (labels and other names of what the course teaches), `body`, each as folded words and stems;
`parts` (pieces of long words: compounds); `plain` (folded words, to mend typos by). Orders are text fields that end with
the course's id, so that no two are alike and a page goes on where the last one ended, whatever came or went meanwhile.
"""

from base64 import b64decode, b64encode
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import tantivy
from rapidfuzz import fuzz, process
from tantivy import Occur, Order, Query

from services.catalog_service.adapters.synonyms import synonyms
from services.catalog_service.adapters.words import folded, parts, telling, terms, words
from services.catalog_service.domain.found import (
    DATE,
    FACETS,
    NEWEST,
    RELEVANCE,
    SEATS,
    TITLE,
    WORKLOAD,
    Found,
    Offer,
    Search,
)

_HEAP: Final = 15_000_000
_WEIGHTS: Final = (("title", 3.0), ("skills", 2.0), ("body", 1.0))
_SYNONYM, _PART, _BEGINNING, _TYPO = 0.7, 0.35, 0.3, 0.25
_SHOWN_VALUES: Final = 50
_MOST_BY_RELEVANCE: Final = 250
"""A cursor by relevance carries what was shown already: scores move while courses come and go."""
_KEY_BYTES: Final = 4
_LATEST: Final = 10**15
_TYPO_FROM: Final = 4
_SLACK: Final = 50
"""So many courses may have come before a page while somebody read the one before it, without a second look."""


class CourseIndex:
    """Many threads search it; one keeps it in step (`put`, `remove`, then `commit`)."""

    def __init__(self) -> None:
        self._schema = _schema()
        self._index = tantivy.Index(self._schema)
        self._writer = self._index.writer(_HEAP, 1)
        self._offers: dict[str, Offer] = {}
        self._ids: dict[int, str] = {}
        self._spoken: Counter[str] = Counter()
        self._found: frozenset[str] = frozenset()
        self._tags: tuple[str, ...] = ()

    # -- keeping in step

    def put(self, offer: Offer) -> None:
        """A course is new, or is another now."""
        self.remove(offer.id)
        self._writer.add_document(_document(offer))
        self._offers[offer.id] = offer
        self._ids[_key(offer.id)] = offer.id
        self._spoken.update(_languages(offer))

    def remove(self, course_id: str) -> None:
        """A course is offered no longer."""
        gone = self._offers.pop(course_id, None)
        if gone is not None:
            self._writer.delete_documents_by_term("id", course_id)
            self._spoken.subtract(_languages(gone))

    def commit(self) -> None:
        """From now on searches see it."""
        self._writer.commit()
        self._index.reload()
        self._found = frozenset(self._offers)
        self._tags = tuple(tag for tag, used in self._spoken.items() if used > 0)

    def __contains__(self, course_id: str) -> bool:
        return course_id in self._found

    def __len__(self) -> int:
        return len(self._offers)

    # -- searching

    def find(self, search: Search) -> Found:
        """What suits, in order."""
        asked = telling(dict.fromkeys(words(search.text)))
        searcher = self._index.searcher()
        query = self._words(asked, searcher)
        suitable = self._with_runs(search)
        whole = self._with(query, search.filters, suitable)
        page = self._by_relevance if search.sort == RELEVANCE and asked else self._by_order
        ids, total, position = page(searcher, whole, search)
        return Found(
            ids=ids,
            total=total,
            position=position,
            facets=self._facets(searcher, query, search, suitable) if search.facets else None,
            did_you_mean=self._meant(asked, searcher),
        )

    def values(self, facet: str) -> list[str]:
        """What exists to choose by, most used first."""
        counts = self._count(self._index.searcher(), Query.all_query(), (facet,))[facet]
        return list(counts)

    # -- words

    def _words(self, asked: Sequence[str], searcher: tantivy.Searcher) -> Query:
        """All of a few words, most of many; whatever there is when that is nothing."""
        if not asked:
            return Query.all_query()
        ways = [(Occur.Should, self._word(word, searcher)) for word in asked]
        ways += [(Occur.Should, self._phrase(other)) for other in synonyms(asked)]
        needed = len(asked) if len(asked) < 3 else -(-2 * len(asked) // 3)
        strict = Query.boolean_query(ways, minimum_number_should_match=needed)
        if needed == 1 or searcher.search(strict, limit=1, count=False).hits:
            return strict
        return Query.boolean_query(ways, minimum_number_should_match=1)

    def _word(self, word: str, searcher: tantivy.Searcher) -> Query:
        plain, found = folded(word), self._stems(word)
        ways = [self._term(name, stem, weight) for name, weight in _WEIGHTS for stem in found]
        ways += [self._phrase(other) for other in synonyms((word,))]
        ways += [self._term("parts", stem, _PART) for stem in found if len(stem) >= 5]
        ways += [self._term("body", piece, _PART) for stem in found for piece in parts(stem)]
        if len(plain) >= 3:
            ways.append(_weighted(self._near(plain, 0, beginning=True), _BEGINNING))
        if not any(searcher.doc_freq(name, stem) for name in ("plain", "body", "skills", "title") for stem in found):
            ways += self._typos(plain)
        return Query.disjunction_max_query(ways, 0.1)

    def _typos(self, plain: str) -> Iterator[Query]:
        if len(plain) >= _TYPO_FROM:
            yield _weighted(self._near(plain, 1, beginning=len(plain) > 5), _TYPO)
        if len(plain) >= 2 * _TYPO_FROM:
            yield _weighted(self._near(plain, 2, beginning=False), _TYPO)

    def _phrase(self, text: str) -> Query:
        """All words of another name for what was asked."""
        each = [
            Query.disjunction_max_query(
                [self._term(name, stem, weight * _SYNONYM) for name, weight in _WEIGHTS for stem in self._stems(word)]
            )
            for word in words(text)
        ]
        return Query.boolean_query([(Occur.Must, one) for one in each])

    def _stems(self, word: str) -> list[str]:
        """In every language that a course is written in."""
        return sorted({folded(word), *(stem for tag in self._tags for stem in terms(word, tag))})

    def _term(self, name: str, text: str, weight: float) -> Query:
        return _weighted(Query.term_query(self._schema, name, text), weight)

    def _near(self, word: str, typos: int, *, beginning: bool) -> Query:
        return Query.fuzzy_term_query(self._schema, "plain", word, typos, transposition_cost_one=True, prefix=beginning)

    def _meant(self, asked: Sequence[str], searcher: tantivy.Searcher) -> str | None:
        """The question with each word that no course has replaced by the nearest one that some have; None: none is."""
        if synonyms(asked):
            return None
        better = [self._nearest(word, searcher) or word for word in asked]
        return " ".join(better) if better != list(asked) else None

    def _nearest(self, word: str, searcher: tantivy.Searcher) -> str | None:
        plain = folded(word)
        known = any(searcher.doc_freq("plain", stem) for stem in self._stems(word))
        if known or len(plain) < _TYPO_FROM or searcher.terms_with_prefix("plain", plain, limit=1):
            return None
        among = {text: uses for text, uses in searcher.terms_with_prefix("plain", plain[:1]) if len(text) >= _TYPO_FROM}
        near = process.extract(plain, among.keys(), scorer=fuzz.ratio, limit=5, score_cutoff=78)
        return max(near, key=lambda one: (round(one[1]), among[one[0]]))[0] if near else None

    # -- filters

    def _with(self, query: Query, filters: Mapping[str, Sequence[str]], suitable: Query | None) -> Query:
        musts = [self._any("names" if name == "skill" else name, values) for name, values in filters.items() if values]
        musts += [] if suitable is None else [suitable]
        return Query.boolean_query([(Occur.Must, one) for one in (query, *musts)]) if musts else query

    def _any(self, facet: str, values: Sequence[str]) -> Query:
        wanted = [folded(value) for value in values] if facet == "names" else list(values)
        return Query.const_score_query(Query.term_set_query(self._schema, facet, wanted), 0.0)

    def _with_runs(self, search: Search) -> Query | None:
        """The courses with a run that suits; None: it does not matter."""
        if not search.about_runs:
            return None
        ids = [i for i, offer in list(self._offers.items()) if any(search.suits(run) for run in offer.runs)]
        return (
            Query.const_score_query(Query.term_set_query(self._schema, "id", ids), 0.0) if ids else Query.empty_query()
        )

    # -- orders

    def _by_relevance(
        self, searcher: tantivy.Searcher, query: Query, search: Search
    ) -> tuple[list[str], int, str | None]:
        """Best first, without what earlier pages showed. After 250 it ends: who wants all of it asks by another order."""
        shown = b64decode(search.after) if search.after else b""
        before = {shown[at : at + _KEY_BYTES] for at in range(0, len(shown), _KEY_BYTES)}
        result: Any = searcher.search(query, limit=len(before) + search.limit, count=True)
        keys = searcher.fast_field_values("key", [address for _, address in result.hits])
        fresh = [int(key or 0) for key in keys if _short(int(key or 0)) not in before][: search.limit]
        ids = [self._ids[key] for key in fresh]
        so_far = len(before) + len(fresh)
        more = len(fresh) == search.limit and so_far < min(result.count, _MOST_BY_RELEVANCE)
        position = b64encode(shown + b"".join(map(_short, fresh))).decode() if more else None
        return ids, result.count, position

    def _by_order(self, searcher: tantivy.Searcher, query: Query, search: Search) -> tuple[list[str], int, Any]:
        """What comes behind the key that the last page ended with, wherever that stands by now."""
        after, before = search.after or ("", 0)
        wanted = before + search.limit + (_SLACK if before else 0)
        order = _ORDERS.get(search.sort, _ORDERS[NEWEST])
        while True:
            result = self._ordered(searcher, query, order, wanted)
            keys = [key for key, _ in result.hits]
            start = bisect_right(keys, after)
            if len(keys) - start >= search.limit or len(keys) < wanted:
                break
            wanted *= 2
        page = keys[start : start + search.limit]
        position = [page[-1], start + len(page)] if len(page) == search.limit else None
        return [key.rpartition("\0")[2] for key in page], result.count, position

    @staticmethod
    def _ordered(searcher: tantivy.Searcher, query: Query, order: str, limit: int) -> Any:
        return searcher.search(query, limit=limit, count=True, order_by_field=order, order=Order.Asc)

    # -- facets

    def _facets(
        self, searcher: tantivy.Searcher, query: Query, search: Search, suitable: Query | None
    ) -> dict[str, dict[str, int]]:
        """Counts of each facet under all other filters: what there would be if that value were chosen."""
        used = [name for name in FACETS if search.filters.get(name)]
        counts = self._count(
            searcher, self._with(query, search.filters, suitable), [f for f in FACETS if f not in used]
        )
        for name in used:
            others = {other: values for other, values in search.filters.items() if other != name}
            counts |= self._count(searcher, self._with(query, others, suitable), (name,))
        return {name: counts[name] for name in FACETS}

    def _count(self, searcher: tantivy.Searcher, query: Query, names: Iterable[str]) -> dict[str, dict[str, int]]:
        asked = {name: {"terms": {"field": name, "size": _SHOWN_VALUES}} for name in names}
        found = searcher.aggregate(query, asked) if asked else {}
        return {name: {str(b["key"]): int(b["doc_count"]) for b in found[name]["buckets"]} for name in asked}


_ORDERS: Final = {NEWEST: "by_newest", TITLE: "by_title", WORKLOAD: "by_workload", DATE: "by_date", SEATS: "by_seats"}


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("names", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("key", fast=True)
    for name in FACETS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in _ORDERS.values():
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("title", "skills", "body"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    for name in ("plain", "parts"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    return builder.build()


def _document(offer: Offer) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("id", offer.id)
    document.add_unsigned("key", _key(offer.id))
    for skill in offer.names:
        document.add_text("names", folded(skill))
    for name, values in offer.facets.items():
        for value in values:
            document.add_text(name, value)
    for name, key in _order_keys(offer).items():
        document.add_text(_ORDERS[name], f"{key}\0{offer.id}")
    plain, pieces = set(), set()
    for name, texts in offer.texts.items():
        spelled = [(word, tag) for tag, text in texts for word in words(text)]
        found = [stem for word, tag in spelled for stem in terms(word, tag)]
        document.add_text(name, " ".join(found))
        plain |= {folded(word) for word, _ in spelled}
        pieces |= {piece for stem in set(found) for piece in parts(stem)}
    document.add_text("plain", " ".join(sorted(plain)))
    document.add_text("parts", " ".join(sorted(pieces)))
    return document


def _order_keys(offer: Offer) -> dict[str, str]:
    """In ascending order: newest first, by title, shortest first, soonest first, most free seats first."""
    starts = offer.starts_at
    return {
        NEWEST: _number(_LATEST - offer.published_at.timestamp() * 1000),
        TITLE: folded(offer.title)[:200].replace("\0", " "),
        WORKLOAD: _number(_LATEST if offer.workload is None else offer.workload * 1000),
        DATE: _number(_LATEST if starts is None else starts.timestamp() * 1000),
        SEATS: _number(_LATEST - offer.free),
    }


def _number(value: float) -> str:
    return f"{round(value):020d}"


def _languages(offer: Offer) -> set[str]:
    return {tag for texts in offer.texts.values() for tag, _ in texts}


def _key(course_id: str) -> int:
    return int.from_bytes(blake2b(course_id.encode(), digest_size=7).digest())


def _short(key: int) -> bytes:
    return (key & 0xFFFFFFFF).to_bytes(_KEY_BYTES)


def _weighted(query: Query, weight: float) -> Query:
    return Query.boost_query(query, weight)
