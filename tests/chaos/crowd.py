"""Clients that apply and cancel all the time, one that repeats and one that does not, and what they were answered."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from clusterskills.client import Api, ApiError
from clusterskills.demo.cast import Cast
from shared.clock import new_id
from shared.errors import Transient
from tests.benchmarks.world import World
from tests.chaos.arena import wait_for

OURS, PLAIN = 4, 2
PATIENCE = 120.0
SUCCESS = 200
PROGRAM = "partner-wfr-heilbronn"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when it began and was answered, by whom, and how (0: no answer)."""

    began: float
    ended: float
    ours: bool
    status: int

    @property
    def failed(self) -> bool:
        """Whether the client would have to tell its person that it did not work."""
        return self.status == 0 or self.status >= 500


class Load:
    """Clients that apply and cancel all the time, and what they were answered."""

    def __init__(self, made: World, sessions: list[str], people: list[str], *, roomy: str = "") -> None:
        """`roomy`: a session with room for all, where one in five applies and nobody cancels."""
        self._world, self._sessions, self._roomy = made, sessions, roomy
        self._people = iter(people)
        self._lock, self._over = threading.Lock(), threading.Event()
        self.asked: list[Asked] = []
        self.known: dict[str, dict[str, Any]] = {}
        """The enrolments that were answered, as they were answered last."""
        self.confirmed: list[tuple[float, str]] = []
        """When each enrolment was answered that everybody hears of: it has a seat and keeps it."""
        self.surprises: Counter[str] = Counter()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask for as long as the block lasts."""
        threads = [threading.Thread(target=self._client, args=(number,)) for number in range(OURS + PLAIN)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def first_success(self, since: float) -> float | None:
        """Seconds until the first request that began later was answered well; None while there is none."""
        ends = [each.ended for each in self.asked[:] if each.began >= since and each.status == SUCCESS]
        return min(ends) - since if ends else None

    @contextmanager
    def heard(self) -> Iterator[list[float]]:
        """How many seconds after its answer the catalogue heard of an enrolment, again and again while the block lasts."""
        late, over = list[float](), threading.Event()

        def listen() -> None:
            known = len(self.confirmed)
            while not over.wait(0.02):
                if len(self.confirmed) > known:
                    known = len(self.confirmed)
                    self._await_heard(*self.confirmed[known - 1], late)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield late
        finally:
            over.set()
            thread.join()

    def _await_heard(self, answered: float, enrolment: str, late: list[float]) -> None:
        participants = self._world.mongo["clusterskills_catalog"]["participants"]
        wait_for(lambda: participants.find_one({"_id": enrolment}), PATIENCE)
        late.append(time.monotonic() - answered)

    def _client(self, number: int) -> None:
        ours, lot = number < OURS, random.Random(number)
        cast = Cast(self._world.facts)
        api: Api | Plain = cast.program(PROGRAM) if ours else Plain(self._world.facts["url"], cast)
        while not self._over.wait(0.03):
            with self._lock:
                person = next(self._people)
            session = self._roomy if self._roomy and lot.random() < 0.2 else lot.choice(self._sessions)
            made = self._ask(ours, lambda s=session, p=person: self._apply(api, s, p))  # type: ignore[misc]
            if made and session == self._roomy:
                self.confirmed.append((time.monotonic(), made["id"]))
            elif made and lot.random() < 0.25:
                self._ask(ours, lambda m=made: api.post(f"/v1/enrolments/{m['id']}/cancel", {"reason": "other"}).body)  # type: ignore[misc]
        cast.close()

    def _apply(self, api: Api | Plain, session: str, person: str) -> dict[str, Any]:
        body: dict[str, Any] = api.post("/v1/enrolments", {"session_id": session, "worker": {"person_id": person}}).body
        return body

    def _ask(self, ours: bool, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        began, answer, status = time.monotonic(), None, SUCCESS
        try:
            answer = ask()
        except ApiError as error:
            status = error.status
            self.surprises[f"{'ours' if ours else 'plain'} {error.status} {error.code}"] += 1
        with self._lock:
            self.asked.append(Asked(began, time.monotonic(), ours, status))
            if answer:
                self.known[answer["id"]] = answer
        return answer


class Plain:
    """A client that asks once and takes what it gets."""

    def __init__(self, url: str, cast: Cast) -> None:
        self._http, self._cast = httpx.Client(base_url=url, timeout=60), cast
        self._token, self._until = "", 0.0

    def post(self, path: str, body: Any) -> Any:
        """Ask; ApiError when refused, with status 0 when nobody answered."""
        headers = self._headers()
        try:
            reply = self._http.post(path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise ApiError("POST", path, 0, {"code": type(error).__name__}) from error
        if reply.status_code >= 400:
            raise ApiError("POST", path, reply.status_code, reply.json())
        return _Body(reply.json())

    def _headers(self) -> dict[str, str]:
        """Have a token before the request that is counted; the identity provider may need more than one question."""
        while time.monotonic() > self._until:
            with contextlib.suppress(Transient):
                self._token, self._until = self._cast.token(PROGRAM), time.monotonic() + 60
        return {"Authorization": f"Bearer {self._token}", "Idempotency-Key": new_id()}


@dataclass(frozen=True, slots=True)
class _Body:
    body: Any
