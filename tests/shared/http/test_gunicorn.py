"""The tiny service in a real gunicorn, and what the outside can do to it at the level of bytes."""

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.shared.http.conftest import Server, start_server, stop_server


def head(method: str, path: str, headers: dict[str, str], close: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: tiny", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, *(["Connection: close"] if close else []), "", ""]).encode("latin-1")


POST_OF_A_MEGABYTE = head(
    "POST", "/v1/verifications", {"Content-Type": "application/json", "Content-Length": "1000000"}, close=False
)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server ends its side; then this side ends too."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def status_of(answer: bytes) -> int:
    return int(answer[9:12])


def problem_of(answer: bytes) -> dict[str, object]:
    top, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in top
    found: dict[str, object] = json.loads(body)
    return found


def still_serves(server: Server) -> bool:
    return httpx.get(f"{server.url}/v1/things").status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /v1/things?skill=" + b"x" * 8000 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 422),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: 1\r\n" % i for i in range(100)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: br\r\n\r\n", 501),
        (b"GET /v1/things/%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"GET /v1/things/\xff\xfe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        (b"GET /v1/things/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"GET /v1/things?%ff=%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 422),
        (b"GET /v1/things?\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        (b"GET http://other/v1/nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"BREW /v1/things HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405),
        (b"GET /v1/things HTTP/1.1\r\nHost: \xff:\r\nConnection: close\r\n\r\n", 200),
        (b"GET /v1/things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n", 401),
        (b"GET /v1/things HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ,;\xff\r\nConnection: close\r\n\r\n", 200),
        (b"GET /v1/things HTTP/1.1\r\nHost: a\r\ntraceparent: 00-0-0-0\r\nConnection: close\r\n\r\n", 200),
        (b"GET /v1/things HTTP/1.1\r\nHost: a\r\nAccept: \xff;q=x,,/\r\nConnection: close\r\n\r\n", 200),
        (b"GET /v1/things HTTP/1.1\r\nHost: a\r\nOrigin: \xff\r\nConnection: close\r\n\r\n", 200),
    ],
)
def test_bytes_that_nobody_should_send_get_a_clean_answer(server: Server, sent: bytes, status: int) -> None:
    answer = server.raw(sent)

    assert status_of(answer) == status
    if status >= 400:
        assert problem_of(answer)["status"] == status
    assert still_serves(server)


def test_a_body_in_good_chunks_is_read(server: Server, writer: dict[str, str]) -> None:
    headers = {**writer, "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    answer = server.raw(head("POST", "/v1/things", headers) + b'9\r\n{"title":\r\n4\r\n"x"}\r\n0\r\n\r\n')

    assert status_of(answer) == 201


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"5\r\nab", b"-1\r\n\r\n", b"FFFFFFFFFFFFFFFFFF\r\n"])
def test_a_body_in_broken_chunks_is_400(server: Server, writer: dict[str, str], chunks: bytes) -> None:
    headers = {**writer, "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    answer = server.raw(head("POST", "/v1/things", headers) + chunks, half_close=True)

    assert status_of(answer) == 400
    assert still_serves(server)


def test_a_body_in_endless_chunks_is_413(server: Server, writer: dict[str, str]) -> None:
    headers = {**writer, "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    assert status_of(server.raw(head("POST", "/v1/things", headers) + chunk * 20 + b"0\r\n\r\n")) == 413


def test_a_body_announced_too_large_is_413_before_it_is_sent(server: Server, writer: dict[str, str]) -> None:
    headers = {**writer, "Content-Type": "application/json", "Content-Length": "999999999999"}
    answer = server.raw(head("POST", "/v1/things", headers))

    assert status_of(answer) == 413
    assert problem_of(answer)["code"] == "TOO_LARGE"


def test_a_body_that_ends_early_is_400(server: Server, writer: dict[str, str]) -> None:
    headers = {**writer, "Content-Type": "application/json", "Content-Length": "100"}
    answer = server.raw(head("POST", "/v1/things", headers) + b'{"title"', half_close=True)

    assert status_of(answer) == 400


def test_two_requests_in_one_packet_are_two(server: Server) -> None:
    first = head("GET", "/v1/things", {}, close=False)
    answer = server.raw(first + head("GET", "/nothing", {}))

    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404"]


@pytest.mark.parametrize(
    ("path", "headers", "size", "status"),
    [
        ("/v1/things", {}, 200_000, 401),
        ("/v1/nothing", {}, 300_000, 404),
        ("/v1/things/names", {"Content-Type": "text/plain"}, 900_000, 401),
        ("/v1/verifications", {"Content-Type": "application/json"}, 1_500_000, 413),
        ("/v1/things", {}, 8_000_000, 401),
    ],
)
def test_a_refused_body_is_read_to_its_end_or_the_answer_says_that_the_connection_ends(
    server: Server, path: str, headers: dict[str, str], size: int, status: int
) -> None:
    first = head("POST", path, {**headers, "Content-Length": str(size)}, close=False)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(first)
        connection.sendall(b"x" * size)
        answer = _one_answer(connection)
        stays = b"\r\nconnection: keep-alive\r\n" in answer.lower()
        connection.sendall(head("GET", "/v1/things", {})) if stays else None
        rest = _until_the_end(connection)

    assert status_of(answer) == status
    assert stays or b"\r\nconnection: close\r\n" in answer.lower()
    assert status_of(rest) == 200 if stays else rest == b""


def test_a_refused_body_that_does_not_come_ends_the_connection(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head("POST", "/v1/things", {"Content-Length": "200000"}, close=False))
        answer = _until_the_end(connection)

    assert status_of(answer) == 401
    assert b"\r\nconnection: close\r\n" in answer.lower()


def _one_answer(connection: socket.socket) -> bytes:
    """An answer of which nothing may be missing."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    top, _, body = received.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", top.lower())
    assert found
    while len(body) < int(found[1]):
        body += connection.recv(65_536)
    return top + b"\r\n\r\n" + body


def _until_the_end(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received


@pytest.fixture(scope="module")
def impatient(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Four threads, and a second to send a request in."""
    settings = {**environment, "WEB_THREADS": "4", "CLUSTERSKILLS_READ_SECONDS": "1"}
    running = start_server(settings, tmp_path_factory.mktemp("impatient"))
    yield running
    stop_server(running)


def test_clients_that_send_slowly_hold_up_nobody_for_long(impatient: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", impatient.port), timeout=10) for _ in range(8)]
    for connection in slow:
        connection.sendall(b"POST /v1/things HTTP/1.1\r\nHost: a\r\nContent-Le")
    answer = httpx.get(f"{impatient.url}/v1/things", timeout=10)

    assert answer.status_code == 200
    for connection in slow:
        with connection:
            assert problem_of(_until_the_end(connection))["code"] == "REQUEST_TIMEOUT"


@pytest.mark.parametrize("part", [b"{", b'{"note": "half"}'])
def test_a_client_that_trickles_its_body_is_refused_in_time_also_when_what_came_could_be_read(
    impatient: Server, part: bytes
) -> None:
    head = b"POST /v1/verifications HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"
    answer = impatient.raw(head + part, wait=10)

    assert status_of(answer) == 408
    assert problem_of(answer)["code"] == "REQUEST_TIMEOUT"


@pytest.mark.parametrize("sent", [b"POST /v1/verifications HTTP/1.1\r\nX: ", POST_OF_A_MEGABYTE])
def test_a_client_that_never_stops_sending_slowly_is_refused_at_the_deadline(impatient: Server, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=0.05) as connection:
        connection.sendall(sent)
        begun = time.monotonic()
        answer = b""
        while not answer and time.monotonic() < begun + 10:
            connection.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(10_000)
        waited = time.monotonic() - begun
        connection.settimeout(10)
        answer += _until_the_end(connection)

    assert problem_of(answer)["code"] == "REQUEST_TIMEOUT"
    assert waited < 5  # the deadline is 1 s


def test_clients_that_do_not_close_their_end_hold_up_nobody(impatient: Server) -> None:
    ended = [socket.create_connection(("127.0.0.1", impatient.port), timeout=10) for _ in range(4)]
    for connection in ended:
        connection.sendall(head("GET", "/v1/things", {}))
        assert status_of(connection.recv(10_000)) == 200
    begun = time.monotonic()
    answer = httpx.get(f"{impatient.url}/v1/things", timeout=30)

    assert answer.status_code == 200
    assert time.monotonic() < begun + 4  # each lingers for 2 s, side by side
    for connection in ended:
        connection.close()


def test_a_slow_answer_is_not_cut(impatient: Server) -> None:
    assert httpx.get(f"{impatient.url}/v1/trouble/slow", timeout=10).json() == {"done": True}


def test_a_stop_under_load_finishes_what_it_began(
    environment: dict[str, str], writer: dict[str, str], tmp_path: Path
) -> None:
    server = start_server(environment, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(httpx.get, f"{server.url}/v1/trouble/slow", timeout=10) for _ in range(4)]
        _wait_until(lambda: _accepted(server) >= 4)
        seconds = stop_server(server)

        assert [future.result().status_code for future in slow] == [200] * 4
    assert seconds < 10


def test_whoever_finds_too_many_waiting_is_refused_at_the_door_before_any_work(
    environment: dict[str, str], writer: dict[str, str], tmp_path: Path
) -> None:
    server = start_server(environment | {"WEB_THREADS": "1", "CLUSTERSKILLS_WAITING_REQUESTS": "1"}, tmp_path)
    slow = head("GET", "/v1/trouble/slow", {})
    body = json.dumps({"title": "thing"}).encode()
    create = head("POST", "/v1/things", writer | {"Content-Type": "application/json", "Content-Length": str(len(body))})
    (worker,) = psutil.Process(server.process.pid).children()
    try:
        # The worker stands still until all have come: it finds the slow one first, and the others behind it.
        worker.suspend()
        came = [server.connected(sent) for sent in (slow, *[create + body] * 30)]
        worker.resume()
        with ThreadPoolExecutor(len(came)) as pool:
            first, *answers = pool.map(all_of, came)
        assert status_of(first) == 200
        assert httpx.get(f"{server.url}/health/live", timeout=30).status_code == 200
        made = httpx.get(f"{server.url}/v1/things?limit=100").json()["items"]
    finally:
        worker.resume()
        stop_server(server)

    refused = [answer for answer in answers if status_of(answer) != 201]
    assert refused
    assert {(status_of(answer), problem_of(answer)["code"]) for answer in refused} == {(503, "OVERLOADED")}
    assert all(b"\r\nretry-after: 1\r\n" in answer.lower() for answer in refused)
    assert len(made) == len(answers) - len(refused)


def test_the_numbers_of_all_workers_are_added_up(
    environment: dict[str, str], tmp_path: Path, writer: dict[str, str]
) -> None:
    server = start_server(environment, tmp_path, workers=2)
    try:
        with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0)) as client:
            for _ in range(40):
                client.get(f"{server.url}/v1/things")
        wanted = 'clusterskills_http_requests_total{method="GET",route="/v1/things",status="200"} 40.0'
        texts = {httpx.get(f"{server.metrics_url}/metrics").text for _ in range(4)}
        assert all(wanted in text for text in texts)

        victim = psutil.Process(server.process.pid).children()[0]
        victim.kill()
        _wait_until(lambda: victim.pid not in {child.pid for child in psutil.Process(server.process.pid).children()})
        assert wanted in httpx.get(f"{server.metrics_url}/metrics").text, "counts outlive their worker"
    finally:
        stop_server(server)


def test_every_log_line_is_json_and_the_access_log_names_the_route_only(server: Server, writer: dict[str, str]) -> None:
    secret = "employee-4711"
    httpx.put(f"{server.url}/v1/things/by-external-id/{secret}?x={secret}", json={"title": secret}, headers=writer)
    httpx.put(f"{server.url}/v1/things/by-external-id/{secret}", json={"title": secret}, headers=writer)
    httpx.get(f"{server.url}/v1/trouble/bug")
    time.sleep(0.3)
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]

    access = [line for line in lines if line["event"] == "request"]
    put = next(line for line in access if line["method"] == "PUT" and line["status"] == "200")
    assert put["route"] == "/v1/things/by-external-id/<thing_id>"
    assert put["service"] == "tiny"
    assert len(put["trace_id"]) == 32
    assert secret not in server.log.read_text()
    bug = next(line for line in lines if line["event"] == "unforeseen error")
    assert "KeyError" in bug["exception"]
    assert any(line["trace_id"] == bug["trace_id"] and line["status"] == "500" for line in access)


def _accepted(server: Server) -> int:
    workers = psutil.Process(server.process.pid).children()
    found = [link for worker in workers for link in worker.net_connections("tcp4")]
    return sum(link.status == psutil.CONN_ESTABLISHED and link.laddr[1] == server.port for link in found)


def _wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
