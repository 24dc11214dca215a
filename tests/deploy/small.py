"""A small process for the supervisor's tests: `python -m tests.deploy.small PORT [DESCRIPTOR]`.

It tells its process id to whoever asks on the port and on the inherited socket.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _TellsItsId(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # its end waits for what was begun


def main() -> None:
    """Serve until somebody asks it to end; what was begun is answered."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    servers = [_Server(("127.0.0.1", int(sys.argv[1])), _TellsItsId)]
    if len(sys.argv) > 2:
        inherited = _Server(("127.0.0.1", 0), _TellsItsId, bind_and_activate=False)
        inherited.socket.close()
        inherited.socket = socket.socket(fileno=int(sys.argv[2]))
        servers.append(inherited)
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    over.wait()
    for server in servers:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
