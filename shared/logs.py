"""Logs: one JSON object a line on standard output, with service and trace id, and never a person's data.

Log ids, codes, counts and durations. Bodies, query strings, names, mail addresses and tokens have no place here; the
keys in `_NEVER` are masked in case somebody forgets.
"""

import logging
import sys
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import orjson
import structlog
from opentelemetry import trace
from structlog.typing import FilteringBoundLogger, Processor

Entry = MutableMapping[str, Any]

_NEVER = frozenset(
    {"name", "given_name", "family_name", "email", "mail", "phone", "birth_date", "external_id", "body", "query"}
    | {"token", "access_token", "authorization", "password", "secret", "client_secret", "cookie", "credential"}
)
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
# Chatty at INFO, and without a word about our own work.
_QUIET = {
    "kafka": logging.ERROR,
    **dict.fromkeys(("pymongo", "httpx", "httpcore", "urllib3", "werkzeug", "opentelemetry"), logging.WARNING),
}


@dataclass(slots=True)
class _Lines:
    """Where lines go, and whose they are."""

    service: str = ""
    stream: TextIO = field(default_factory=lambda: sys.stdout)


_lines = _Lines()

_SILENCE_SECONDS = 60.0


class _Once(logging.Filter):
    """Lets Kafka's client say the same thing once a minute: each attempt to reconnect is an error to it."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written. The same is what comes from the same line of code."""
        if not record.name.startswith("kafka."):
            return True
        said, now = (record.pathname, record.lineno), time.monotonic()
        if now - self._said.get(said, -_SILENCE_SECONDS) < _SILENCE_SECONDS:
            return False
        self._said[said] = now
        return True


class _Open:
    """A stream whose lines are dropped once it is closed: whoever still speaks then goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if not self._stream.closed:
            self._stream.write(text)

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()


def configure(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging through one JSON line format. May be called again."""
    number = _LEVELS.get(level.lower(), logging.INFO)
    target = stream or sys.stdout
    _lines.service, _lines.stream = service, target
    shared: list[Processor] = [_with_service(service), _with_trace, _mask]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _with_level, *shared, _render_exception, _to_json],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Open(target))),
        cache_logger_on_first_use=False,
    )
    _configure_standard_library(number, shared, target)


def write(entry: Mapping[str, Any]) -> None:
    """One line that is made often and holds nothing to mask: past structlog's processors, in the same format."""
    _lines.stream.write(orjson.dumps({**entry, **_stamp(_lines.service)}).decode() + "\n")
    _lines.stream.flush()


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger whose lines carry `logger: name`. Safe at import: it looks at the configuration when it first speaks."""
    return cast(FilteringBoundLogger, structlog.get_logger(component=name))


def _configure_standard_library(level: int, shared: list[Processor], stream: TextIO) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render_exception, _to_json],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(_Once())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))


def _with_service(service: str) -> Processor:
    def add(_logger: Any, _method: str, entry: Entry) -> Entry:
        entry.update(_stamp(service))
        return entry

    return add


def _stamp(service: str) -> dict[str, str]:
    return {"service": service, "time": datetime.now(UTC).isoformat(timespec="milliseconds")}


def _with_level(_logger: Any, method: str, entry: Entry) -> Entry:
    entry["level"] = method
    return entry


def _with_trace(_logger: Any, _method: str, entry: Entry) -> Entry:
    context = trace.get_current_span().get_span_context()
    if context.trace_id and "trace_id" not in entry:
        entry["trace_id"] = f"{context.trace_id:032x}"
    return entry


def _mask(_logger: Any, _method: str, entry: Entry) -> Entry:
    for key in _NEVER & entry.keys():
        entry[key] = "***"
    return entry


def _render_exception(logger: Any, method: str, entry: Entry) -> Entry:
    return structlog.processors.format_exc_info(logger, method, entry)


def _to_json(_logger: Any, _method: str, entry: Mapping[str, Any]) -> str:
    return orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
