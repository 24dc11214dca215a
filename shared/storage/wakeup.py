"""A wake-up after commits: a bell, never a source of truth.

The bell is a tiny capped collection, which its reader waits on with a tailable cursor. A change stream would do the same
without a write, but it wakes up at every entry of the oplog, of every service, to look whether it is its own: with the
relays of four services that was a fifth of mongod's time.
"""

import time
from contextlib import suppress
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from shared.logs import get_logger
from shared.storage.mongo import Document, Mongo, MongoDatabase, ensure_collection

log = get_logger(__name__)
COLLECTION = "wakeups"
_LOCAL = {"level": "local"}
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_CAPPED: dict[str, Any] = {"capped": True, "size": 16_384, "max": 32}
_FELL_BEHIND = frozenset({43, 136})
"""CursorNotFound, CappedPositionLost: it rang more often than the bell remembers while nobody listened."""
_NOBODY_WAITS_FOR_IT = WriteConcern(w=0)


def ring(database: MongoDatabase) -> None:
    """Say that something was committed. Costs no round trip; may get lost: who listens looks by itself now and then."""
    with suppress(PyMongoError):
        database.get_collection(COLLECTION, write_concern=_NOBODY_WAITS_FOR_IT).insert_one({})


class Wakeup:
    """Waits until somebody rings in this database."""

    def __init__(self, client: Mongo, database: MongoDatabase) -> None:
        self._client, self._database = client, database
        self._session: ClientSession | None = None
        self._cursor: Any = None

    def open(self) -> None:
        """Start listening, if not listening yet. What is rung from now on is heard, and what was rung just before.

        Where MongoDB answers that it cannot be, the caller looks by itself: nothing but speed depends on the bell.
        """
        if self._cursor is not None:
            return
        try:
            self._listen()
        except OperationFailure as error:
            log.warning("bell_cannot_be_opened", error=type(error).__name__, code=error.code)
            self.close()

    def _listen(self) -> None:
        self._ensure_bell()
        self._session = self._client.start_session()
        # Local reads: the bell need not wait for its own majority.
        find = {"find": COLLECTION, "tailable": True, "awaitData": True, "batchSize": 0, "readConcern": _LOCAL}
        self._cursor = self._command(find)["cursor"]["id"] or None

    def wait(self, seconds: float) -> bool:
        """Until somebody rang (true) or the time is over (false)."""
        self.open()
        if self._cursor is None:
            time.sleep(seconds)
            return False
        get_more = {"getMore": self._cursor, "collection": COLLECTION, "maxTimeMS": max(1, int(seconds * 1000))}
        try:
            reply = self._command(get_more)
        except OperationFailure as error:
            if error.code not in _FELL_BEHIND:
                raise
            self.close()
            return True
        self._cursor = reply["cursor"]["id"] or None
        return len(reply["cursor"]["nextBatch"]) > 0

    def close(self) -> None:
        """Stop listening. Safe to call at any time."""
        session, self._session, self._cursor = self._session, None, None
        if session is not None:
            session.end_session()

    def _ensure_bell(self) -> None:
        """A capped collection with something in it: a tailable cursor on an empty one ends at once."""
        made = ensure_collection(self._database, COLLECTION, **_CAPPED)
        if not made and not self._database[COLLECTION].options().get("capped"):
            # Somebody rang before anybody listened.
            self._database.command({"convertToCapped": COLLECTION, "size": _CAPPED["size"]})
        self._database[COLLECTION].insert_one({})

    def _command(self, command: Document) -> Any:
        return self._database.command(command, codec_options=_RAW, session=self._session)
