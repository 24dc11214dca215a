"""The gateway in front of a real gunicorn: what one client sends never spoils the request of another, and what is
refused has one form."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import httpx
import pytest

from deploy.local.gateway import Doorway, part
from deploy.local.part import Running
from tests.shared.http.conftest import free_port, start_server, stop_server
from tests.tokens import TestIssuer

_NAMES = ("catalog", "enrolment", "certificate", "directory", "portal", "identity")
# One address of the loopback network is here; all others of it are elsewhere.
_HERE = {
    "CLUSTERSKILLS_GATEWAY_CONSOLE_FROM": "127.0.0.1/32",
    "CLUSTERSKILLS_GATEWAY_PLAIN_HTTP_FROM": "127.0.0.1/32",
    "CLUSTERSKILLS_PUBLIC_HTTPS_URL": "https://gateway.test",
    "CLUSTERSKILLS_GATEWAY_READ_BODY": "1s",
}
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
        http_port, https_port, probe, spare = (free_port() for _ in range(4))
        upstreams = dict.fromkeys(_NAMES, f"127.0.0.1:{server.port}")
        doorway = Doorway(folder / "caddy", http_port, https_port, probe, spare, upstreams)
        row = part(doorway)
        row.prepare()
        row = replace(
            row, env={**row.env, **_HERE, "CLUSTERSKILLS_GATEWAY_HTTPS": f"https://gateway.test:{https_port}"}
        )
        caddy = Running(row, folder / "caddy.log")
        try:
            caddy.start()
            caddy.await_health()
            yield doorway
        finally:
            caddy.stop(row.last_signal)
            for listener in row.listeners:
                listener.close()
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


def test_a_large_answer_is_compressed_for_who_takes_it_and_a_small_one_is_not(gateway: Doorway) -> None:
    with httpx.Client(base_url=gateway.url, timeout=30) as client:
        plain = client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
        packed = client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
        small = client.get("/v1/catalog/nothing", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert packed.json() == plain.json()
    assert packed.num_bytes_downloaded < len(plain.content) / 4
    assert "Content-Encoding" not in small.headers


@pytest.mark.parametrize(
    ("path", "extra", "size", "status"),
    [
        ("/v1/verifications", "\r\nAuthorization: Bearer nonsense", 100_000, 401),
        ("/v1/verifications", "\r\nAuthorization: Bearer nonsense", 300_000, 401),
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


def test_a_body_that_does_not_come_in_time_is_refused_and_ends_the_connection(gateway: Doorway) -> None:
    head = "POST /v1/verifications HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100"
    answer = _send(gateway, head, b'{"note"', pause=0.002)

    assert answer[9:12] == b"400"
    assert _code(answer) == "MALFORMED"
    assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize(
    "path",
    ["/credentials/..", "/credentials/../x", "/v1/courses/%2e%2E/x", "/auth/realms/clusterskills/../master", "/."],
)
def test_an_address_with_dot_segments_is_a_problem_404_everywhere(gateway: Doorway, path: str) -> None:
    answer = _send(gateway, f"GET {path} HTTP/1.1\r\nAccept: text/html", b"", pause=0)

    assert answer[9:12] == b"404"
    assert _code(answer) == "NOT_FOUND"
    assert b"x-content-type-options" not in answer.lower(), "it got as far as the service"


def test_a_refusal_of_the_gateway_names_the_trace_of_its_request(gateway: Doorway) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    begun = httpx.get(f"{gateway.url}/v1/nonsense").json()
    continued = httpx.get(
        f"{gateway.url}/v1/nonsense", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    ).json()
    odd = httpx.get(f"{gateway.url}/v1/nonsense", headers={"traceparent": '00-0-0-0"'}).json()

    assert continued["trace_id"] == trace
    assert len({begun["trace_id"], odd["trace_id"], trace}) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", problem["trace_id"]) for problem in (begun, odd))
    assert begun["type"] == "urn:clusterskills:problem:not-found"


def test_a_trace_that_the_gateway_begins_goes_on_in_the_service(gateway: Doorway) -> None:
    seen = {httpx.get(f"{gateway.url}/v1/courses").headers["trace-id"] for _ in range(3)}
    trace = "0af7651916cd43dd8448eb211c80319c"
    own = httpx.get(f"{gateway.url}/v1/courses", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})

    assert len(seen) == 3
    assert own.headers["trace-id"] == trace


@pytest.mark.parametrize(
    "path",
    [
        *("/auth/admin", "/auth/admin/master/console/", "/auth/ADMIN/", "/auth//admin", "/auth/;x/admin"),
        *("/auth/realms/master/.well-known/openid-configuration", "/auth/realms/%6daster", "/auth/realms;x/master"),
        *("/auth/metrics", "/auth/health", "/auth/", "/mail", "/mail/x", "/MAIL/x"),
    ],
)
def test_keycloaks_console_its_master_realm_and_the_mailbox_are_not_there_for_others(
    gateway: Doorway, path: str
) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2", verify=_tls(gateway))) as others:
        address = f"https://127.0.0.1:{gateway.https_port}{path}"
        answer = others.get(address, headers={"Host": "gateway.test"}, extensions={"sni_hostname": "gateway.test"})

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "x-content-type-options" not in answer.headers, "it got as far as what stands behind"
    assert "server" not in answer.headers


def test_https_tells_browsers_to_stay_with_it(gateway: Doorway) -> None:
    with httpx.Client(verify=_tls(gateway)) as browser:
        address = f"https://127.0.0.1:{gateway.https_port}/v1/courses"
        answer = browser.get(address, headers={"Host": "gateway.test"}, extensions={"sni_hostname": "gateway.test"})

    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in httpx.get(f"{gateway.url}/v1/courses").headers


@pytest.mark.parametrize(("method", "headers"), [("GET", {"Authorization": "Bearer x"}), ("POST", {})])
def test_a_token_or_a_form_by_plain_http_from_elsewhere_is_refused(
    gateway: Doorway, method: str, headers: dict[str, str]
) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")) as elsewhere:
        answer = elsewhere.request(method, f"http://127.0.0.1:{gateway.http_port}/v1/courses?a=1", headers=headers)
    here = httpx.request(method, f"http://127.0.0.1:{gateway.http_port}/v1/courses?a=1", headers=headers)

    assert answer.status_code == 403
    assert answer.json()["code"] == "HTTPS_REQUIRED"
    assert here.status_code in {401, 404}


def test_a_page_by_plain_http_from_elsewhere_leads_to_https(gateway: Doorway) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")) as elsewhere:
        answer = elsewhere.get(f"http://127.0.0.1:{gateway.http_port}/verify?a=1")

    assert answer.status_code == 308
    assert answer.headers["location"] == "https://gateway.test/verify?a=1"


def _code(answer: bytes) -> object:
    return json.loads(answer.partition(b"\r\n\r\n")[2])["code"]


def _tls(gateway: Doorway) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(gateway.ca_file))
