"""Browsers of other origins: each cluster says which of them may use its data (no cookies, tokens only)."""

from collections.abc import Callable, Iterable
from typing import Final

# (cluster, origin) -> allowed; without a cluster (a preflight carries no token): allowed by any of them.
Origins = Callable[[str | None, str], bool]

_REQUEST_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Acting-Organisation, Accept-Language, "
    "traceparent"
)
_EXPOSED: Final = (
    "ETag, Location, Idempotency-Replayed, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Trace-Id"
)
_ONE_HOUR: Final = "3600"


def preflight_headers(origin: str, methods: Iterable[str]) -> dict[str, str]:
    """What a browser may send from this origin."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Allow-Headers": _REQUEST_HEADERS,
        "Access-Control-Max-Age": _ONE_HOUR,
    }


def answer_headers(origin: str) -> dict[str, str]:
    """What a page of this origin may read."""
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED}
