"""Words that mean the same, in the languages of the clusters: `tables/synonyms.csv`, a group a line.

ESCO's other names stand in the index. This is for what it lacks: abbreviations, and languages that no table here speaks.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from services.catalog_service.adapters.words import folded, terms, words

_TABLE: Final = Path(__file__).with_name("tables") / "synonyms.csv"
_LANGUAGES: Final = ("de", "en", "es", "ca", "fr", "it", "cs", "sr")


def synonyms(asked: Iterable[str]) -> list[str]:
    """Other words for these, when they are a term as a whole; none otherwise."""
    groups = _groups()
    found: dict[str, None] = {}
    for way in _ways(" ".join(asked)):
        found |= dict.fromkeys(groups.get(way, ()))
    return list(found)


def phrases(spelled: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The terms of one to three words in a text that have synonyms, each with them."""
    for length in (3, 2, 1):
        for start in range(len(spelled) - length + 1):
            found = spelled[start : start + length]
            if others := synonyms(found):
                yield " ".join(found), others


@cache
def _groups() -> Mapping[str, tuple[str, ...]]:
    """For each way to write a term, all terms of its groups."""
    groups: dict[str, list[str]] = defaultdict(list)
    with _TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            members = [text.strip() for text in row if text.strip()]
            for way in {way for member in members for way in _ways(member)}:
                groups[way] += members
    return {way: tuple(dict.fromkeys(members)) for way, members in groups.items()}


def _ways(text: str) -> set[str]:
    """A term as it stands, and by the stems of its words in each language."""
    spelled = words(text)
    stemmed = {" ".join(min(terms(word, tag), key=len) for word in spelled) for tag in _LANGUAGES}
    return {" ".join(map(folded, spelled)), *stemmed}
