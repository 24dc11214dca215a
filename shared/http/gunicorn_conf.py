"""gunicorn for every service: `gunicorn -c python:shared.http.gunicorn_conf "services.catalog_service.app:create_app()"`.

Nothing is preloaded: clients of MongoDB and Kafka must not cross a fork. The number of workers comes from
WEB_CONCURRENCY (1), the threads of each from WEB_THREADS (64); the address from `--bind`.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_LOG_LEVEL = "CLUSTERSKILLS_LOG_LEVEL"

worker_class = "shared.http.worker.ProblemWorker"
logger_class = "shared.http.gunicorn_log.JsonLog"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = int(os.environ.get("WEB_THREADS", "64"))
preload_app = False
control_socket_disable = True
loglevel = os.environ.get(_LOG_LEVEL, "info").lower()
# A worker whose main loop is silent for this long is killed; slow requests do not make it silent.
timeout = 30
# Stop within ten seconds, whatever is going on.
graceful_timeout = 7
# Longer than the gateway keeps its connections: the side that reuses them must be the one that closes them.
keepalive = 75
limit_request_line = 8190
limit_request_fields = 60
limit_request_field_size = 18_000  # a token of 16 KiB
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (a heartbeat file, made safely)

_own_folder: list[Path] = []


def on_starting(_server: Any) -> None:
    """Before the first fork: an empty folder where the workers add up their numbers."""
    given = os.environ.get(_METRICS)
    folder = Path(given) if given else Path(tempfile.mkdtemp(prefix="clusterskills-metrics-"))
    if not given:
        os.environ[_METRICS] = str(folder)
        _own_folder.append(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("*.db"):
        left_over.unlink(missing_ok=True)


def post_worker_init(_worker: Any) -> None:
    """The application is loaded."""
    from shared import collector

    collector.settle()


def child_exit(_server: Any, worker: Any) -> None:
    """A worker has gone: its gauges no longer count."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Leave nothing behind."""
    for folder in _own_folder:
        shutil.rmtree(folder, ignore_errors=True)
