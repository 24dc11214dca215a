"""How gunicorn serves a service's API: in the embedded stack and in the image alike."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

bind = os.environ.get("CLUSTERSKILLS_BIND", "0.0.0.0:8000")
workers = int(os.environ.get("CLUSTERSKILLS_API_PROCESSES", "1"))
threads = int(os.environ.get("CLUSTERSKILLS_API_THREADS", "32"))
worker_class = "gthread"
keepalive = 75
timeout = 60
graceful_timeout = 4
backlog = 1024
control_socket_disable = True
errorlog = "-"
loglevel = "warning"
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn's heartbeat file

# Must stand before anything imports prometheus_client, also here: it looks at the variable once, when imported.
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="clusterskills-metrics-"))


def on_exit(_server: Any) -> None:
    """Leave no temporary folder behind."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def child_exit(_server: Any, worker: Any) -> None:
    """Take a dead worker's gauges out of what is scraped."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
