"""gunicorn's own log and the access log as JSON lines. Only the declared path is written, never the one that was sent:
paths and queries may hold a partner's employee number."""

import logging
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from shared import logs
from shared.http.passage import KEY, Passage


def service_of(app_uri: str | None) -> str:
    """`services.catalog_service.app:create_app()` is catalog."""
    parts = (app_uri or "").split(".")
    return parts[1].removesuffix("_service") if len(parts) > 2 and parts[0] == "services" else "http"


class JsonLog(Logger):
    """Used by `logger_class`."""

    def setup(self, cfg: Any) -> None:
        """Send everything through structlog; gunicorn's files and formats are not used."""
        self.cfg = cfg
        self._level = logging.getLevelNamesMapping().get(cfg.loglevel.upper(), logging.INFO)
        self.error_log.propagate = True
        self.error_log.setLevel(self._level)
        logs.configure(service_of(cfg.default_proc_name), cfg.loglevel)

    def access(self, resp: Any, req: Any, environ: MutableMapping[str, Any], request_time: timedelta) -> None:  # noqa: ARG002
        """One line for one request."""
        if self._level > logging.INFO:
            return
        passage = environ.get(KEY)
        found = passage if isinstance(passage, Passage) else Passage()
        logs.write(
            {
                "component": "access",
                "event": "request",
                "level": "info",
                "method": environ.get("REQUEST_METHOD"),
                "route": found.route.path if found.route else None,
                "status": str(resp.status)[:3],
                "milliseconds": round(request_time.total_seconds() * 1000, 2),
                "bytes": getattr(resp, "sent", None),
                "client": found.caller.client_id if found.caller else None,
                "trace_id": found.trace_id,
            }
        )
