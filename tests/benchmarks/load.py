"""A load generator that costs little: keep-alive connections, prepared requests, one thread each."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_OK = (b"200", b"201", b"202")


@dataclass(slots=True)
class Load:
    """What came of a load: seconds it took, latency of each request in seconds, and how often each status came."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Good answers per second."""
        good = sum(count for status, count in self.statuses.items() if status.startswith("2"))
        return good / self.seconds

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that this share of the requests stays under."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


def post_all(url: str, path: str, bodies: Sequence[bytes], headers: dict[str, str], clients: int) -> Load:
    """POST every body once over `clients` connections; each has a key of its own."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n{fixed}".encode()
    shares = [bodies[i::clients] for i in range(clients)]
    loads = [Load(0.0) for _ in shares]
    gate = threading.Barrier(clients + 1)
    threads = [
        threading.Thread(target=_client, args=(address, head, share, load, gate, number))
        for number, (share, load) in enumerate(zip(shares, loads, strict=True))
    ]
    for thread in threads:
        thread.start()
    gate.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    total = Load(time.perf_counter() - begun)
    for load in loads:
        total.latencies += load.latencies
        total.statuses += load.statuses
        total.bodies += load.bodies
    return total


def _client(
    address: tuple[str, int], head: bytes, share: Sequence[bytes], load: Load, gate: threading.Barrier, number: int
) -> None:
    run = f"{time.time_ns():x}-{number}"
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gate.wait()
        for count, body in enumerate(share):
            key = f"Idempotency-Key: {run}-{count}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            begun = time.perf_counter()
            connection.sendall(head + key + body)
            status, answer = _read(connection)
            load.latencies.append(time.perf_counter() - begun)
            load.statuses[status.decode()] += 1
            load.bodies.append(answer)


def _read(connection: socket.socket) -> tuple[bytes, bytes]:
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _more(connection)
    length = _content_length(received[:end])
    while len(received) < end + 4 + length:
        received += _more(connection)
    return received[9:12], received[end + 4 :]


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ConnectionError("an answer without Content-Length")
