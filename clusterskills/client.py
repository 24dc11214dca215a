"""The client of the public API: tokens, idempotency keys, retries, and problems as exceptions."""

import threading
import time
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from shared.errors import Transient

_RETRY_SECONDS = 30.0
_ANSWER_SECONDS = 20.0
"""Longer than the services take to find out how a write ended; what says nothing for so long is asked again."""
_EARLY_SECONDS = 30.0


class ApiError(Exception):
    """The API refused: `status`, the problem document (RFC 9457), and one sentence."""

    def __init__(self, method: str, path: str, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code: str = problem.get("code", "")
        lines = [f"{method} {path}: {status} {self.code} {problem.get('detail', '')}"]
        lines += [f"  {v.get('field')}: {v.get('message')}" for v in problem.get("violations", [])]
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer."""

    status: int
    body: Any
    etag: str | None
    headers: httpx.Headers


class PasswordLogin(httpx.Auth):
    """Signs requests as a person, with a token kept until shortly before it expires (direct grant: demo and tests)."""

    def __init__(self, token_url: str, client_id: str, username: str, password: str, verify: Any = True) -> None:
        self._form = {
            "grant_type": "password",
            "client_id": client_id,
            "username": username,
            "password": password,
            "scope": "openid",
        }
        self._url, self._verify = token_url, verify
        self._token, self._good_until = "", 0.0
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the token on the request."""
        request.headers["Authorization"] = f"Bearer {self.token()}"
        yield request

    def token(self) -> str:
        """A token that is good for some seconds yet."""
        with self._lock:
            if time.monotonic() >= self._good_until:
                reply = httpx.post(self._url, data=self._form, verify=self._verify, timeout=20)
                if reply.status_code != httpx.codes.OK:
                    raise ApiError("POST", self._url, reply.status_code, {"detail": reply.text[:200]})
                body = reply.json()
                self._token = body["access_token"]
                self._good_until = time.monotonic() + body["expires_in"] - _EARLY_SECONDS
            return self._token


class Api:
    """One caller of the API. Every POST carries an Idempotency-Key, so a repeated request takes effect once.

    503, lost connections and its own request still under way are tried again with the same key for up to half a
    minute; every other refusal raises ApiError.
    """

    def __init__(self, url: str, auth: httpx.Auth | None = None, ca_file: Path | None = None) -> None:
        verify: Any = str(ca_file) if ca_file else True
        self._http = httpx.Client(base_url=url, auth=auth, verify=verify, timeout=_ANSWER_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Answer:
        """Read."""
        return self._send("GET", path, params={k: v for k, v in query.items() if v is not None})

    def post(self, path: str, body: Any = None, *, key: str | None = None, if_match: str | None = None) -> Answer:
        """Make or do something, once."""
        return self._send("POST", path, json=body, key=key or str(uuid.uuid4()), if_match=if_match)

    def upload(self, path: str, name: str, content: bytes, *, key: str) -> Answer:
        """Send a file as the part `file` of a form, once."""
        return self._send("POST", path, files={"file": (name, content)}, key=key)

    def put(self, path: str, body: Any, *, if_match: str | None = None) -> Answer:
        """Make or replace."""
        return self._send("PUT", path, json=body, if_match=if_match)

    def patch(self, path: str, body: Any, *, if_match: str) -> Answer:
        """Change a version that was seen."""
        return self._send("PATCH", path, json=body, if_match=if_match)

    def all(self, path: str, **query: Any) -> Iterator[Any]:
        """Every item of a list, page by page."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, limit=500, **query).body
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def _send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: dict[str, Any] | None = None,
        files: dict[str, tuple[str, bytes]] | None = None,
        key: str | None = None,
        if_match: str | None = None,
    ) -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        if if_match:
            headers["If-Match"] = if_match
        until = time.monotonic() + _RETRY_SECONDS
        while True:
            try:
                reply = self._http.request(method, path, json=json, params=params, files=files, headers=headers)
            except (httpx.TransportError, Transient) as error:
                if time.monotonic() > until:
                    raise ApiError(method, path, 0, {"code": "UNREACHABLE", "detail": str(error)}) from error
                time.sleep(0.2)
                continue
            if _may_pass(reply) and time.monotonic() < until:
                time.sleep(min(2.0, float(reply.headers.get("Retry-After", 1))) / 4)
                continue
            return _answer(method, path, reply)


def _may_pass(reply: httpx.Response) -> bool:
    """Whether the same request may be answered otherwise in a moment."""
    if reply.status_code == httpx.codes.CONFLICT:
        return '"IDEMPOTENCY_IN_FLIGHT"' in reply.text
    return reply.status_code == httpx.codes.SERVICE_UNAVAILABLE


def _answer(method: str, path: str, reply: httpx.Response) -> Answer:
    kind = reply.headers.get("Content-Type", "")
    body = reply.json() if "json" in kind and reply.content else reply.text
    if reply.status_code >= httpx.codes.BAD_REQUEST:
        problem = body if isinstance(body, dict) else {"detail": reply.text[:200]}
        raise ApiError(method, path, reply.status_code, problem)
    return Answer(reply.status_code, body, reply.headers.get("ETag"), reply.headers)
