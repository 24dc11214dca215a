"""gunicorn's threaded worker, with three things added: nobody holds a thread by sending slowly, a request whose body
nobody read harms no other, and what gunicorn itself refuses is answered as a problem too."""

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
from gunicorn.workers import gthread
from gunicorn.workers.gthread import TConn

from shared import tracing
from shared.http.crowd import CrowdWorker
from shared.http.incoming import PunctualParser, SlowHead, WholeBody, linger
from shared.http.problems import problem_bytes
from shared.logs import get_logger

# A whole request, headers and body, must have come within this time. The gateway has stricter limits of its own.
READ_SECONDS: Final = float(os.environ.get("CLUSTERSKILLS_READ_SECONDS", "20"))
# How long a thread waits for the first byte of a new connection; then the main thread does.
FIRST_BYTE_SECONDS: Final = 0.1
# How long a thread waits for the next request of a connection that it has just answered.
LINGER_MILLISECONDS: Final = 50
# A client that does not read its answer.
SEND_SECONDS: Final = 20

# What a handler answers for a connection on which nothing has come yet.
_DEFER: Final[Any] = vars(gthread)["_DEFER"]

_STATUS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (SlowHead, 408, "REQUEST_TIMEOUT"),
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

    def load_wsgi(self) -> None:
        """The application, whose answers begin only when it is known whether their connection stays open."""
        super().load_wsgi()
        self.wsgi = _settling(self.wsgi)

    def handle(self, conn: TConn) -> Any:
        """Answer a request, and those that follow at once on the same connection. Runs in a thread of the pool.

        A connection that is busy stays with its thread: the way back over the main thread costs more than a request.
        It goes back when nothing comes for a moment, when the process stops, or when others wait for a thread.
        """
        if conn.parser is None:
            if not conn.data_ready and not conn.wait_for_data(FIRST_BYTE_SECONDS):
                return _DEFER
            self._prepare(conn)
        again = self._answer(conn)
        while again and self._next_is_here(conn):
            again = self._answer(conn)
        if not again:
            linger(conn.sock)
        return again

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """A thread is done with a connection. Runs in the main thread, which must never wait for a client."""
        if conn.sock.fileno() < 0:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def _prepare(self, conn: TConn) -> None:
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        conn.parser = PunctualParser(self.cfg, conn.sock, conn.client)

    def _answer(self, conn: TConn) -> bool:
        parser: Any = conn.parser
        parser.unreader.deadline = time.monotonic() + READ_SECONDS
        return bool(super().handle(conn))

    def _next_is_here(self, conn: TConn) -> bool:
        if not self.alive or self._somebody_waits():
            return False
        parser: Any = conn.parser
        if parser.next_has_begun:
            return True
        waiting = select.poll()
        waiting.register(conn.sock, select.POLLIN)
        return bool(waiting.poll(LINGER_MILLISECONDS)) and self.alive

    def _somebody_waits(self) -> bool:
        """Whether a request waits for this thread."""
        return self.refuses or self.waiting > 0

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


def _settling(app: Any) -> Any:
    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        body: WholeBody = environ["wsgi.input"]

        def begin(*line_and_headers: Any) -> Any:
            body.settle()
            return start_response(*line_and_headers)

        return app(environ, begin)

    return answer


_REASONS: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}
