"""Connections to MongoDB and what its errors mean to a caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.errors import OutcomeUnknown, ServiceError, Unavailable
from shared.settings import setting

Document = dict[str, Any]
Mongo = MongoClient[Document]
MongoDatabase = Database[Document]
MongoCollection = Collection[Document]

SELECT_SECONDS = 1.2
"""So long the driver looks for a server before it says that there is none: in time for a 503 within two seconds.

While no server can be had, PyMongo looks at the clock only every half second (its MIN_HEARTBEAT_INTERVAL): 1.7 s at most.
"""
APP_NAME = "clusterskills"


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoSettings:
    """Where the documents are. Every service has a database of its own: prefix + service."""

    mongo_url: str = setting("MONGO_URL", "MongoDB replica set", example="mongodb://127.0.0.1:27017/?replicaSet=rs0")
    database_prefix: str = setting(
        "DATABASE_PREFIX", "start of the database names", example="clusterskills_", default="clusterskills_"
    )


def connect(url: str, **options: Any) -> Mongo:
    """A client that writes to and reads from the majority. Call it after the fork: clients never cross one."""
    client: Mongo = MongoClient(
        url,
        tz_aware=True,
        w="majority",
        journal=True,
        readConcernLevel="majority",
        serverSelectionTimeoutMS=int(SELECT_SECONDS * 1000),
        connectTimeoutMS=int(SELECT_SECONDS * 1000),
        maxPoolSize=64,
        appname=APP_NAME,
        **options,
    )
    _look_for_servers_briefly(client)
    return client


def _look_for_servers_briefly(client: Mongo) -> None:
    """Within a time budget (`pymongo.timeout`) the driver would look for a server until that is over.

    But the budget is for a server that is slow; that there is none must be said soon. There is no public way to tell it.
    """
    topology: Any = client._get_topology()  # noqa: SLF001
    in_budget = topology.get_server_selection_timeout
    topology.get_server_selection_timeout = lambda: min(SELECT_SECONDS, in_budget())


def open_database(client: Mongo, settings: MongoSettings, service: str) -> MongoDatabase:
    """The service's own database."""
    return client[settings.database_prefix + service]


def ensure_collection(database: MongoDatabase, name: str, **options: Any) -> bool:
    """Create a collection, which a transaction cannot always do by itself. False when it was there already."""
    try:
        database.create_collection(name, check_exists=False, **options)
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise
        return False
    return True


_NAMESPACE_EXISTS = 48


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Every MongoDB call inside shares this time budget; past it NetworkTimeout or ExecutionTimeout is raised."""
    with pymongo.timeout(seconds):
        yield


def is_gone(client: Mongo) -> bool:
    """Whether no server is there: each refuses connections. One that is frozen, or electing, is there.

    As the driver last saw it. It looks again whenever somebody asks for a server.
    """
    servers = client.topology_description.server_descriptions().values()
    return all(isinstance(s.error, AutoReconnect) and not isinstance(s.error, NetworkTimeout) for s in servers)


def is_outage(error: BaseException) -> bool:
    """Whether the error says that MongoDB cannot be reached or cannot serve now, rather than that we are wrong."""
    if isinstance(error, ConnectionFailure | NetworkTimeout | ExecutionTimeout | OutcomeUnknown):
        return True
    return isinstance(error, PyMongoError) and (
        error.timeout
        or error.has_error_label("RetryableWriteError")
        or error.has_error_label("TransientTransactionError")
        or (isinstance(error, OperationFailure) and error.code in _NOT_SERVING)
    )


# NotPrimary and its kin, shutdown in progress, node is recovering, interrupted: the server error codes of a node that leaves.
_NOT_SERVING = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436, 262, 50})


def translate(error: Exception) -> ServiceError | None:
    """What a door should say of a storage error: 503 for an outage, None for anything it does not know."""
    if is_outage(error):
        return Unavailable("The database does not answer at the moment; nothing was changed.", retry_after=2)
    return None


TRANSACTION: dict[str, Any] = {
    "read_concern": ReadConcern("snapshot"),
    "write_concern": WriteConcern("majority", j=True),
}
"""Options of every transaction: one snapshot, and acknowledged only when a majority has it in its journal."""
