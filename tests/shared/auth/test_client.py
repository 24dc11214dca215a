"""Tokens for calls from service to service."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from shared.auth.client import ClientCredentials
from shared.errors import Transient


class Provider:
    """Gives tokens t1, t2, ... and serves a page that takes only the newest."""

    def __init__(self) -> None:
        provider = self
        self.given = 0
        self.forms: list[str] = []
        self.answer: dict[str, Any] | None = None
        self.status = 200

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                provider.given += 1
                provider.forms.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                body = provider.answer or {"access_token": f"t{provider.given}", "expires_in": 300}
                self._send(provider.status, json.dumps(body).encode())

            def do_GET(self) -> None:
                good = self.headers["Authorization"] == f"Bearer t{max(provider.given, 2)}"
                self._send(200 if good else 401, b"{}")

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def provider() -> Iterator[Provider]:
    running = Provider()
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_a_token_is_kept_until_shortly_before_it_expires(provider: Provider) -> None:
    now = [0.0]
    credentials = ClientCredentials(provider.url, "worker", "secret", scope="directory:names", now=lambda: now[0])

    assert [credentials.token(), credentials.token()] == ["t1", "t1"]
    assert provider.forms == ["grant_type=client_credentials&scope=directory%3Anames"]
    now[0] = 269
    assert credentials.token() == "t1"
    now[0] = 271
    assert credentials.token() == "t2"


def test_a_refused_token_is_replaced_once(provider: Provider) -> None:
    with httpx.Client(auth=ClientCredentials(provider.url, "worker", "secret")) as client:
        assert client.get(provider.url).status_code == 200
    assert provider.given == 2


@pytest.mark.parametrize("answer", [{"error": "x"}, {"access_token": "t", "expires_in": "soon"}])
def test_no_token_is_transient(provider: Provider, answer: dict[str, Any]) -> None:
    provider.answer = answer
    with pytest.raises(Transient):
        ClientCredentials(provider.url, "worker", "secret").token()


def test_a_provider_that_refuses_or_is_away_is_transient(provider: Provider) -> None:
    provider.status = 401
    with pytest.raises(Transient):
        ClientCredentials(provider.url, "worker", "wrong").token()
    with pytest.raises(Transient):
        ClientCredentials("http://127.0.0.1:9", "worker", "secret").token()
