"""`python -m services.enrolment_service seats [--repair]`: seats = enrolments, for every session."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict

from services.enrolment_service.actions import Actions
from services.enrolment_service.domain import Finding
from services.enrolment_service.store import SERVICE, Store
from shared.errors import Transient
from shared.storage.transaction import decide
from shared.storage.work import Raced, UnitOfWork
from shared.wiring.house import House

_AT_ONCE, _ATTEMPTS = 200, 50


def main(arguments: Sequence[str]) -> None:
    """Write each session whose numbers are wrong as a line of JSON. Exit code 1 when one was found and not repaired."""
    if list(arguments) not in ([], ["--repair"]):
        sys.exit("usage: seats [--repair]")
    house = House(SERVICE)
    house.wait()
    found = 0
    for finding in findings(house, repair=bool(arguments)):
        print(json.dumps(asdict(finding)), flush=True)
        found += 1
    house.close()
    sys.exit(1 if found and not arguments else 0)


def findings(house: House, *, repair: bool) -> Iterator[Finding]:
    """Sessions whose numbers are wrong, by id; with `repair` they are right afterwards."""
    after = ""
    while some := _actions(house, house.work()).store.seats.all_of(after, _AT_ONCE):
        for session_id in some:
            if finding := _looked_at(house, session_id, repair=repair):
                yield finding
        after = some[-1]


def _looked_at(house: House, session_id: str, *, repair: bool) -> Finding | None:
    """Again while somebody takes or frees a seat of it meanwhile."""
    for _ in range(_ATTEMPTS):
        with suppress(Raced):
            return decide(house.client, house.work, lambda work: _actions(house, work).seats.audit(session_id, repair))
    raise Transient(f"The seats of session {session_id} change all the time.")


def _actions(house: House, work: UnitOfWork) -> Actions:
    return Actions(Store(work), house.clock, house.ids)
