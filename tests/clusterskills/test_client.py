"""Our client repeats what may pass, with the same key, and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clusterskills.client import Api, ApiError

GONE = 0
"""Instead of a status: the connection is closed without an answer."""


@contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[tuple[Api, list[str]]]:
    """A server that gives these answers in turn (status, error code) and notes the keys; the client that asks it."""
    waiting, keys = list(answers), list[str]()

    class Turns(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers["Idempotency-Key"])
            self.rfile.read(int(self.headers["Content-Length"]))
            status, code = waiting.pop(0)
            if status == GONE:
                self.close_connection = True
                return
            body = json.dumps({"code": code}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Turns)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    api = Api(f"http://127.0.0.1:{server.server_port}")
    try:
        yield api, keys
    finally:
        api.close()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("first", [(GONE, ""), (503, "UNAVAILABLE"), (409, "IDEMPOTENCY_IN_FLIGHT")])
def test_what_may_pass_is_asked_again_with_the_same_key(first: tuple[int, str]) -> None:
    with answering(first, first, (201, "")) as (api, keys):
        assert api.post("/v1/things", {}).status == 201

    assert len(keys) == 3
    assert len(set(keys)) == 1


@pytest.mark.parametrize("refusal", [(409, "DUPLICATE"), (422, "INVALID"), (500, "UNFORESEEN")])
def test_a_refusal_is_raised_at_once(refusal: tuple[int, str]) -> None:
    with answering(refusal) as (api, keys), pytest.raises(ApiError) as raised:
        api.post("/v1/things", {})

    assert (raised.value.status, raised.value.code) == refusal
    assert len(keys) == 1
