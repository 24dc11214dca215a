"""Numbers for Prometheus: what each process counts, and the inner port where they are read.

Several gunicorn workers of one service write to one folder (`PROMETHEUS_MULTIPROC_DIR`, set by the gunicorn
configuration before this module is imported); whichever of them answers a scrape adds all of them up.
"""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

REQUESTS = Counter("clusterskills_http_requests", "HTTP requests answered", ("method", "route", "status"))
REQUEST_SECONDS = Histogram(
    "clusterskills_http_request_seconds",
    "Time to answer an HTTP request",
    ("method", "route"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
EVENTS_SENT = Counter("clusterskills_events_sent", "Events the broker has acknowledged")
EVENTS_HANDLED = Counter("clusterskills_events_handled", "Events whose effect is committed", ("topic",))
# The largest value of the living processes: only one holds the relay's lease or a partition, the others say 0.
OUTBOX_WAITING = Gauge("clusterskills_outbox_waiting", "Outbox rows not sent yet", multiprocess_mode="livemax")
OUTBOX_OLDEST = Gauge(
    "clusterskills_outbox_oldest_seconds", "Age of the oldest outbox row not sent yet", multiprocess_mode="livemax"
)
CONSUMER_LAG = Gauge(
    "clusterskills_consumer_lag", "Events in the log that are not handled yet", ("topic",), multiprocess_mode="livemax"
)
AWAITING = Gauge(
    "clusterskills_events_awaiting", "Events set aside until what they name has come", multiprocess_mode="livemax"
)
DEAD_LETTERS = Gauge("clusterskills_dead_letters", "Events set aside for a person", multiprocess_mode="livemax")


class _Quiet(WSGIRequestHandler):
    """A scrape is no news."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        pass


class _SharedPort(WSGIServer):
    """Each worker listens on the same port; the kernel picks one for each scrape. None is left when a worker dies."""

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def registry() -> CollectorRegistry:
    """What a scrape reads: all processes of this service when they share a folder, else this one."""
    if FOLDER not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def serve(port: int, host: str = "127.0.0.1", trouble: Callable[[], str | None] = lambda: None) -> WSGIServer:
    """Answer scrapes on `port` (0 picks one: see `server_port`) from a background thread. Call after the fork.

    `GET /health/live` there is 200, or 503 when `trouble` says why this process does its work no longer.
    """
    numbers = make_wsgi_app(registry())

    def answer(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/health/live":
            return numbers(environ, start_response)
        reason = trouble()
        start_response("503 Service Unavailable" if reason else "200 OK", [("Content-Type", "text/plain")])
        return [(reason or "alive").encode()]

    server = make_server(host, port, answer, server_class=_SharedPort, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
