"""gunicorn's threaded worker, with two things added: nobody holds a thread by sending slowly, and what gunicorn itself
refuses is answered as a problem too."""

import contextlib
import os
import select
import socket
import struct
import time
from concurrent.futures import Future
from typing import Any, Final

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import TConn

from shared import tracing
from shared.http.crowd import CrowdWorker
from shared.http.problems import problem_bytes
from shared.logs import get_logger

# A whole request, headers and body, must have come within this time. The gateway has stricter limits of its own.
READ_SECONDS: Final = float(os.environ.get("CLUSTERSKILLS_READ_SECONDS", "20"))
# How long a thread waits for the next request of a connection that it has just answered.
LINGER_MILLISECONDS: Final = 50
# A client that does not read its answer.
SEND_SECONDS: Final = 20

_STATUS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (errors.LimitRequestLine, 414, "URI_TOO_LONG"),
    (errors.LimitRequestHeaders, 431, "HEADERS_TOO_LARGE"),
    (errors.ExpectationFailed, 417, "EXPECTATION_FAILED"),
    (errors.UnsupportedTransferCoding, 501, "UNSUPPORTED_TRANSFER_CODING"),
    (errors.InvalidHTTPVersion, 505, "HTTP_VERSION_NOT_SUPPORTED"),
    (errors.ParseException, 400, "MALFORMED"),
    (OSError, 400, "MALFORMED"),
)

log = get_logger(__name__)


class ProblemWorker(CrowdWorker):
    """Used by `worker_class`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadlines: dict[TConn, float] = {}

    def enqueue_req(self, conn: TConn) -> None:
        """A request begins. Runs in the main thread, as do all below except `handle_error`."""
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        self._deadlines[conn] = time.monotonic() + READ_SECONDS
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Answer a request, and those that follow at once on the same connection.

        A connection that is busy stays with its thread: the way back over the main thread costs more than a request.
        It goes back when nothing comes for a moment, when the process stops, or when others wait for a thread.
        """
        again = super().handle(conn)
        while again is True and self._next_is_here(conn):
            self._deadlines[conn] = time.monotonic() + READ_SECONDS
            again = super().handle(conn)
        return again

    def _next_is_here(self, conn: TConn) -> bool:
        self._deadlines.pop(conn, None)
        if not self.alive or conn.is_http2 or self._somebody_waits():
            return False
        parser: Any = conn.parser
        if parser.unreader.buf.getvalue():
            return True
        waiting = select.poll()
        waiting.register(conn.sock, select.POLLIN)
        return bool(waiting.poll(LINGER_MILLISECONDS)) and self.alive

    def _somebody_waits(self) -> bool:
        """Whether a request waits for this thread."""
        return self.refuses or self.waiting > 0

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """A request has been answered, or given up."""
        self._deadlines.pop(conn, None)
        super().finish_request(conn, fs)

    def murder_keepalived(self, force: bool = False) -> None:
        """Each second: end the reading of requests that take too long to come.

        What has arrived can still be read, and an answer still be sent; so a request that is only slow to be
        answered does not notice.
        """
        super().murder_keepalived(force)  # type: ignore[call-arg]  # the stubs know an older one
        now = time.monotonic()
        for conn, deadline in list(self._deadlines.items()):  # other threads change it meanwhile
            if deadline < now and self._deadlines.pop(conn, None) == deadline:
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:  # noqa: ARG002
        """gunicorn could not read the request, or the application broke in a way that it should not."""
        found = next(((status, code) for kind, status, code in _STATUS if isinstance(exc, kind)), (500, "UNFORESEEN"))
        with tracing.server_span("refused", None):
            if found[0] == 500:
                log.error("unforeseen error", exc_info=exc)
            else:
                log.warning("request refused", status=found[0], reason=type(exc).__name__)
            body = problem_bytes(*found, "The request cannot be read.")
        head = (
            f"HTTP/1.1 {found[0]} {_REASONS[found[0]]}\r\nConnection: close\r\n"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            util.write_nonblock(client, head.encode("latin-1") + body)


_REASONS: Final = {
    400: "Bad Request",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}
