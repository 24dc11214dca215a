"""Logs, trace ids, numbers."""

import io
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog
from opentelemetry import trace

from shared import health, logs, metrics, tracing
from shared.health import Check

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, structlog.get_config()
    target = io.StringIO()
    logs.configure("tests", "info", target)
    yield target
    root.handlers[:], level, old = before[0], before[1], before[2]
    root.setLevel(level)
    structlog.configure(**old)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_what_who_and_in_which_trace(stream: io.StringIO) -> None:
    with tracing.server_span("GET", PARENT):
        logs.get_logger("here").info("enrolled", enrolment="e1")

    (line,) = lines(stream)
    assert line["event"] == "enrolled"
    assert line["service"] == "tests"
    assert line["level"] == "info"
    assert line["component"] == "here"
    assert line["enrolment"] == "e1"
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert str(line["time"]).endswith("+00:00")


def test_personal_words_are_masked_and_low_levels_left_out(stream: io.StringIO) -> None:
    logs.get_logger("here").debug("not shown")
    logs.get_logger("here").warning("careless", email="a@b.c", token="t", person="p1")

    (line,) = lines(stream)
    assert (line["email"], line["token"], line["person"]) == ("***", "***", "p1")


def test_the_standard_library_speaks_json_too(stream: io.StringIO) -> None:
    logging.getLogger("some.library").warning("hm %s", 1)
    logging.getLogger("kafka.conn").info("chatter")
    try:
        raise KeyError("x")
    except KeyError:
        logging.getLogger("some.library").exception("broken")

    first, second = lines(stream)
    assert (first["event"], first["logger"], first["level"]) == ("hm 1", "some.library", "warning")
    assert "KeyError" in str(second["exception"])


def test_kafkas_client_says_its_errors_once_and_nothing_of_each_attempt_to_reconnect(stream: io.StringIO) -> None:
    for attempt in range(3):
        logging.getLogger("kafka.net.manager").error(f"Connection {attempt} failed")
        logging.getLogger("kafka.net.manager").warning("Trying again")
        logging.getLogger("some.library").error("ours")
    logging.getLogger("kafka.cluster").error("Another thing")

    assert [line["event"] for line in lines(stream)] == ["Connection 0 failed", *["ours"] * 3, "Another thing"]


def test_an_exception_is_told_without_local_variables(stream: io.StringIO) -> None:
    def fails(secret: str) -> None:
        raise ValueError("known")

    try:
        fails("HIDDEN-VALUE".lower())
    except ValueError as error:
        logs.get_logger("here").error("failed", exc_info=error)

    assert "hidden-value" not in stream.getvalue()
    assert "ValueError: known" in str(lines(stream)[0]["exception"])


def test_a_request_continues_its_callers_trace_and_events_carry_it_on() -> None:
    assert tracing.current_traceparent() is None
    assert tracing.current_trace_id() == ""
    with tracing.server_span("POST", PARENT):
        carried = tracing.current_traceparent()
        assert tracing.current_trace_id() == "0af7651916cd43dd8448eb211c80319c"
    assert carried is not None
    assert carried.split("-")[2] != PARENT.split("-")[2]
    with tracing.consumer_span("enrolment.applied", carried):
        assert tracing.current_trace_id() == "0af7651916cd43dd8448eb211c80319c"
    assert tracing.current_trace_id() == ""


@pytest.mark.parametrize(
    "bad", [None, "", "nonsense", PARENT + "-x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff" + PARENT]
)
def test_without_a_good_parent_a_trace_begins(bad: str | None) -> None:
    with tracing.server_span("GET", bad):
        first = tracing.current_trace_id()
    with tracing.batch_span("batch", [bad, PARENT]):
        second = tracing.current_trace_id()

    assert len(first) == len(second) == 32
    assert first != second
    assert second != "0af7651916cd43dd8448eb211c80319c", "a batch has a trace of its own"


def test_nothing_is_exported_unless_a_collector_is_named() -> None:
    assert tracing.configure("tests", {}) is False


def test_spans_are_recorded_with_links_when_there_is_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("tests"))

    with tracing.server_span("POST", PARENT), tracing.consumer_span("enrolment.applied", tracing.current_traceparent()):
        pass
    with tracing.batch_span("batch", [PARENT, None]):
        pass
    consumer, server, batch = kept.get_finished_spans()
    assert consumer.kind is trace.SpanKind.CONSUMER
    assert server.parent is not None
    assert f"{server.parent.span_id:016x}" == PARENT.split("-")[2]
    assert [link.context.span_id for link in consumer.links] == [server.context.span_id]
    assert [f"{link.context.trace_id:032x}" for link in batch.links] == [PARENT.split("-")[1]]
    assert batch.parent is None


def test_the_numbers_are_served_on_their_own_port() -> None:
    metrics.OUTBOX_WAITING.set(7)
    metrics.CONSUMER_LAG.labels("enrolment").set(3)
    first, second = metrics.serve(0), None
    try:
        second = metrics.serve(first.server_port)  # another worker of the same service
        text = httpx.get(f"http://127.0.0.1:{first.server_port}/metrics").text
    finally:
        for server in (first, second):
            if server is not None:
                server.shutdown()
                server.server_close()

    assert "clusterskills_outbox_waiting 7.0" in text
    assert 'clusterskills_consumer_lag{topic="enrolment"} 3.0' in text


def test_the_inner_port_tells_whether_the_process_does_its_work() -> None:
    troubles: list[str] = []
    server = metrics.serve(0, trouble=lambda: troubles[0] if troubles else None)
    try:
        url = f"http://127.0.0.1:{server.server_port}/health/live"
        assert httpx.get(url).status_code == 200
        troubles.append("relay hangs")
        answer = httpx.get(url)
    finally:
        server.shutdown()
        server.server_close()

    assert (answer.status_code, answer.text) == (503, "relay hangs")


def test_readiness_counts_required_checks_only() -> None:
    ok, body = health.report([Check("a", ok=True), Check("b", ok=False, required=False)])
    assert ok
    assert body["status"] == "ready"

    ok, body = health.report([Check("a", ok=False, detail="away")])
    assert not ok
    assert body == {"status": "not ready", "checks": [{"name": "a", "ok": False, "required": True, "detail": "away"}]}
