"""Ends transactions that nobody will end: they keep their documents locked until MongoDB gives them up, after a minute.

The driver aborts a transaction within the time budget of the request. When that has run out, or the server was frozen
or out of reach, no abort arrives. And a process that was killed or frozen in a transaction sends none at all.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from pymongo.errors import InvalidOperation, PyMongoError
from pymongo.read_concern import ReadConcern

from shared.logs import get_logger
from shared.storage.mongo import APP_NAME, Document, Mongo, within

log = get_logger(__name__)

IDLE_SECONDS = 2.0
"""Between two commands of a transaction of ours pass milliseconds. The process of one this idle was killed or froze; if
it wakes up, it finds the transaction ended and writes it again."""
_LOOK_EVERY = 0.5
_TRY_FOR, _TRY_EVERY, _ONE_TRY = 120.0, 0.1, 5.0
_FIND: list[Document] = [
    {"$currentOp": {"idleSessions": True}},
    {
        "$match": {
            "type": "idleSession",
            "appName": APP_NAME,
            "transaction.timeInactiveMicros": {"$gte": int(IDLE_SECONDS * 1_000_000)},
        }
    },
    {"$project": {"lsid": "$lsid.id"}},
]


def end(client: Mongo, session_id: Mapping[str, Any]) -> None:
    """End this session's transaction as soon as the server can be reached, in a thread of its own.

    Nobody may use the session again.
    """
    threading.Thread(target=_end, args=(client, session_id), name="abandoned", daemon=True).start()


def _end(client: Mongo, session_id: Mapping[str, Any]) -> None:
    until = time.monotonic() + _TRY_FOR
    while time.monotonic() < until:
        try:
            with within(_ONE_TRY):
                client.admin.command("killSessions", [session_id])
            return
        except InvalidOperation:
            return  # the client was closed
        except PyMongoError:
            time.sleep(_TRY_EVERY)


class _Look:
    """One look at a time in this process, and not too often."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0.0

    def end_idle(self, client: Mongo) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            if time.monotonic() - self._last >= _LOOK_EVERY:
                _end_idle(client)
                self._last = time.monotonic()
        except PyMongoError as error:
            log.warning("idle_transactions_not_ended", error=type(error).__name__)
        finally:
            self._lock.release()


def _end_idle(client: Mongo) -> None:
    admin = client.get_database("admin", read_concern=ReadConcern("local"))
    found = [{"id": row["lsid"]} for row in admin.aggregate(_FIND)]
    if found:
        log.warning("idle_transactions_ended", count=len(found))
        client.admin.command("killSessions", found)


_LOOK = _Look()


def end_idle(client: Mongo) -> None:
    """End what processes of ours left open, if anything. For whoever met a lock; cheap to call often, raises nothing."""
    _LOOK.end_idle(client)
