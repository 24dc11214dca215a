"""Words of many languages as an index knows them: without case and accents, in Latin letters, by their stems.

Nobody says in which language a question is asked. So a text is stemmed in its own language, and a question in every
language that the index holds: `Steuerungen` meets `Steuerung`, whoever reads the page in English.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from threading import local
from typing import Final

import Stemmer

_STEMMERS: Final = {
    "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hu": "hungarian",
    "it": "italian", "lt": "lithuanian", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "sr": "serbian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip
_CYRILLIC: Final = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "ђ": "dj", "е": "e", "ж": "z", "з": "z", "и": "i", "ј": "j",
        "к": "k", "л": "l", "љ": "lj", "м": "m", "н": "n", "њ": "nj", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t",
        "ћ": "c", "у": "u", "ф": "f", "х": "h", "ц": "c", "ч": "c", "џ": "dz", "ш": "s", "щ": "sht", "ъ": "a",
        "ь": "j", "ю": "ju", "я": "ja", "ы": "y", "э": "e", "ѝ": "i",
        "đ": "dj", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i",
    }
)  # fmt: skip
"""Serbian by its own Latin alphabet, without the accents of that; other Cyrillic near enough to meet itself."""
_SHORTEST_PART: Final = 5
_COMPOUND: Final = 10
_LONGEST: Final = 60
_own = local()


@lru_cache(maxsize=50_000)
def folded(text: str) -> str:
    """Without case and accents, in Latin letters."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_CYRILLIC))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_CYRILLIC)


def words(text: str) -> list[str]:
    """The words of a text in small letters, with their accents."""
    return [word[:_LONGEST] for word in re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text).casefold())]


def telling(found: Iterable[str]) -> list[str]:
    """Those of these words that say something; all of them when none does."""
    kept = list(found)
    return [word for word in kept if folded(word) not in EMPTY] or kept


def parts(stem: str) -> Iterator[str]:
    """Beginnings and ends of a long word: whatever a compound was put together from is among them."""
    if len(stem) < _COMPOUND:
        return
    for cut in range(_SHORTEST_PART, len(stem) - 2):
        yield stem[:cut]
    for cut in range(3, len(stem) - _SHORTEST_PART + 1):
        yield stem[cut:]


@lru_cache(maxsize=20_000)
def terms(word: str, language: str) -> tuple[str, ...]:
    """What the word is in the index: folded, and by its stem in the language, typed with accents or without; sorted."""
    plain = folded(word)
    return tuple(sorted({plain, *_stemmed(word, plain, language.split("-")[0].casefold())}))


@lru_cache(maxsize=20_000)
def _stemmed(word: str, plain: str, language: str) -> frozenset[str]:
    stemmer = _stemmer(language)
    if stemmer is None or not word.isalpha() or len(word) < 3:
        return frozenset()
    return frozenset({folded(stemmer.stemWord(word)), folded(stemmer.stemWord(plain))})


def _stemmer(language: str) -> "Stemmer.Stemmer | None":
    """One for each thread: a stemmer keeps state."""
    name = _STEMMERS.get(language)
    if name is None:
        return None
    made: dict[str, Stemmer.Stemmer] = _own.__dict__.setdefault("stemmers", {})
    if name not in made:
        made[name] = Stemmer.Stemmer(name)
    return made[name]


_EMPTY_WORDS: Final = """
a an and are as at be by can for from has have how i in into is it its of on or our that the their this to we what which
with you your
aber als am an auch auf aus bei bis das dass dem den der des die durch ein eine einem einen einer eines er es fur hat ich
ihr im in ist mit nach nicht oder sich sie sind uber um und uns unter vom von vor was wie wird wir zu zum zur
al como con cual de del desde donde el en es esta este la las le lo los mas mi no o para pero por que se sin sobre su sus
tu un una uno y ya
amb com dels els i per pel s us una unes uns l d
au aux avec ce ces c comme dans des du elle en est et il je j leur les mais n ne nous ou par pas plus pour qu que qui sa
ses son sur un une vous
ai agli alla alle che ci da dai dal dalla degli dei della delle di e gli ha ho nei nel nella per piu quale si sono sua sul
sulla tra
a aby ale ani by co do i jak je jsou k ke mezi na nebo od po pro s se si su ta te to u v ve z za ze
az es hogy is nem vagy
da do e em na no nas nos o os ou para pela pelo por que se um uma
w z ze nad dla przez oraz jest
i u na je za sa se o od do iz po kod kao koji koja koje ili da
een het van voor met op te dat die der bij naar aan zijn
"""
EMPTY: Final = frozenset(_EMPTY_WORDS.split())
"""Words that say nothing about a subject, folded, of the languages that clusters speak."""
