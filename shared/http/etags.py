"""Versions as ETags: `"3"` is version 3."""

import re
from typing import Final

from shared.errors import Stale
from shared.http.problems import Malformed

# One entity tag of RFC 9110; ours are strong and hold a number.
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
# A gateway that compresses an answer marks its tag: "3-gzip" is still version 3.
_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,15})(?:-(?:gzip|zstd))?")


def etag_of(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def read_if_match(header: str) -> int | None:
    """The version the caller saw; None for `*`, which any version matches.

    Stale for a tag that cannot be one of ours (weak tags never match, RFC 9110 section 13.1.1); Malformed for what is
    not one entity tag.
    """
    text = header.strip()
    if text == "*":
        return None
    tag = _TAG.fullmatch(text)
    if tag is None:
        raise Malformed('If-Match must hold one ETag as it was given, such as "3".', code="MALFORMED_IF_MATCH")
    version = _VERSION.fullmatch(tag[2])
    if tag[1] or version is None:
        raise Stale("This is no version that was ever given out; load it again.")
    return int(version[1])


def none_match(header: str, etag: str) -> bool:
    """Whether If-None-Match names this tag (weak comparison), so that 304 is the answer."""
    return header.strip() == "*" or etag in {part.strip().removeprefix("W/") for part in header.split(",")}
