"""Trace ids: one id from the first HTTP request through outbox, Kafka and handler into the last log line.

The ids always exist. Spans are recorded and sent only when `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector: a recorded
span costs tens of microseconds, ids alone about five. The HTTP door and the bus open their spans by hand here, because
the Flask instrumentation would cost more than our whole request and none knows of `poll()`.
"""

import os
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache

from opentelemetry import context, trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_tracer: Tracer | None = None


def configure(service: str, environment: Mapping[str, str] | None = None) -> bool:
    """Record and export spans when a collector is configured; says whether. Call after the fork: it starts a thread."""
    source = os.environ if environment is None else environment
    if not any(source.get(name) for name in ENDPOINTS):
        return False
    global _tracer
    _tracer = _exporting_tracer(service)
    return True


@contextmanager
def server_span(name: str, traceparent: str | None) -> Iterator[Span]:
    """The span of one HTTP request: continues the caller's trace or begins one."""
    with _span(name, parse(traceparent), SpanKind.SERVER, ()) as span:
        yield span


@contextmanager
def consumer_span(name: str, traceparent: str | None) -> Iterator[Span]:
    """The span of one event: same trace id as the request that caused it, with a link to that span."""
    origin = parse(traceparent)
    links = (Link(origin),) if origin and _tracer else ()
    with _span(name, origin, SpanKind.CONSUMER, links) as span:
        yield span


@contextmanager
def batch_span(name: str, traceparents: Iterable[str | None]) -> Iterator[Span]:
    """The span of a batch of events: a trace of its own that links to each of theirs."""
    origins = [origin for origin in map(parse, traceparents) if origin] if _tracer else []
    with _span(name, None, SpanKind.CONSUMER, tuple(Link(origin) for origin in origins)) as span:
        yield span


def current_trace_id() -> str:
    """The trace id of this moment as 32 hex digits, or an empty string outside any span."""
    found = trace.get_current_span().get_span_context()
    return f"{found.trace_id:032x}" if found.trace_id else ""


def current_traceparent() -> str | None:
    """What an outbox row or an outgoing request carries on (W3C Trace Context); None outside any span."""
    return traceparent_of(trace.get_current_span().get_span_context())


def traceparent_of(found: SpanContext) -> str | None:
    """A span context as a `traceparent` header."""
    if not found.trace_id:
        return None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"


def parse(traceparent: str | None) -> SpanContext | None:
    """Read a `traceparent`; one that is absent, malformed or all zero counts as none."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None:
        return None
    found = SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(int(match[3], 16)))
    return found if found.is_valid else None


@contextmanager
def _span(name: str, parent: SpanContext | None, kind: SpanKind, links: tuple[Link, ...]) -> Iterator[Span]:
    span = _recorded(_tracer, name, parent, kind, links) if _tracer else _ids_only(parent)
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield span
    finally:
        context.detach(token)
        span.end()


def _ids_only(parent: SpanContext | None) -> Span:
    trace_id = parent.trace_id if parent else random.getrandbits(128) or 1
    flags = parent.trace_flags if parent else TraceFlags(TraceFlags.DEFAULT)
    return NonRecordingSpan(SpanContext(trace_id, random.getrandbits(64) or 1, is_remote=False, trace_flags=flags))


def _recorded(tracer: Tracer, name: str, parent: SpanContext | None, kind: SpanKind, links: tuple[Link, ...]) -> Span:
    above = trace.set_span_in_context(NonRecordingSpan(parent)) if parent else context.Context()
    return tracer.start_span(name, context=above, kind=kind, links=links)


@cache
def _exporting_tracer(service: str) -> Tracer:
    # Imported here: the exporter is heavy and most installations have no collector.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    PymongoInstrumentor().instrument(tracer_provider=provider)
    return provider.get_tracer("clusterskills")
