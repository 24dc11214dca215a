"""Tokens for our own calls from service to service: client credentials, kept until shortly before they expire."""

import threading
import time
from collections.abc import Callable, Generator
from typing import Final

import httpx

from shared.errors import Transient

_EARLY_SECONDS: Final = 30.0
_TIMEOUT_SECONDS: Final = 5.0


class ClientCredentials(httpx.Auth):
    """Signs httpx requests as one API client: `httpx.Client(auth=ClientCredentials(...))`.

    A refused token is replaced once and the request repeated. Transient when the provider gives none.
    """

    requires_response_body = False

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        scope: str | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token_url = token_url
        self._form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        self._credentials = (client_id, client_secret)
        self._now = now
        self._token = ""
        self._good_until = 0.0
        self._lock = threading.Lock()

    def token(self) -> str:
        """A token that is good for some seconds yet."""
        with self._lock:
            if self._now() >= self._good_until:
                self._fetch()
            return self._token

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self.token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._drop(token)
            request.headers["Authorization"] = f"Bearer {self.token()}"
            yield request

    def _drop(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._good_until = 0.0

    def _fetch(self) -> None:
        try:
            response = httpx.post(self._token_url, data=self._form, auth=self._credentials, timeout=_TIMEOUT_SECONDS)
            response.raise_for_status()
            answer = response.json()
            self._token = str(answer["access_token"])
            lifetime = float(answer.get("expires_in", 60))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Transient(f"The identity provider gave no token to {self._credentials[0]}.") from error
        self._good_until = self._now() + max(lifetime - _EARLY_SECONDS, lifetime / 2)
