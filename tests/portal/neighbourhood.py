"""What stands around the portal in tests: neighbours that answer what a test says, and a provider that a test can spoil.

Both are real servers on real ports. The real services and the real Keycloak are in `test_whole_stack.py`.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt

from tests.tokens import make_key


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


class Neighbour:
    """Answers by path; what it has no answer for is 404. `down` closes every connection without a word."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[Asked] = []
        self.down = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Status and JSON body."""
        found = self.answers.get(asked.path)
        if callable(found):
            found = found(asked)
        if found is None:
            return 404, {"detail": "There is nothing at this address."}
        return found if isinstance(found, tuple) else (200, found)

    def reset(self) -> None:
        """Forget everything."""
        self.answers.clear()
        self.asked.clear()
        self.down = False

    def close(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _handler(neighbour) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (self is the handler below)
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if neighbour.down:
                    self.close_connection = True
                    return
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                asked = Asked(self.command, parts.path, parse_qs(parts.query), dict(self.headers.items()), body)
                neighbour.asked.append(asked)
                status, content = neighbour.answer(asked)
                sent = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler


@dataclass
class Grant:
    """A code that the provider gave: for which sign-in, and what the id token will say."""

    nonce: str
    challenge: str
    redirect_uri: str
    claims: dict[str, Any] = field(default_factory=dict)


class Provider(Neighbour):
    """An OpenID Connect provider with code and PKCE. `spoil` changes the claims of the next id tokens.

    A refresh token is good for one use; `ended`: the session is over at the provider.
    """

    def __init__(self) -> None:
        super().__init__()
        self.key = make_key("RS256", "one")
        self.signer = self.key
        self.grants: dict[str, Grant] = {}
        self.spoil: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.given, self.renewals, self.ended = 0, 0, False
        self.issuer = f"{self.url}/realms/test"
        self._prepare()

    def reset(self) -> None:
        super().reset()
        self.spoil, self.signer, self.algorithm = {}, self.key, "RS256"
        self.renewals, self.ended = 0, False
        self._prepare()

    def _prepare(self) -> None:
        self.answers = {
            "/realms/test/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/auth",
                "token_endpoint": f"{self.issuer}/token",
                "end_session_endpoint": f"{self.issuer}/logout",
            },
            "/realms/test/certs": {"keys": [self.key.as_dict(private=False)]},
            "/realms/test/token": self._token,
        }

    def grant(self, address: str, **claims: Any) -> str:
        """What happens at the sign-in page: the query of the way back, with a code."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self.grants)}"
        self.grants[code] = Grant(asked["nonce"], asked["code_challenge"], asked["redirect_uri"], claims)
        return f"code={code}&state={asked['state']}"

    def _token(self, asked: Asked) -> tuple[int, Any]:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        if form["grant_type"] == "refresh_token":
            return self._renewed(form["refresh_token"])
        grant = self.grants.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if grant is None or challenge != grant.challenge or form["redirect_uri"] != grant.redirect_uri:
            return 400, {"error": "invalid_grant"}
        return 200, {**self._tokens(), "id_token": self._id_token(grant)}

    def _tokens(self) -> dict[str, Any]:
        self.given += 1
        lifetime = {"token_type": "Bearer", "expires_in": 300}
        return {"access_token": f"access-{self.given}", "refresh_token": f"refresh-{self.given}", **lifetime}

    def _renewed(self, refresh: str) -> tuple[int, Any]:
        self.renewals += 1
        if self.ended or refresh != f"refresh-{self.given}":
            return 400, {"error": "invalid_grant"}
        return 200, {**self._tokens(), "id_token": "not looked at"}

    def _id_token(self, grant: Grant) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": "portal",
            "azp": "portal",
            "sub": "subject-1",
            "nonce": grant.nonce,
            "iat": now,
            "exp": now + 300,
            "name": "Jana Keller",
            "roles": ["trainer"],
            **grant.claims,
            **self.spoil,
        }
        present = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, present, self.signer, algorithms=[self.algorithm])
