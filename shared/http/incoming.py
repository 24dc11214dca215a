"""What comes in on a connection: read until the request's deadline, and never left half read when the connection is
kept."""

import contextlib
import select
import socket
import time
from typing import Any, Final

from gunicorn.http import errors
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader

# A body that nobody asked for is read to its end when it is no longer than this and comes within this time.
MOST_UNREAD: Final = 1024 * 1024
UNREAD_SECONDS: Final = 1.0
# How long a connection that is closed still takes what its client sends: a reset would destroy the answer on its way.
LINGER_SECONDS: Final = 2.0
_STEP: Final = 8_192
_LARGEST_STEP: Final = 1024 * 1024


class SlowHead(errors.ParseException):
    """The first line or the headers did not come in time."""


class PunctualReader(SocketUnreader):
    """Reads a socket until `deadline` (monotonic seconds), then raises TimeoutError, whatever else comes."""

    deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """What is there, at most about `size_hint` bytes; empty at the end."""
        size = max(_STEP, min(size_hint or 0, _LARGEST_STEP))
        while (left := self.deadline - time.monotonic()) > 0:
            with contextlib.suppress(BlockingIOError):
                return bytes(self.sock.recv(size, socket.MSG_DONTWAIT))
            _wait_readable(self.sock, left)
        raise TimeoutError("the request did not come in time")


class PunctualParser(RequestParser):
    """Requests of one connection, each with a deadline and a body that knows what is left of it."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any) -> None:
        super().__init__(cfg, sock, client)
        self.unreader: PunctualReader = PunctualReader(sock)

    def __next__(self) -> Request:
        try:
            request: Request = super().__next__()
        except TimeoutError as error:
            raise SlowHead("the head did not come in time") from error
        request.body = WholeBody(request, self.unreader)
        return request

    @property
    def next_has_begun(self) -> bool:
        """Whether a part of the next request came with the last one."""
        return bool(self.unreader.buf.getvalue())


class WholeBody(Body):
    """A request's body. `settle` decides, before the answer begins, whether the connection can carry another request."""

    failed: bool

    def __init__(self, request: Any, reader: PunctualReader) -> None:
        super().__init__(request.body.reader)
        self._request = request
        self._reader = reader

    def settle(self) -> None:
        """Read what nobody has read, or have the answer say `Connection: close`.

        Whoever is told that the connection stays open may send the next request at once, also before this one's body
        has ended; it must not find the connection closed.
        """
        if not self._ends_soon():
            self._request.must_close = True

    def _ends_soon(self) -> bool:
        known = self.reader.length if isinstance(self.reader, LengthReader) else None
        if known == 0 or self.failed:
            return not self.failed
        if known is not None and known > MOST_UNREAD:
            return False
        self._reader.deadline = min(self._reader.deadline, time.monotonic() + UNREAD_SECONDS)
        return self._discard()

    def _discard(self) -> bool:
        left = MOST_UNREAD
        try:
            while left > 0:
                came = len(self.read(_STEP))
                if not came:
                    return True
                left -= came
        except Exception:  # noqa: BLE001 (however it broke: where the next request begins is unknown)
            return False
        return False


def linger(sock: socket.socket) -> None:
    """Close a connection without a reset: end our side, then take what still comes until the client ends its own."""
    until = time.monotonic() + LINGER_SECONDS
    with contextlib.suppress(OSError), sock:
        sock.shutdown(socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0 and _wait_readable(sock, left):
            if not sock.recv(_STEP, socket.MSG_DONTWAIT):
                break


def _wait_readable(sock: socket.socket, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    return bool(waiting.poll(max(1, seconds * 1000)))
