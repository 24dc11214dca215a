"""The gateway before two addresses: what was not received is asked again elsewhere, what may have been is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from deploy.local import gateway, ports
from deploy.local.part import Running


class _Upstream(ThreadingHTTPServer):
    """Counts what it receives; one that `breaks` closes the connection instead of answering."""

    daemon_threads = True

    def __init__(self, *, breaks: bool = False) -> None:
        self.received, self.breaks = 0, breaks
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Upstream

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        probe = self.path == "/health/live"
        self.server.received += not probe
        if self.server.breaks and not probe:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815 (the names are the base class's)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        pass


@contextmanager
def before(folder: Path, *addresses: str) -> Iterator[str]:
    """A gateway of its own before these addresses of the catalog; its URL."""
    http, https, probe, spare = ports.find_free(4)
    upstreams = {"catalog": " ".join(addresses)}
    part = gateway.part(gateway.Doorway(folder, http, https, probe, spare, upstreams))
    running = Running(part, folder / "gateway.log")
    part.prepare()
    running.start()
    try:
        running.await_health()
        yield f"http://127.0.0.1:{http}"
    finally:
        running.stop(part.last_signal)
        for listener in part.listeners:
            listener.close()


@pytest.fixture
def well() -> Iterator[_Upstream]:
    upstream = _Upstream()
    yield upstream
    upstream.shutdown()
    upstream.server_close()


@pytest.fixture
def broken() -> Iterator[_Upstream]:
    upstream = _Upstream(breaks=True)
    yield upstream
    upstream.shutdown()
    upstream.server_close()


def test_a_request_that_nobody_received_goes_to_the_other_address_with_its_body(
    tmp_path: Path, well: _Upstream
) -> None:
    (nobody,) = ports.find_free(1)
    with before(tmp_path, f"127.0.0.1:{nobody}", well.address) as url:
        answers = [httpx.post(f"{url}/v1/courses", content=b"x" * 100_000, timeout=30) for _ in range(20)]

    assert {answer.status_code for answer in answers} == {200}
    assert {len(answer.content) for answer in answers} == {100_000}
    assert well.received == 20


def test_a_write_that_may_have_been_received_is_not_repeated(tmp_path: Path, broken: _Upstream) -> None:
    with before(tmp_path, broken.address, broken.address) as url:
        answer = httpx.post(f"{url}/v1/courses", content=b"{}", timeout=30)

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert broken.received == 1


def test_a_read_that_broke_off_is_asked_again(tmp_path: Path, well: _Upstream, broken: _Upstream) -> None:
    with before(tmp_path, broken.address, well.address) as url:
        answers = [httpx.get(f"{url}/v1/courses", timeout=30) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {200}
    assert broken.received
