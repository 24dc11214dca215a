"""The other services as the pages see them. What they do not answer in time is missing on a page, never an error of it."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import httpx
import msgspec

from shared import tracing
from shared.errors import Unavailable
from shared.http.openapi import merge
from shared.logs import get_logger

_PAGE: Final = 500
_MOST_PAGES: Final = 4
_COUNT_TIMEOUT: Final = 1.5
_DOCUMENT_TIMEOUT: Final = 3.0
_VERIFY_TIMEOUT: Final = 20.0
T = TypeVar("T")

log = get_logger(__name__)


class Remembered(Generic[T]):
    """A value that is asked for at most every `good_for` seconds, and every `bad_for` while it cannot be had.

    One thread asks; the others take the last value meanwhile, or wait when there is none yet.
    """

    def __init__(self, ask: Callable[[], T], is_good: Callable[[T], bool], good_for: float, bad_for: float) -> None:
        self._ask, self._is_good, self._good_for, self._bad_for = ask, is_good, good_for, bad_for
        self._asking = threading.Lock()
        self._value: T | None = None
        self._until = 0.0

    def get(self) -> T:
        """The value, not older than promised."""
        value = self._value
        if value is not None and (time.monotonic() < self._until or self._asking.locked()):
            return value
        with self._asking:
            if self._value is None or time.monotonic() >= self._until:
                self._value = self._ask()
                self._until = time.monotonic() + (self._good_for if self._is_good(self._value) else self._bad_for)
            return self._value

    def put(self, value: T) -> None:
        """The value is this one now."""
        with self._asking:
            self._value, self._until = value, time.monotonic() + self._good_for


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are, `more` than that when we stopped counting."""

    number: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """What the catalog offers today; None: it does not answer."""

    courses: Count | None
    sessions: Count | None


class Catalog:
    """The catalog's public lists."""

    def __init__(self, http: httpx.Client, address: str) -> None:
        self._http, self._address = http, address
        self._counts = Remembered(self._ask, lambda counts: None not in (counts.courses, counts.sessions), 60, 5)

    def counts(self) -> Counts:
        """How many published courses and open sessions there are, at most a minute old."""
        return self._counts.get()

    def _ask(self) -> Counts:
        courses = self._count("courses", {})  # strangers see published ones only
        return Counts(courses, self._count("sessions", {"status": "open"}) if courses else None)

    def _count(self, kind: str, wanted: dict[str, str]) -> Count | None:
        number, cursor = 0, None
        try:
            for _page in range(_MOST_PAGES):
                asked = {"limit": str(_PAGE), **wanted} | ({"cursor": cursor} if cursor else {})
                answer = self._http.get(f"{self._address}/v1/{kind}", params=asked, timeout=_COUNT_TIMEOUT)
                body = answer.raise_for_status().json()
                number += len(body["items"])
                cursor = body["next"]
                if not cursor:
                    return Count(number)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("not counted", what=kind, error=type(error).__name__)
            return None
        return Count(number, more=True)


class Check(msgspec.Struct, frozen=True):
    """One line: `ok` is None where an earlier failure left nothing to check."""

    name: str
    ok: bool | None
    reason: str = ""
    code: str = ""


class Subject(msgspec.Struct, frozen=True):
    """What the credential is about, as far as the asker may know. No name without the holder's secret."""

    id: str = ""
    status: str = ""
    course: str = ""
    awarding_body: str = ""
    holder: str | None = None
    holder_erased: bool = False
    issued_at: str | None = None
    expires_at: str | None = None


class Verification(msgspec.Struct, frozen=True):
    """The certificate service's answer."""

    verified: bool
    checks: tuple[Check, ...]
    certificate: Subject | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The certificate service does not take what was handed in."""

    detail: str
    missing: bool = False


class Certificates:
    """The certificate service's public verification."""

    def __init__(self, http: httpx.Client, address: str) -> None:
        self._http, self._address = http, address

    def verify(self, question: Mapping[str, Any], visitor: str) -> Verification | Refusal:
        """Have a credential verified. `visitor` is the address whose allowance it counts on. Unavailable if away."""
        headers = {"X-Forwarded-For": visitor, **trace_headers()}
        try:
            answer = self._http.post(
                f"{self._address}/v1/verifications", json=dict(question), headers=headers, timeout=_VERIFY_TIMEOUT
            )
        except httpx.HTTPError as error:
            raise Unavailable("The certificate service does not answer.", retry_after=5) from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unavailable("The certificate service does not answer.", retry_after=5)
        if answer.is_success:
            return _verification(answer.content)
        return Refusal(_detail(answer), missing=answer.status_code == 404)


class Documents:
    """The services' own descriptions, joined."""

    def __init__(self, http: httpx.Client, addresses: Mapping[str, str]) -> None:
        self._http, self._addresses = http, addresses
        self._joined = Remembered(self._join, lambda joined: "x-missing" not in joined, 60, 3)

    def openapi(self) -> dict[str, Any]:
        """One OpenAPI document; services that are away stand under `x-missing`."""
        return self._joined.get()

    def _join(self) -> dict[str, Any]:
        with ThreadPoolExecutor(max_workers=len(self._addresses)) as pool:
            found = dict(zip(self._addresses, pool.map(self._ask, self._addresses), strict=True))
        joined, missing = merge([]), [name for name, document in found.items() if document is None]
        parts: list[Mapping[str, Any]] = []
        for name, document in found.items():
            if document is None:
                continue
            try:
                joined = merge([*parts, document])
            except ValueError as error:
                log.error("descriptions do not fit together", part=name, reason=str(error))
                missing.append(name)
            else:
                parts.append(document)
        return {**joined, "x-missing": missing} if missing else joined

    def _ask(self, service: str) -> dict[str, Any] | None:
        address = f"{self._addresses[service]}/v1/{service}/openapi.json"
        try:
            answer = self._http.get(address, timeout=_DOCUMENT_TIMEOUT).raise_for_status()
            return msgspec.json.decode(answer.content, type=dict[str, Any])
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            log.warning("no description", part=service, error=type(error).__name__)
            return None


def _verification(content: bytes) -> Verification:
    try:
        return msgspec.json.decode(content, type=Verification)
    except msgspec.DecodeError as error:
        raise Unavailable("The certificate service answers in a way that is not known here.", retry_after=60) from error


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return ""


def trace_headers() -> dict[str, str]:
    """What carries this request's trace on to another service."""
    traceparent = tracing.current_traceparent()
    return {"traceparent": traceparent} if traceparent else {}
