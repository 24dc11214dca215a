"""An issuer, the tiny service in this process, and the tiny service in a real gunicorn."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.http.app import ServiceApp
from tests.shared.http import tiny
from tests.tokens import TestIssuer

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def issuer() -> Iterator[TestIssuer]:
    with TestIssuer() as running:
        yield running


@pytest.fixture(scope="session")
def environment(issuer: TestIssuer) -> dict[str, str]:
    return {
        **issuer.environment(),
        "CLUSTERSKILLS_PUBLIC_URL": "http://gateway.example",
        "CLUSTERSKILLS_CURSOR_SECRET": "a secret of the tests",
        "CLUSTERSKILLS_REQUESTS_PER_SECOND": "100000",
        "CLUSTERSKILLS_ANONYMOUS_REQUESTS_PER_SECOND": "100000",
    }


@pytest.fixture(scope="session")
def tiny_service(environment: dict[str, str]) -> tuple[tiny.Memory, ServiceApp]:
    memory = tiny.Memory()
    return memory, tiny.build_app(environment, memory=memory)


@pytest.fixture
def client(tiny_service: tuple[tiny.Memory, ServiceApp]) -> Any:
    memory, app = tiny_service
    memory.clear()
    return app.test_client()


@pytest.fixture
def writer(issuer: TestIssuer) -> dict[str, str]:
    """The header of somebody who may write things. Its token lives for minutes; a run may last longer."""
    return issuer.authorization(scopes=["catalog:write", "teaching:write"])


@dataclass(frozen=True)
class Server:
    """A running gunicorn."""

    url: str
    port: int
    metrics_url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def connected(self, sent: bytes, wait: float = 60.0) -> socket.socket:
        """A connection of its own on which this was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=wait)
        connection.sendall(sent)
        return connection

    def raw(self, sent: bytes, *, half_close: bool = False, wait: float = 5.0) -> bytes:
        """What comes back for these bytes until the server closes or falls silent."""
        with self.connected(sent, wait) as connection:
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while chunk := connection.recv(65_536):
                    received += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return received


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(environment: dict[str, str], folder: Path, workers: int = 1) -> Server:
    port, metrics_port = free_port(), free_port()
    log = folder / "gunicorn.log"
    settings = {
        **os.environ,
        **environment,
        "CLUSTERSKILLS_METRICS_PORT": str(metrics_port),
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
        "WEB_CONCURRENCY": str(workers),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:shared.http.gunicorn_conf", "-b", f"127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "tests.shared.http.tiny:create_app()"], env=settings, cwd=ROOT, stdout=output, stderr=output
        )
    server = Server(f"http://127.0.0.1:{port}", port, f"http://127.0.0.1:{metrics_port}", process, log)
    _wait_until_live(server)
    return server


def stop_server(server: Server) -> float:
    """Seconds that it took."""
    started = time.monotonic()
    server.process.terminate()
    try:
        server.process.wait(60)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
        raise
    return time.monotonic() - started


@pytest.fixture(scope="session")
def server(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(environment, tmp_path_factory.mktemp("gunicorn"))
    yield running
    stop_server(running)


def _wait_until_live(server: Server) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{server.url}/health/live").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
        if server.process.poll() is not None:
            break
    server.process.kill()
    raise AssertionError(server.log.read_text())
