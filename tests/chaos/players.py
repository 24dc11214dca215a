"""People, portals and trainers at the seat desk, all at once: many ask for few seats, and every answer is recorded."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.chaos.history import Case, Operation, Recorder

Send = Callable[[str, str, Any, Mapping[str, str]], tuple[int, Any]]
"""Method, path, body and headers of a request -> status and body. Raises OSError when there is no answer."""

PATIENCE: Final = 30.0
"""How long a client repeats what was not answered, in seconds, always with the same key."""
_AGAIN: Final = frozenset({"IDEMPOTENCY_IN_FLIGHT", "UNAVAILABLE", "OVERLOADED", "OUTCOME_UNKNOWN", "TRANSIENT"})
_DECISIONS: Final = {"applied": ("approve", "approve", "cancel"), "confirmed": ("cancel",)}
_WAITING: Final = ("accept", "accept", "decline", "cancel")
_PATHS: Final = {"accept": "accept-offer", "decline": "decline-offer"}


class Unanswered(Exception):
    """Nobody answered in time."""


@dataclass(frozen=True, slots=True)
class Place:
    """A session with those who want to be in it. `share`: how much of all operations come here."""

    case: Case
    people: Sequence[str]
    share: float = 1.0


class Players:
    """Clients that play at random on some sessions. What happens to each enrolment is followed from its answers."""

    def __init__(self, send: Send, headers: Callable[[], Mapping[str, str]], recorder: Recorder) -> None:
        self._send, self._headers, self.recorder = send, headers, recorder
        self._known: dict[str, dict[str, str]] = defaultdict(dict)
        self._who: dict[str, str] = {}

    def play(self, places: Sequence[Place], operations: int, *, clients: int = 16, seed: int = 0) -> None:
        """So many operations, by so many clients at a time."""
        shares = [place.share for place in places]
        until = len(self.recorder) + operations

        def client(number: int) -> None:
            lot = random.Random(f"{seed}/{number}")
            while len(self.recorder) < until:
                self._turn(lot.choices(places, shares)[0], lot)

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(client, range(clients)))

    def ask(self, kind: str, case: Case, subject: str) -> Operation:
        """One operation: apply, approve, cancel, accept or decline; see Operation."""
        if kind == "apply":
            body = {"session_id": case.session, "worker": {"person_id": subject}}
            return self._ask(
                Operation(session=case.session, kind=kind, subject=subject), "POST", "/v1/enrolments", body
            )
        path = f"/v1/enrolments/{subject}/{_PATHS.get(kind, kind)}"
        return self._ask(Operation(session=case.session, kind=kind, subject=subject), "POST", path, None)

    def resize(self, case: Case, capacity: int) -> Operation:
        """Change the capacity of the version that is there now."""
        path = f"/v1/seats/{case.session}"
        _, seats, _ = self._until_answered("GET", path, None, {})
        asked = Operation(session=case.session, kind="capacity", capacity=capacity)
        return self._ask(asked, "PUT", path, {"capacity": capacity}, {"If-Match": f'"{seats["version"]}"'})

    # -- inside

    def _turn(self, place: Place, lot: random.Random) -> None:
        case, known = place.case, self._known[place.case.session]
        open_ = list(known.items())
        if lot.random() < 0.03:
            self.resize(case, max(1, case.capacity + lot.choice((-2, -1, 0, 1, 2))))
        elif not open_ or lot.random() < 0.5:
            self._act("apply", case, lot.choice(place.people), twice=lot.random() < 0.1)
        else:
            enrolment, status = lot.choice(open_)
            kind = lot.choice(_DECISIONS.get(status, _WAITING))
            if kind == "approve" and lot.random() < 0.4:
                self._change_of_mind(case, enrolment)
            else:
                self._act(kind, case, enrolment, twice=lot.random() < 0.05)

    def _change_of_mind(self, case: Case, enrolment: str) -> None:
        """Cancelled while it is approved, and applied for again at once."""
        self._together(("approve", case, enrolment), ("cancel", case, enrolment))
        if enrolment in self._known[case.session]:
            return
        again = self.ask("apply", case, self._who[enrolment])
        self._follow(again)
        if again.enrolment:
            self._follow(self.ask("approve", case, again.enrolment))

    def _act(self, kind: str, case: Case, subject: str, *, twice: bool) -> None:
        if twice:
            self._together((kind, case, subject), (kind, case, subject))
        else:
            self._follow(self.ask(kind, case, subject))

    def _together(self, *asked: tuple[str, Case, str]) -> None:
        first, *others = asked
        threads = [threading.Thread(target=lambda a=a: self._follow(self.ask(*a))) for a in others]
        for thread in threads:
            thread.start()
        self._follow(self.ask(*first))
        for thread in threads:
            thread.join()

    def _follow(self, done: Operation) -> None:
        known = self._known[done.session]
        if done.kind == "apply":
            if done.enrolment:
                known[done.enrolment] = done.answer
                self._who[done.enrolment] = done.subject
        elif done.answer in ("confirmed", "waitlisted"):
            known[done.subject] = done.answer
        elif done.answer in ("cancelled", "declined"):
            known.pop(done.subject, None)
        elif done.answer == "ILLEGAL_TRANSITION":
            self._corrected(known, done)

    def _corrected(self, known: dict[str, str], done: Operation) -> None:
        """Somebody else was faster, or it was not offered yet: only a place in the queue is worth another try."""
        if done.kind in ("approve", "cancel"):
            known.pop(done.subject, None)

    def _ask(
        self, asked: Operation, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> Operation:
        def send() -> Operation:
            status, answer, tries = self._until_answered(method, path, body, headers or {})
            if status >= 400:
                return replace(asked, answer=answer["code"], tries=tries)
            return replace(_read(asked, answer), tries=tries)

        return self.recorder.record(asked, send)

    def _until_answered(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any, int]:
        """As our client does it: the same request with the same key, for half a minute."""
        key = {"Idempotency-Key": uuid.uuid4().hex} if method != "GET" else {}
        until, tries = time.monotonic() + PATIENCE, 0
        while time.monotonic() < until:
            tries += 1
            try:
                status, answer = self._send(method, path, body, {**self._headers(), **key, **headers})
            except OSError:
                time.sleep(0.05)
                continue
            if status < 500 and (status < 400 or answer.get("code") not in _AGAIN):
                return status, answer, tries
            time.sleep(0.05)
        raise Unanswered(f"{method} {path}")


def _read(asked: Operation, answer: Any) -> Operation:
    if asked.kind == "capacity":
        return replace(asked, answer="ok")
    enrolment = answer["id"] if asked.kind == "apply" else ""
    return replace(asked, answer=answer["status"], enrolment=enrolment, place=answer["place_in_queue"])
