"""One transaction: the flush of a unit of work, retried while MongoDB says that a retry can help."""

import math
import time
from collections.abc import Callable
from typing import TypeVar

from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError

from shared.errors import OutcomeUnknown, Transient
from shared.storage import abandoned
from shared.storage.mongo import TRANSACTION, Mongo, is_outage
from shared.storage.wakeup import ring
from shared.storage.work import Blocked, Duplicate, Raced, UnitOfWork

T = TypeVar("T")
_ATTEMPTS, _LONGEST_PAUSE = 20, 0.02
_WRITE_CONFLICT = 112
_LOCKED_FOR_LONG = 0.5


def commit(
    client: Mongo, work: UnitOfWork, *more: Callable[[ClientSession], None], blocked_after: float = math.inf
) -> None:
    """Write the unit of work, and what `more` adds, in one transaction; then tell those who wait for it.

    Exactly once, also when mongod dies in between: the driver retries a commit whose outcome it does not know, and a
    transaction that was lost is written again from the same decision. Raises Raced, Duplicate or Blocked with nothing written,
    and OutcomeUnknown (see `in_transaction`).
    """

    def body(session: ClientSession) -> None:
        work.flush(session)
        for step in more:
            step(session)

    if more or not work.empty:
        in_transaction(client, body, blocked_after=blocked_after)
    if work.events:
        ring(work.database)
    work.committed()


def in_transaction(client: Mongo, body: Callable[[ClientSession], None], *, blocked_after: float = math.inf) -> None:
    """Run `body` in a transaction with a majority snapshot and a journaled majority commit.

    What it could not end is ended behind its back, so that it locks nothing for longer. Raises OutcomeUnknown when the
    commit was sent and not answered; Blocked when another transaction held a document for `blocked_after` seconds.
    """
    begun = time.monotonic()

    def careful(session: ClientSession) -> None:
        try:
            body(session)
        except OperationFailure as error:
            if error.code == _WRITE_CONFLICT:
                _meet_a_lock(client, time.monotonic() - begun, blocked_after)
            raise

    session = client.start_session()
    try:
        session.with_transaction(careful, **TRANSACTION)
    except PyMongoError as error:
        if not is_outage(error):
            session.end_session()
            raise
        abandoned.end(client, session.session_id)
        if error.has_error_label("UnknownTransactionCommitResult"):
            raise OutcomeUnknown from error
        raise
    except BaseException:
        session.end_session()
        raise
    session.end_session()


def _meet_a_lock(client: Mongo, waited: float, blocked_after: float) -> None:
    """Two that write the same at the same moment are through in milliseconds."""
    if waited > blocked_after:
        raise Blocked
    if waited > _LOCKED_FOR_LONG:
        abandoned.end_idle(client)


def decide(client: Mongo, new_work: Callable[[], UnitOfWork], act: Callable[[UnitOfWork], T]) -> T:
    """One action alone: run `act` on a fresh unit of work and commit; when somebody was faster, decide again."""
    for attempt in range(_ATTEMPTS):
        # The winner's change can be read only when a majority has it in its journal.
        time.sleep(min(_LONGEST_PAUSE, 0.002 * attempt))
        work = new_work()
        result = act(work)
        try:
            commit(client, work)
        except Raced:
            continue
        except Duplicate as duplicate:
            if duplicate.index != "_id_":
                raise
            continue  # somebody else inserted it since it was read
        return result
    raise Transient("Too many changes to the same thing at once.")
