"""One transaction: the flush of a unit of work, retried while MongoDB says that a retry can help."""

import time
from collections.abc import Callable
from typing import TypeVar

from pymongo.client_session import ClientSession

from shared.errors import Transient
from shared.storage.mongo import TRANSACTION, Mongo
from shared.storage.wakeup import ring
from shared.storage.work import Duplicate, Raced, UnitOfWork

T = TypeVar("T")
_ATTEMPTS, _LONGEST_PAUSE = 20, 0.02


def commit(client: Mongo, work: UnitOfWork, *more: Callable[[ClientSession], None]) -> None:
    """Write the unit of work, and what `more` adds, in one transaction; then tell those who wait for it.

    Exactly once, also when mongod dies in between: the driver retries a commit whose outcome it does not know, and a
    transaction that was lost is written again from the same decision. Raises Raced or Duplicate with nothing written.
    """

    def body(session: ClientSession) -> None:
        work.flush(session)
        for step in more:
            step(session)

    if more or not work.empty:
        in_transaction(client, body)
    if work.events:
        ring(work.database)
    work.committed()


def in_transaction(client: Mongo, body: Callable[[ClientSession], None]) -> None:
    """Run `body` in a transaction with a majority snapshot and a journaled majority commit."""
    with client.start_session() as session:
        session.with_transaction(body, **TRANSACTION)


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
