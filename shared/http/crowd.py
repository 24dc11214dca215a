"""gunicorn's threaded worker with a door: when enough requests wait for a thread, further ones are refused at once.

Else all would wait, until none is answered in time: the goodput of an overloaded process must stay at its peak.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from gunicorn.workers.gthread import TConn, ThreadWorker

from shared import tracing
from shared.errors import Overloaded
from shared.http.problems import answer_for
from shared.http.settings import CrowdSettings
from shared.settings import load

_REFUSING_THREADS: Final = 4
_HEALTH: Final = "/health/"
"""Who is busy is not ill."""


class CrowdWorker(ThreadWorker):
    """Requests beyond the limit go to a few threads of their own, which read and refuse them."""

    def init_process(self) -> None:
        """Runs in the new process."""
        self._most_waiting = load(CrowdSettings).waiting_requests
        self._refusing = threading.local()
        self._refusers = ThreadPoolExecutor(_REFUSING_THREADS, "refuse", initializer=self._becomes_refuser)
        super().init_process()

    def load_wsgi(self) -> None:
        """The application behind the door."""
        super().load_wsgi()
        self.wsgi = self._door(self.wsgi)

    def enqueue_req(self, conn: TConn) -> None:
        """A request begins. Runs in the main thread."""
        if self.waiting < self._most_waiting:
            super().enqueue_req(conn)
            return
        answered = self._refusers.submit(self.handle, conn)
        answered.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return int(self.tpool._work_queue.qsize())  # noqa: SLF001 (the executor has no public way)

    @property
    def refuses(self) -> bool:
        """Whether this thread only refuses."""
        return getattr(self._refusing, "yes", False)

    def _becomes_refuser(self) -> None:
        self._refusing.yes = True

    def _door(self, app: Any) -> Any:
        def answer(environ: dict[str, Any], start_response: Any) -> Any:
            if not self.refuses or environ["PATH_INFO"].startswith(_HEALTH):
                return app(environ, start_response)
            return _refuse(environ, start_response)

        return answer


def _refuse(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    from shared import metrics  # the master imports this file before there is a folder for numbers

    with tracing.server_span("refused", environ.get("HTTP_TRACEPARENT")):
        said = answer_for(Overloaded("Too many requests wait already; nothing was begun.", retry_after=1))
    metrics.REQUESTS.labels(environ["REQUEST_METHOD"], "none", str(said.status)).inc()
    start_response("503 Service Unavailable", [*said.headers, ("Content-Length", str(len(said.body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [said.body]
