"""One request: answered within a span, counted, its answer with the trace id. The same for services and pages."""

import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

from prometheus_client import Counter, Histogram

from shared import metrics, tracing

Serve = Callable[[dict[str, Any], Any], Iterable[bytes]]
Headers = Iterable[tuple[str, str]]
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def serve_within_span(
    environ: dict[str, Any],
    start_response: Any,
    serve: Serve,
    *,
    rule: Callable[[], str],
    headers: Callable[[], Headers] = tuple,
    begun: Callable[[str], None] = lambda _trace_id: None,
) -> Iterable[bytes]:
    """Answer by `serve`. `begun` is told the trace id first; `rule` says afterwards which route it was, by its pattern;
    `headers` are added to every answer."""
    method, status, trace_id = environ["REQUEST_METHOD"], "500", ""

    def started(line: str, given: list[tuple[str, str]], *rest: Any) -> Any:
        nonlocal status
        status = line[:3]
        given.extend(headers())
        given.append(("Trace-Id", trace_id))
        return start_response(line, given, *rest)

    at = time.perf_counter()
    with tracing.server_span(method, environ.get("HTTP_TRACEPARENT")) as span:
        trace_id = tracing.current_trace_id()
        begun(trace_id)
        try:
            return serve(environ, started)
        finally:
            route = rule()
            if span.is_recording():
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
                span.set_attribute("http.response.status_code", int(status))
            _measure(method, route, status, time.perf_counter() - at)


def _measure(method: str, rule: str, status: str, seconds: float) -> None:
    known = method if method in _METHODS else "other"
    counter, histogram = _instruments(known, rule, status)
    counter.inc()
    histogram.observe(seconds)


@cache
def _instruments(method: str, rule: str, status: str) -> tuple[Counter, Histogram]:
    """Looked up once: methods, declared paths and statuses are few."""
    return metrics.REQUESTS.labels(method, rule, status), metrics.REQUEST_SECONDS.labels(method, rule)
