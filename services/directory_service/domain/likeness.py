"""Names as a search sees them: without accents and case, in Latin letters, cut into overlapping pieces of three letters.

Two spellings of a name share most pieces, so a typing error costs some of them and not the match.
"""

import unicodedata
from typing import Final

_PAIRS: Final = (
    "ß:ss ø:o ł:l đ:d ð:d þ:th ı:i æ:a œ:o ': ’: "
    "а:a б:b в:v г:g д:d е:e з:z и:i ј:j к:k л:l м:m н:n о:o п:p р:r с:s т:t ћ:c у:u ф:f х:h ц:c "
    "ђ:d ж:z љ:lj њ:nj ч:c џ:dz ш:s щ:st ъ:a ь:j ю:ju я:ja й:j ы:y э:e"
)
_LETTERS: Final = str.maketrans(dict(pair.split(":") for pair in _PAIRS.split()))
# Müller is written Mueller where there are no umlauts; both sides are folded alike, so Manuel still finds Manuel.
_FOLDED: Final = (("ae", "a"), ("oe", "o"), ("ue", "u"))
_MOST: Final = 64


def words(text: str) -> list[str]:
    """The words of a name in plain small letters. `Jörg Đukić-Łoś` -> jorg, dukic, los."""
    split = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(c for c in split if not unicodedata.combining(c)).translate(_LETTERS)
    for pair, one in _FOLDED:
        plain = plain.replace(pair, one)
    return "".join(c if c.isalnum() else " " for c in plain).split()


def pieces(name: str) -> set[str]:
    """What a stored name is found by."""
    return {piece for word in words(name) for piece in _cut(f"  {word} ")}


def wanted(query: str) -> set[str]:
    """What a search looks for: a word may be the beginning of one, so its end is not marked."""
    return set(sorted({piece for word in words(query) for piece in _cut(f"  {word}")})[:_MOST])


def _cut(padded: str) -> list[str]:
    return [padded[start : start + 3] for start in range(len(padded) - 2)]
