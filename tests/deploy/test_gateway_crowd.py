"""The gateway in front of a service that has more to do than it can: what cannot be answered in time is refused there."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from deploy.local.gateway import Doorway, part
from deploy.local.part import Running
from tests.shared.http.conftest import free_port

_NAMES = ("catalog", "enrolment", "certificate", "directory", "portal", "identity")
_MOST = 3


@dataclass(frozen=True, slots=True)
class _Busy:
    """A service whose requests end when the test says so."""

    gateway: str
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    end: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def busy(tmp_path: Any) -> Iterator[_Busy]:
    """Caddy, which lets three requests at a time through to it."""
    http_port, https_port, probe, spare = (free_port() for _ in range(4))
    here = _Busy(f"http://127.0.0.1:{http_port}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith("/health"):
                here.arrived.release()
                here.end.wait(60)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    upstreams = dict.fromkeys(_NAMES, f"127.0.0.1:{server.server_port}")
    row = part(Doorway(tmp_path / "caddy", http_port, https_port, probe, spare, upstreams))
    row.prepare()
    caddy = Running(
        replace(row, env={**row.env, "CLUSTERSKILLS_GATEWAY_MOST_REQUESTS": str(_MOST)}), tmp_path / "caddy.log"
    )
    try:
        caddy.start()
        caddy.await_health()
        yield here
    finally:
        here.end.set()
        caddy.stop(row.last_signal)
        for listener in row.listeners:
            listener.close()
        server.shutdown()
        server.server_close()


def test_requests_beyond_what_a_service_can_take_are_refused_at_the_gateway_and_the_others_answered(
    busy: _Busy,
) -> None:
    def ask(_number: int) -> httpx.Response:
        return httpx.get(f"{busy.gateway}/v1/courses", timeout=60)

    with ThreadPoolExecutor(_MOST + 5) as pool:
        taken = [pool.submit(ask, number) for number in range(_MOST)]
        for _ in taken:
            assert busy.arrived.acquire(timeout=60)
        refused = list(pool.map(ask, range(5)))
        assert not busy.arrived.acquire(blocking=False)
        busy.end.set()
        answered = [future.result().status_code for future in taken]

    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "OVERLOADED")}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert answered == [200] * _MOST
    assert ask(0).status_code == 200


def test_a_request_that_finds_a_place_within_a_second_is_not_refused(busy: _Busy) -> None:
    with ThreadPoolExecutor(_MOST + 1) as pool:
        taken = [pool.submit(httpx.get, f"{busy.gateway}/v1/courses", timeout=60) for _ in range(_MOST)]
        for _ in taken:
            assert busy.arrived.acquire(timeout=60)
        late = pool.submit(httpx.get, f"{busy.gateway}/v1/courses", timeout=60)
        busy.end.set()

        assert late.result().status_code == 200
