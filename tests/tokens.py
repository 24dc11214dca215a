"""A token issuer for tests: real keys, served as a real key set over a real local port."""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

AUDIENCE = "clusterskills"


def make_key(algorithm: str, kid: str) -> Key:
    """A private key for RS256, ES256 or Ed25519."""
    parameters: Any = {"kid": kid, "alg": algorithm, "use": "sig"}
    if algorithm == "RS256":
        return RSAKey.generate_key(2048, parameters)
    return (
        ECKey.generate_key("P-256", parameters) if algorithm == "ES256" else OKPKey.generate_key("Ed25519", parameters)
    )


class TestIssuer:
    """Issues tokens as Keycloak would. `with TestIssuer() as issuer: issuer.token(scopes=["catalog:write"])`."""

    __test__ = False

    def __init__(self, algorithm: str = "ES256") -> None:
        self.audience = AUDIENCE
        self.key = make_key(algorithm, "test-1")
        self.published: list[Key] = [self.key]
        self.down = False
        self.fetches = 0
        self._answers = threading.Event()
        self._answers.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/realms/clusterskills"
        self.jwks_url = f"{self.issuer}/certs"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the port."""
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """The settings by which a service believes this issuer."""
        return {
            "CLUSTERSKILLS_OIDC_ISSUER": self.issuer,
            "CLUSTERSKILLS_OIDC_JWKS_URL": self.jwks_url,
            "CLUSTERSKILLS_OIDC_AUDIENCE": self.audience,
        }

    def token(
        self,
        *,
        scopes: Iterable[str] = (),
        cluster_id: str | None = "cluster-1",
        person_id: str | None = None,
        organisation_ids: Iterable[str] = (),
        roles: Iterable[str] = (),
        subject: str = "subject-1",
        client_id: str = "client-1",
        lifetime: float = 300,
        key: Key | None = None,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token; `claims` and `header` put in, or with None take out, what else a test needs to be odd."""
        now = int(time.time())
        body: dict[str, Any] = {
            "iss": self.issuer,
            "aud": [self.audience],
            "sub": subject,
            "azp": client_id,
            "typ": "Bearer",
            "iat": now,
            "exp": now + lifetime,
            "scope": " ".join(scopes),
            "person_id": person_id,
            "cluster_id": cluster_id,
            "organisation_ids": sorted(organisation_ids),
            "roles": sorted(roles),
            **claims,
        }
        signer = key or self.key
        head = {"alg": signer.alg, "kid": signer.kid, **(header or {})}
        present = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(
            {n: v for n, v in head.items() if v is not None}, present, signer, algorithms=[str(head["alg"])]
        )

    def authorization(self, **options: Any) -> dict[str, str]:
        """The header that carries such a token."""
        return {"Authorization": f"Bearer {self.token(**options)}"}

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Take requests for the keys and answer none, until the block ends."""
        self._answers.clear()
        try:
            yield
        finally:
            self._answers.set()

    def rotate(self, algorithm: str = "ES256") -> None:
        """Sign with a new key from now on and publish only that."""
        self.key = make_key(algorithm, f"test-{len(self.published) + self.fetches + 1}")
        self.published = [self.key]

    def _handler(issuer) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (self is the handler below)
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                issuer._answers.wait(60)
                keys = [key.as_dict(private=False) for key in issuer.published]
                body = json.dumps({"keys": keys}).encode()
                with suppress(OSError):  # who asked may be gone
                    self._answer(body)

            def _answer(self, body: bytes) -> None:
                self.send_response(503 if issuer.down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler
