"""The gateway in front of a real gunicorn: what one client sends never spoils the request of another."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from deploy.local.gateway import Doorway, part
from deploy.local.part import Running
from tests.shared.http.conftest import free_port, start_server, stop_server
from tests.tokens import TestIssuer

_NAMES = ("catalog", "enrolment", "certificate", "directory", "portal", "identity")
_INNOCENT = {"note": "an innocent write"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doorway]:
    """Caddy with the tiny service of the HTTP tests behind every route."""
    folder = tmp_path_factory.mktemp("gateway")
    with TestIssuer() as issuer:
        settings = {
            **issuer.environment(),
            "CLUSTERSKILLS_PUBLIC_URL": "http://gateway.example",
            "CLUSTERSKILLS_CURSOR_SECRET": "a secret of the tests",
            "CLUSTERSKILLS_REQUESTS_PER_SECOND": "100000",
            "CLUSTERSKILLS_ANONYMOUS_REQUESTS_PER_SECOND": "100000",
        }
        server = start_server(settings, folder)
        doorway = Doorway(folder / "caddy", free_port(), free_port(), dict.fromkeys(_NAMES, f"127.0.0.1:{server.port}"))
        row = part(doorway)
        row.prepare()
        caddy = Running(row, folder / "caddy.log")
        caddy.start()
        caddy.await_health()
        yield doorway
        caddy.stop()
        stop_server(server)


def _send(gateway: Doorway, head: str, body: bytes, *, pause: float, half_close: bool = False) -> bytes:
    """Headers and body in packets of their own; what comes back."""
    with closing(socket.create_connection(("127.0.0.1", gateway.http_port), timeout=30)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"{head}\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(pause)
        connection.sendall(body)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return _answer(connection)


def _answer(connection: socket.socket) -> bytes:
    """One answer with its body, by its Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65_536)
        if not chunk:
            return received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length and (chunk := connection.recv(65_536)):
        body += chunk
    return head + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("path", "extra", "size", "status"),
    [
        ("/v1/verifications", "\r\nAuthorization: Bearer nonsense", 200_000, 401),
        ("/v1/verifications", "\r\nAuthorization: Bearer nonsense", 20_000_000, 401),
        ("/v1/courses", "", 300_000, 404),
        ("/v1/verifications", "\r\nContent-Type: application/json", 1_500_000, 413),
    ],
)
def test_a_body_that_nobody_reads_does_not_break_the_next_request_of_somebody_else(
    gateway: Doorway, path: str, extra: str, size: int, status: int
) -> None:
    head = f"POST {path} HTTP/1.1\r\nContent-Length: {size}{extra}"
    refused, innocent = [], []
    with httpx.Client(base_url=gateway.url, timeout=30) as somebody_else:
        for turn in range(40):
            refused.append(int(_send(gateway, head, b"x" * size, pause=0.002 * (turn % 2))[9:12]))
            innocent.append(somebody_else.post("/v1/verifications", json=_INNOCENT).status_code)

    assert refused == [status] * 40
    assert innocent == [200] * 40


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("POST /v1/verifications HTTP/1.1\r\nTransfer-Encoding: chunked", b"zz\r\nnonsense\r\n0\r\n\r\n"),
        ("POST /v1/verifications HTTP/1.1\r\nTransfer-Encoding: chunked", b"5\r\nabcdefgh\r\n0\r\n\r\n"),
        ("POST /v1/verifications HTTP/1.1\r\nTransfer-Encoding: chunked", b"5\r\nab"),
        ("POST /v1/verifications HTTP/1.1\r\nContent-Length: 100", b'{"note"'),
        ("POST /v1/verifications HTTP/1.1\r\nContent-Length: 900000", b" " * 400_000),
        (f"{'A' * 40} /v1/verifications HTTP/1.1", b""),
        ("a!b /v1/verifications HTTP/1.1", b""),
    ],
)
def test_what_cannot_be_read_is_400_and_harms_nobody_else(gateway: Doorway, head: str, body: bytes) -> None:
    innocent = []
    with httpx.Client(base_url=gateway.url, timeout=30) as somebody_else:
        for _ in range(5):
            answer = _send(gateway, f"{head}\r\nContent-Type: application/json", body, pause=0.002, half_close=True)
            innocent.append(somebody_else.post("/v1/verifications", json=_INNOCENT).status_code)
            assert answer[9:12] == b"400", answer
            problem = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert (problem["status"], problem["code"]) == (400, "MALFORMED")
            assert len(problem["trace_id"]) == 32

    assert innocent == [200] * 5
