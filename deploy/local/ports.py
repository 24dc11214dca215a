"""Ports: find free ones, and say who holds one that is taken."""

from __future__ import annotations

import contextlib
import http
import http.client
import itertools
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil

from deploy.local.errors import StackError

_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST = 12_000


def find_free(count: int) -> list[int]:
    """Return `count` different ports that nobody listens on now.

    Not from the range that the system gives to outgoing connections, as long as there are others: such a connection
    would hold the port of a part that is just being restarted, and a client that knocks at one may reach itself.
    """
    found = list(itertools.islice(filter(is_free, _candidates()), count))
    if len(found) < count:
        raise StackError(
            f"Only {len(found)} of {count} free ports were found on 127.0.0.1; is there a loopback address?"
        )
    return found


def _candidates() -> Iterator[int]:
    try:
        first, last = map(int, _OUTGOING.read_text().split())
    except (OSError, ValueError):
        first, last = 32_768, 65_535
    ports = range(_FIRST, 65_536)
    for among in ([p for p in ports if not first <= p <= last], [p for p in ports if first <= p <= last]):
        yield from random.sample(among, len(among))


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Say whether somebody accepts connections on this port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def says_ok(port: int, path: str) -> bool:
    """Say whether an HTTP server on this port answers a GET with 200. Cheap: it is asked often while much starts."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def holder(port: int) -> str:
    """Name the process that listens on a port, as well as this user may know it."""
    for connection in psutil.net_connections(kind="tcp"):
        if (
            connection.laddr
            and connection.laddr.port == port
            and connection.pid
            and connection.status == psutil.CONN_LISTEN
        ):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(connection.pid)
                return f"process {process.pid} ({process.name()})"
    return "another user's process"


def refuse_taken(ports: dict[str, int]) -> None:
    """Raise StackError naming the first port that somebody else holds, and who."""
    for name, port in ports.items():
        if not is_free(port):
            raise StackError(
                f"Port {port}, which belongs to {name} of this stack, is held by {holder(port)}: end it, or start a new "
                "stack with another --data folder."
            )
