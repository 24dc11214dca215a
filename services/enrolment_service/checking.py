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
from shared.wiring.runtime import Runtime

_AT_ONCE, _ATTEMPTS = 200, 50


def main(arguments: Sequence[str]) -> None:
    """Write each session whose numbers are wrong as a line of JSON. Exit code 1 when one was found and not repaired."""
    if list(arguments) not in ([], ["--repair"]):
        sys.exit("usage: seats [--repair]")
    runtime = Runtime(SERVICE)
    runtime.wait()
    found = 0
    for finding in findings(runtime, repair=bool(arguments)):
        print(json.dumps(asdict(finding)), flush=True)
        found += 1
    runtime.close()
    sys.exit(1 if found and not arguments else 0)


def findings(runtime: Runtime, *, repair: bool) -> Iterator[Finding]:
    """Sessions whose numbers are wrong, by id; with `repair` they are right afterwards."""
    after = ""
    while some := _actions(runtime, runtime.work()).store.seats.all_of(after, _AT_ONCE):
        for session_id in some:
            if finding := _looked_at(runtime, session_id, repair=repair):
                yield finding
        after = some[-1]


def _looked_at(runtime: Runtime, session_id: str, *, repair: bool) -> Finding | None:
    """Again while somebody takes or frees a seat of it meanwhile."""
    for _ in range(_ATTEMPTS):
        with suppress(Raced):
            return decide(
                runtime.client, runtime.work, lambda work: _actions(runtime, work).seats.audit(session_id, repair)
            )
    raise Transient(f"The seats of session {session_id} change all the time.")


def _actions(runtime: Runtime, work: UnitOfWork) -> Actions:
    return Actions(Store(work), runtime.clock, runtime.ids)
