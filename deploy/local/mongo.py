"""MongoDB as one row of the table: a replica set of one, so that transactions and change streams work."""

from __future__ import annotations

from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local import programs
from deploy.local.part import Part

_SET = "rs0"
_TRANSACTION_SECONDS = 5
"""A process that dies in the middle of a transaction keeps others from what it wrote for so long; the default is 60."""


def part(data: Path, port: int, name: str = "mongo") -> Part:
    """Return the row for a MongoDB that keeps its data in this folder."""
    return Part(
        name=name,
        command=_command(data, port),
        ports={name: port},
        prepare=lambda: data.mkdir(parents=True, exist_ok=True),
        healthy=lambda: _is_primary(port),
        within=60,
        patience=4,
    )


def url(port: int) -> str:
    """Return the address for clients."""
    return f"mongodb://127.0.0.1:{port}/?replicaSet={_SET}"


def _command(data: Path, port: int) -> tuple[str, ...]:
    return (
        str(programs.mongod()),
        *("--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"),
        *("--replSet", _SET, "--oplogSize", "1024", "--wiredTigerCacheSizeGB", "0.5"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false", "--quiet"),
        *("--setParameter", f"transactionLifetimeLimitSeconds={_TRANSACTION_SECONDS}"),
    )


def _is_primary(port: int) -> bool:
    """Say whether the server takes writes; a new one is made a replica set on the way."""
    try:
        with MongoClient[dict[str, object]](
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500
        ) as client:
            answer = client.admin.command("hello")
            if answer.get("isreplicaset"):  # says: meant to be one, but has no configuration yet
                members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
                client.admin.command("replSetInitiate", {"_id": _SET, "members": members})
            return bool(answer.get("isWritablePrimary"))
    except PyMongoError:
        return False
