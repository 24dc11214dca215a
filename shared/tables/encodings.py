"""Which encoding a text file has: UTF-8, UTF-16, or one of the two code pages that spreadsheets in Europe write.

A byte above 127 means one letter in Windows-1250 (Central Europe) and another in Windows-1252 (Western Europe). The
letters of each language are known with their frequencies; the reading that some language explains best is taken.
"""

import codecs
import math
from collections import Counter
from collections.abc import Mapping
from typing import BinaryIO

from shared.tables.table import TableError

UTF_8, UTF_16_LE, UTF_16_BE, CENTRAL, WESTERN = "utf-8", "utf-16-le", "utf-16-be", "cp1250", "cp1252"
ENCODINGS = (UTF_8, UTF_16_LE, UTF_16_BE, CENTRAL, WESTERN)
_BOMS = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, UTF_16_LE), (codecs.BOM_UTF16_BE, UTF_16_BE))
_CHUNK = 1 << 16
_UNLIKELY = 0.0005

# Letters beyond ASCII and how often each occurs among 1,000 letters of running text, rounded.
_CENTRAL: dict[str, dict[str, float]] = {
    "cs": {
        "á": 22,
        "č": 10,
        "ď": 0.2,
        "é": 13,
        "ě": 16,
        "í": 33,
        "ň": 0.1,
        "ó": 0.3,
        "ř": 12,
        "š": 8,
        "ť": 0.4,
        "ú": 1,
        "ů": 7,
        "ý": 8,
        "ž": 10,
    },
    "sk": {
        "á": 19,
        "ä": 0.4,
        "č": 11,
        "ď": 1.5,
        "é": 9,
        "í": 12,
        "ĺ": 0.1,
        "ľ": 3.5,
        "ň": 1.6,
        "ó": 1.1,
        "ô": 2,
        "ŕ": 0.1,
        "š": 9,
        "ť": 8,
        "ú": 8,
        "ý": 9,
        "ž": 9,
    },
    "pl": {"ą": 10, "ć": 4, "ę": 11, "ł": 18, "ń": 2, "ó": 8.5, "ś": 6.6, "ź": 0.6, "ż": 8.3},
    "hu": {"á": 34, "é": 34, "í": 6, "ó": 9, "ö": 8, "ő": 9, "ú": 3, "ü": 5, "ű": 2},
    "sr": {"č": 10, "ć": 6, "đ": 2, "š": 10, "ž": 6},
    "ro": {"ă": 22, "â": 8, "î": 6, "ş": 9, "ţ": 10},
}
_WESTERN: dict[str, dict[str, float]] = {
    "de": {"ä": 5.8, "ö": 4.4, "ü": 10, "ß": 3.1},
    "fr": {
        "à": 4.9, "â": 0.5, "ç": 0.9, "è": 2.7, "é": 15, "ê": 2.2, "ë": 0.1,
        "î": 0.5, "ï": 0.1, "ô": 0.2, "ù": 0.6, "û": 0.6, "œ": 0.2,
    },
    "es": {"á": 5, "é": 4.3, "í": 7.3, "ñ": 3.1, "ó": 8.3, "ú": 1.7, "ü": 0.1},
    "ca": {"à": 6, "ç": 2, "é": 5, "è": 3, "í": 4, "ï": 0.3, "ó": 5, "ò": 2, "ú": 1, "ü": 0.2},
    "it": {"à": 6.4, "è": 2.6, "é": 1, "ì": 1, "ò": 2, "ù": 1.7},
    "pt": {
        "à": 0.7, "á": 4, "â": 1, "ã": 7, "ç": 5, "é": 5, "ê": 3, "í": 3, "ó": 3, "ô": 1, "õ": 1, "ú": 2,
    },
    "nl": {"é": 1, "ë": 1, "ï": 0.3, "ö": 0.1, "ü": 0.1},
    "sv": {"å": 13, "ä": 18, "ö": 13},
    "da": {"æ": 9, "ø": 9, "å": 12},
}  # fmt: skip


def encoding_of(file: BinaryIO) -> str:
    """The encoding of a seekable text file, which is at its start afterwards. Reads all of it once."""
    file.seek(0)
    head = file.read(_CHUNK)
    file.seek(0)
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    if _looks_like_utf_16(head):
        return UTF_16_LE if head[1::2].count(0) >= head[::2].count(0) else UTF_16_BE
    high: Counter[int] = Counter()
    is_utf_8 = _read_through(file, high)
    file.seek(0)
    return UTF_8 if is_utf_8 else _code_page(high)


def bom_length(file: BinaryIO) -> int:
    """How many bytes of a byte order mark the file begins with; the file is at its start afterwards."""
    file.seek(0)
    head = file.read(3)
    file.seek(0)
    return next((len(bom) for bom, _ in _BOMS if head.startswith(bom)), 0)


def checked_encoding(name: str) -> str:
    """One of `ENCODINGS` by any of its names. Raises TableError for others."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        found = name
    known = {codecs.lookup(encoding).name: encoding for encoding in ENCODINGS}
    if found not in known:
        message = f"The encoding {name[:40]} cannot be read. Save the file as UTF-8."
        raise TableError("UNKNOWN_ENCODING", message, actual=name[:40], required=list(ENCODINGS))
    return known[found]


def _looks_like_utf_16(head: bytes) -> bool:
    """Every other byte of European text in UTF-16 is zero."""
    return len(head) >= 4 and max(head[::2].count(0), head[1::2].count(0)) > len(head) // 4


def _read_through(file: BinaryIO, high: "Counter[int]") -> bool:
    """Whether all of it is UTF-8; counts the bytes above 127 meanwhile."""
    decoder, is_utf_8 = codecs.getincrementaldecoder(UTF_8)(), True
    while chunk := file.read(_CHUNK):
        if is_utf_8:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                is_utf_8 = False
        high.update(chunk.translate(None, _ASCII))
    if is_utf_8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf_8 = False
    return is_utf_8


_ASCII = bytes(range(128))


def _code_page(high: Mapping[int, int]) -> str:
    readings = ((WESTERN, _WESTERN), (CENTRAL, _CENTRAL))
    return max(readings, key=lambda reading: _likelihood(high, *reading))[0]


def _likelihood(high: Mapping[int, int], encoding: str, languages: Mapping[str, Mapping[str, float]]) -> float:
    """How well the best of the languages explains these bytes, as a logarithm."""
    letters: Counter[str] = Counter()
    for byte, count in high.items():
        letter = bytes([byte]).decode(encoding, errors="replace").lower()
        if letter.isalpha() or letter == "\ufffd":
            letters[letter] += count
    return max(
        sum(count * math.log(max(known.get(letter, 0.0) / sum(known.values()), _UNLIKELY))
            for letter, count in letters.items())
        for known in languages.values()
    )  # fmt: skip
