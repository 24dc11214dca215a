"""What a request leaves to the garbage collector, whose runs stop all threads of the process."""

import gc
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from shared.http.app import ServiceApp
from tests.shared.http import tiny

REQUESTS = 50
PER_REQUEST = 50
"""Werkzeug's router leaves a closure of 8 objects each time that it looks for a route; a refused method is six times."""


@pytest.mark.parametrize(
    ("method", "path", "body", "signed", "status"),
    [
        ("POST", "/v1/things", b'{"title": "T"}', True, 201),
        ("POST", "/v1/things", b'{"title": 1, "more": 2}', True, 422),
        ("POST", "/v1/things", b'{"title', True, 400),
        ("POST", "/v1/things", b'{"title": "T"}', False, 401),
        ("GET", "/v1/things", None, False, 200),
        ("GET", "/v1/things?free=perhaps", None, False, 422),
        ("GET", "/v1/things/none", None, True, 404),
        ("GET", "/v1/nothing", None, True, 404),
        ("DELETE", "/v1/things", None, True, 405),
    ],
)
def test_a_request_leaves_no_circles(
    tiny_service: tuple[tiny.Memory, ServiceApp],
    writer: dict[str, str],
    method: str,
    path: str,
    body: bytes | None,
    signed: bool,
    status: int,
) -> None:
    app = tiny_service[1]
    headers = Headers({"Content-Type": "application/json", **(writer if signed else {})})

    def ask() -> str:
        environ: dict[str, Any] = EnvironBuilder(method=method, path=path, data=body, headers=headers).get_environ()
        content, line, _ = run_wsgi_app(app, environ, buffered=True)
        assert b"".join(content)
        return line

    for _ in range(5):
        ask()
    gc.collect()
    gc.disable()
    try:
        lines = {ask() for _ in range(REQUESTS)}
        left = gc.collect()
    finally:
        gc.enable()
    assert {line[:3] for line in lines} == {str(status)}
    assert left <= REQUESTS * PER_REQUEST
