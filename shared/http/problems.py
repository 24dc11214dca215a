"""Errors on the wire: RFC 9457 problems. The one table from error class to status stands here."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson
from werkzeug.exceptions import HTTPException

from shared import errors
from shared.errors import ServiceError, Violation
from shared.logs import get_logger
from shared.storage.writes import Answer
from shared.tracing import current_trace_id

PROBLEM: Final = "application/problem+json"
Translate = Callable[[Exception], ServiceError | None]

log = get_logger(__name__)


class Malformed(ServiceError):
    """The request itself cannot be read (400)."""

    code = "MALFORMED"


class MethodNotAllowed(ServiceError):
    """This path has other methods (405)."""

    code = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = sorted(allowed)
        super().__init__(f"{method} is not possible here; possible: {', '.join(self.allowed)}.")


class SlowRequest(ServiceError):
    """The body did not come in time (408)."""

    code = "REQUEST_TIMEOUT"


class TooLarge(ServiceError):
    """The body is larger than this route takes (413)."""

    code = "TOO_LARGE"


class UriTooLong(ServiceError):
    """The address is longer than anything we would have made (414)."""

    code = "URI_TOO_LONG"


class UnsupportedMediaType(ServiceError):
    """The body comes in a form that this route does not read (415)."""

    code = "UNSUPPORTED_MEDIA_TYPE"


STATUS: Final[dict[type[ServiceError], int]] = {
    Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    MethodNotAllowed: 405,
    SlowRequest: 408,
    errors.Conflict: 409,
    errors.Stale: 412,
    TooLarge: 413,
    UriTooLong: 414,
    UnsupportedMediaType: 415,
    errors.Invalid: 422,
    errors.KeyReused: 422,
    errors.PreconditionRequired: 428,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    errors.Transient: 503,
}

TITLES: Final[dict[int, str]] = {
    400: "The request cannot be read",
    401: "A valid access token is needed",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The request did not come in time",
    409: "Not possible in the current state",
    412: "It has changed meanwhile",
    413: "The body is too large",
    414: "The address is too long",
    417: "The expectation cannot be met",
    415: "The body comes in a form that is not read here",
    422: "Validation failed",
    428: "Say which version you saw",
    429: "Too many requests",
    431: "The headers are too large",
    500: "Something went wrong on our side",
    501: "Not supported",
    503: "Not available for the moment",
    505: "This version of HTTP is not supported",
}


def answer_for(error: Exception, translate: Translate | None = None) -> Answer:
    """The problem that tells this error. One that nobody foresaw is logged, and answered with nothing about it."""
    known = _known(error) or (translate(error) if translate else None)
    if known is None:
        log.error("unforeseen error", exc_info=error, trace_id=current_trace_id())
        return _problem(500, "UNFORESEEN", "The error is recorded under the trace id; nothing was changed.")
    if known is not error and isinstance(known, errors.Unavailable):
        log.warning("a part does not answer", error=type(error).__name__, code=known.error_code)
    return _problem(status_of(known), known.error_code, known.detail, known.violations, headers_for(known))


def status_of(error: ServiceError) -> int:
    """The status of the nearest class in the table."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def headers_for(error: ServiceError) -> dict[str, str]:
    """What HTTP wants beside certain statuses."""
    if isinstance(error, errors.Unavailable | errors.TooManyRequests):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.Transient):
        return {"Retry-After": "1"}
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    if isinstance(error, SlowRequest | TooLarge):
        return {"Connection": "close"}
    return _challenge(error)


def _challenge(error: ServiceError) -> dict[str, str]:
    """RFC 6750: what is wrong with the token."""
    if isinstance(error, errors.Unauthenticated):
        reason = ', error="invalid_token"' if error.error_code == "INVALID_TOKEN" else ""
        return {"WWW-Authenticate": f'Bearer realm="clusterskills"{reason}'}
    if isinstance(error, errors.Forbidden) and error.error_code == "INSUFFICIENT_SCOPE":
        return {"WWW-Authenticate": 'Bearer realm="clusterskills", error="insufficient_scope"'}
    return {}


def _known(error: Exception) -> ServiceError | None:
    if isinstance(error, ServiceError):
        return error
    return _from_werkzeug(error) if isinstance(error, HTTPException) else None


def _from_werkzeug(error: HTTPException) -> ServiceError | None:
    status = error.code or 500
    if status == 404:
        return errors.NotFound("There is nothing at this address.")
    if status == 413:
        return TooLarge("The body is larger than this route takes.")
    if status == 405:
        return MethodNotAllowed("This method", getattr(error, "valid_methods", None) or ())
    return Malformed("The request cannot be read.") if 400 <= status < 500 else None


def _problem(
    status: int,
    code: str,
    detail: str,
    violations: tuple[Violation, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Answer:
    fields = {"Content-Type": PROBLEM, **(headers or {})}
    return Answer(status, problem_bytes(status, code, detail, violations), tuple(fields.items()))


def problem_bytes(status: int, code: str, detail: str, violations: tuple[Violation, ...] = ()) -> bytes:
    """The body of a problem."""
    body: dict[str, Any] = {
        "type": f"urn:clusterskills:problem:{code.lower().replace('_', '-')}",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "code": code,
        "trace_id": current_trace_id(),
    }
    if violations:
        body["violations"] = [_violation(found) for found in violations]
    return orjson.dumps(body, default=str)


def _violation(found: Violation) -> dict[str, Any]:
    row = {} if found.row is None else {"row": found.row}
    return {
        "field": found.field,
        "code": found.code,
        "message": found.message,
        "actual": _short(found.actual),
        "required": found.required,
        **row,
    }


def _short(value: Any) -> Any:
    """Enough of a value to recognise it."""
    if isinstance(value, str) and len(value) > 100:
        return value[:100] + "…"
    if isinstance(value, list | dict) and len(orjson.dumps(value, default=str)) > 200:
        return "a list" if isinstance(value, list) else "an object"
    return value
