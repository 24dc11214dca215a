"""What every process does first: read its settings, say them in the log, serve its numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from shared import logs, metrics, settings, tracing
from shared.logs import get_logger

log = get_logger(__name__)
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where Prometheus reads a process."""

    metrics_port: int = settings.setting(
        "METRICS_PORT", "inner port where Prometheus reads this process; 0 for none", example="9100", default=0
    )
    metrics_host: str = settings.setting(
        "METRICS_HOST", "address that the inner port listens on", example="10.0.0.7", default="127.0.0.1"
    )


def first_settings(service: str, kind: type[S]) -> S:
    """Read the group that says how to log (`log_level`), then begin to log and to trace."""
    given = _read(kind)
    logs.configure(service, getattr(given, "log_level"))  # noqa: B009 - of whatever kind it is
    tracing.configure(service)
    _note(given)
    return given


def settings_of(kind: type[S]) -> S:
    """Read a group and write it into the log, secrets masked. Missing ones end the process with names and examples."""
    given = _read(kind)
    _note(given)
    return given


def serve_metrics(trouble: Callable[[], str | None] = lambda: None) -> None:
    """Answer Prometheus on the inner port, if there is one."""
    ours = settings_of(MetricsSettings)
    if ours.metrics_port:
        metrics.serve(ours.metrics_port, ours.metrics_host, trouble)


def _read(kind: type[S]) -> S:
    try:
        return settings.load(kind)
    except settings.SettingsError as error:
        raise SystemExit(f"The settings are not complete:\n{error}") from error


def _note(given: Any) -> None:
    log.info("settings_read", group=type(given).__name__, settings=settings.masked(given))
