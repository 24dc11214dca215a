"""Language tags (BCP 47, RFC 5646 section 2.1): whether they are well-formed."""

import re
from collections.abc import Iterator, Mapping

from shared.errors import Violation

_TAG = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}"  # language, extended language
    r"(-[a-z]{4})?"  # script
    r"(-([a-z]{2}|[0-9]{3}))?"  # region
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(-[0-9a-wy-z](-[a-z0-9]{2,8})+)*"  # extensions
    r"(-x(-[a-z0-9]{1,8})+)?",
    re.IGNORECASE | re.ASCII,
)


def well_formed(tag: str) -> bool:
    """Whether it could be a language tag."""
    return len(tag) <= 35 and _TAG.fullmatch(tag) is not None


def broken_tag(field: str, tag: str) -> Iterator[Violation]:
    """A tag that is none."""
    if not well_formed(tag):
        message = "Unknown language tag (BCP 47), e.g. de or pt-BR."
        yield Violation(
            field=field, code="LANGUAGE_UNKNOWN", message=message, actual=tag, required="de, sr-Latn, pt-BR"
        )


def broken_texts(field: str, texts: Mapping[str, str]) -> Iterator[Violation]:
    """Texts by language: each under a tag, none blank."""
    for tag, text in texts.items():
        yield from broken_tag(f"{field}.{tag}", tag)
        if not text.strip():
            yield Violation(field=f"{field}.{tag}", code="BLANK", message="It must not be blank.", actual=text)
