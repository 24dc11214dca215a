"""A listening socket that the launcher holds: processes come and go behind it, and nobody who knocks is refused."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Mapping

_BACKLOG = 2048


class Listener:
    """One port of the loopback address, opened by the launcher and handed to every process that serves it.

    While a process is replaced, connections wait in the socket's queue: they belong to the socket, not to a process.
    Every method may be called from any thread.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    @property
    def mark(self) -> str:
        """Stands for the descriptor's number in a command or an environment until the process is started."""
        return f"%listener:{self.port}%"

    def open(self) -> int:
        """Return the socket's descriptor; it listens from the first call on."""
        with self._lock:
            if self._socket is None:
                self._socket = socket.create_server(("127.0.0.1", self.port), backlog=_BACKLOG)
            return self._socket.fileno()

    def close(self) -> None:
        """Stop listening: who knocks from now on is refused at once."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None


def fill_in(word: str, descriptors: Mapping[str, int]) -> str:
    """Put the descriptors' numbers in the place of their marks."""
    for mark, number in descriptors.items():
        word = word.replace(mark, str(number))
    return word


def open_all(listeners: Iterable[Listener]) -> dict[str, int]:
    """Return each listener's descriptor by its mark."""
    return {listener.mark: listener.open() for listener in listeners}
