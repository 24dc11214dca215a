"""A wake-up on inserts: the change stream as a bell, never as a source of truth."""

from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession

from shared.storage.mongo import Mongo, MongoDatabase

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class Wakeup:
    """Waits for inserts into one collection.

    Reads the stream batch by batch and undecoded: after a busy time one call swallows thousands of changes, where the
    driver's stream would hand them out one by one. No resume token is kept: who wakes up reads the collection itself.
    """

    def __init__(self, client: Mongo, database: MongoDatabase, collection: str) -> None:
        self._client, self._database, self._collection = client, database, collection
        self._session: ClientSession | None = None
        self._cursor: Any = None

    def open(self) -> None:
        """Start listening, if not listening yet. What is inserted from now on rings."""
        if self._cursor is not None:
            return
        self._session = self._client.start_session()
        pipeline = [{"$changeStream": {}}, {"$match": {"operationType": "insert"}}, {"$project": {"_id": 1}}]
        reply = self._command({"aggregate": self._collection, "pipeline": pipeline, "cursor": {"batchSize": 0}})
        self._cursor = reply["cursor"]["id"]

    def wait(self, seconds: float) -> bool:
        """Until something was inserted (true) or the time is over (false)."""
        self.open()
        reply = self._command(
            {"getMore": self._cursor, "collection": self._collection, "maxTimeMS": max(1, int(seconds * 1000))}
        )
        self._cursor = reply["cursor"]["id"] or None
        return len(reply["cursor"]["nextBatch"]) > 0

    def close(self) -> None:
        """Stop listening. Safe to call at any time."""
        session, self._session, self._cursor = self._session, None, None
        if session is not None:
            session.end_session()

    def _command(self, command: dict[str, Any]) -> Any:
        return self._database.command(command, codec_options=_RAW, session=self._session)
