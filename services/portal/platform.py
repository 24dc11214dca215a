"""The services' API as the pages use it: with the token of whoever looks at the page, and refusals as values to show."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

import httpx

from services.portal.neighbours import trace_headers
from shared.errors import NotFound, ServiceError, Unavailable, Violation
from shared.logs import get_logger

_TIMEOUT: Final = 20.0
log = get_logger(__name__)


class Refused(ServiceError):
    """A service refused what a person asked for: shown on the page where they asked."""

    code = "REFUSED"

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        found = [_violation(one) for one in problem.get("violations") or []]
        super().__init__(str(problem.get("detail", "")), code=str(problem.get("code", "REFUSED")), violations=found)
        self.status = status


class Platform:
    """Calls the services. Unavailable when one does not answer, NotFound and Refused when it says no."""

    def __init__(self, http: httpx.Client, addresses: Mapping[str, str]) -> None:
        self._http, self._addresses = http, addresses

    @property
    def services(self) -> tuple[str, ...]:
        """The names of all services, in the order in which they are shown."""
        return tuple(self._addresses)

    def get(self, service: str, path: str, token: str | None, **query: Any) -> Any:
        """The JSON at `/v1/{path}`; query values that are empty are left out."""
        wanted = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "", [])}
        return self._call("GET", service, path, token, params=wanted)

    def send(
        self,
        method: str,
        service: str,
        path: str,
        token: str | None,
        body: Any = None,
        *,
        key: str | None = None,
        version: int | None = None,
    ) -> Any:
        """Change something. `key` makes a second click the same request; `version` is what the person had seen."""
        headers = {"Idempotency-Key": key or secrets.token_urlsafe(16)} if method == "POST" else {}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        return self._call(method, service, path, token, json=body if body is not None else {}, headers=headers)

    def send_file(
        self, service: str, path: str, token: str | None, file: tuple[str, bytes], form: Mapping[str, str], *, key: str
    ) -> Any:
        """POST a form with a file (name, content) as its part `file`."""
        headers = {"Idempotency-Key": key or secrets.token_urlsafe(16)}
        return self._call("POST", service, path, token, files={"file": file}, data=dict(form), headers=headers)

    def content(self, service: str, path: str, token: str | None) -> bytes:
        """The bytes at `/v1/{path}`."""
        answer = self._answer("GET", service, path, token)
        _content(service, answer, parse=False)
        return answer.content

    def _call(self, method: str, service: str, path: str, token: str | None, **options: Any) -> Any:
        return _content(service, self._answer(method, service, path, token, **options))

    def _answer(self, method: str, service: str, path: str, token: str | None, **options: Any) -> httpx.Response:
        headers = {**options.pop("headers", {}), **trace_headers()}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        address = f"{self._addresses[service]}/v1/{path}"
        try:
            return self._http.request(method, address, headers=headers, timeout=_TIMEOUT, **options)
        except httpx.HTTPError as error:
            log.warning("service_does_not_answer", part=service, error=type(error).__name__)
            raise Unavailable(f"The {service} service does not answer.", retry_after=5) from error


def _content(service: str, answer: httpx.Response, *, parse: bool = True) -> Any:
    """The JSON of an answer; the refusal that it is otherwise."""
    if answer.is_success:
        return answer.json() if parse and answer.content else None
    problem = _problem(answer)
    if answer.status_code == 404:
        raise NotFound(str(problem.get("detail", "")))
    if answer.status_code >= 500 or answer.status_code == 429:
        log.warning("service_refuses", part=service, status=answer.status_code, code=problem.get("code"))
        raise Unavailable(f"The {service} service cannot answer now.", retry_after=5)
    raise Refused(answer.status_code, problem)


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _violation(one: Mapping[str, Any]) -> Violation:
    return Violation(
        field=str(one.get("field", "")),
        code=str(one.get("code", "")),
        message=str(one.get("message", "")),
        actual=one.get("actual"),
        required=one.get("required"),
        row=one.get("row"),
    )
