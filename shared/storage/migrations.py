"""Migrations of one service's database: numbered, each done once, under a lease, resumed by whoever comes next."""

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from pymongo import IndexModel
from pymongo.errors import OperationFailure, PyMongoError

from shared.logs import get_logger
from shared.storage.lease import Lease
from shared.storage.mongo import Document, MongoDatabase, ensure_collection, is_outage

log = get_logger(__name__)

COLLECTION = "migrations"
LEASE_SECONDS = 10.0
_LOOK_SECONDS = 0.2
_OTHER_INDEX = frozenset({85, 86})  # IndexOptionsConflict, IndexKeySpecsConflict
_DUPLICATE_KEY = 11000

Indexes = Mapping[str, Sequence[IndexModel]]
Step = Callable[[MongoDatabase], None]


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of an old database. `step` is idempotent: who is killed in it leaves it to the next one."""

    number: int
    name: str
    step: Step


class MigrationFailed(Exception):
    """A migration cannot be done as it is; says which one and why. Waiting does not help."""


def migrate(
    database: MongoDatabase,
    migrations: Sequence[Migration],
    indexes: Indexes,
    aliases: Mapping[str, str],
    stop: threading.Event,
    *,
    lease_seconds: float = LEASE_SECONDS,
) -> None:
    """Do what is not recorded as done: the migrations by number, then the indexes of the tables.

    The tables say which indexes there are. They are looked at again when they or the migrations have changed, so an
    added index needs no migration; one that is changed or removed needs a migration that drops the old one. One
    process works at a time, the others wait for it. Returns early when `stop` is set. Raises MigrationFailed, or
    what PyMongo raises for an outage.
    """
    steps = _steps(migrations, indexes, aliases)
    lease = Lease(database, COLLECTION, uuid.uuid4().hex, lease_seconds)
    while _pending(database, steps) and not stop.is_set():
        if not lease.acquire():
            stop.wait(_LOOK_SECONDS)
            continue
        with _kept(lease, lease_seconds):
            for key in _pending(database, steps):
                _run(database, key, *steps[key])


def ensure_indexes(database: MongoDatabase, indexes: Indexes, aliases: Mapping[str, str]) -> None:
    """Create the collections and indexes that are missing; `aliases` names the collections of read models."""
    for name, models in indexes.items():
        collection = database[aliases.get(name, name)]
        ensure_collection(database, collection.name)
        if models:
            collection.create_indexes(list(models))


def drop_index(collection: str, old: IndexModel) -> Step:
    """A step that drops this index where it is still as it was: not what has replaced it under the same name."""

    def step(database: MongoDatabase) -> None:
        for found in database[collection].list_indexes():
            if _same(found, old.document):
                database[collection].drop_index(found["name"])

    return step


def _same(found: Mapping[str, object], declared: Mapping[str, object]) -> bool:
    return _plain({name: value for name, value in found.items() if name != "v"}) == _plain(declared)


def _plain(document: Mapping[str, object]) -> list[tuple[str, str]]:
    return sorted((name, json.dumps(value, default=str)) for name, value in document.items())


def _steps(
    migrations: Sequence[Migration], indexes: Indexes, aliases: Mapping[str, str]
) -> dict[str, tuple[str, Step]]:
    """Key -> (name, step), in order."""
    if [migration.number for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise MigrationFailed("Migrations are numbered from 1 without a gap, in their order.")
    steps = {str(migration.number): (migration.name, migration.step) for migration in migrations}
    tables = {name: [model.document for model in models] for name, models in indexes.items()}
    declared = hashlib.sha256(json.dumps(tables, default=str).encode()).hexdigest()[:16]
    key = f"indexes/{len(migrations)}/{declared}"
    return {**steps, key: ("indexes of the tables", lambda database: ensure_indexes(database, indexes, aliases))}


def _pending(database: MongoDatabase, steps: Mapping[str, object]) -> list[str]:
    done = {row["_id"] for row in database[COLLECTION].find({"_id": {"$in": list(steps)}}, {"_id": 1})}
    return [key for key in steps if key not in done]


def _run(database: MongoDatabase, key: str, name: str, step: Step) -> None:
    began = time.monotonic()
    log.info("migration_begins", migration=key, name=name)
    try:
        step(database)
    except Exception as error:
        if is_outage(error):
            raise
        raise MigrationFailed(f"Migration {key} ({name}) of {database.name} failed: {_reason(error)}") from error
    seconds = round(time.monotonic() - began, 3)
    record: list[Document] = [{"$set": {"name": name, "done_at": "$$NOW", "seconds": seconds}}]
    database[COLLECTION].update_one({"_id": key}, record, upsert=True)
    log.info("migration_done", migration=key, name=name, seconds=seconds)


def _reason(error: Exception) -> str:
    """What to do about it. Of a duplicate no value is told: it may be personal."""
    if not isinstance(error, OperationFailure):
        return f"{type(error).__name__}."
    if error.code in _OTHER_INDEX:
        told = (error.details or {}).get("errmsg", "an index differs")
        return f"{told} Add a numbered migration that drops the old index (drop_index in shared/storage/migrations.py)."
    if error.code == _DUPLICATE_KEY:
        fields = ", ".join((error.details or {}).get("keyPattern", {})) or "its fields"
        return f"documents have the same {fields}, which a unique index forbids. Mend them, then start again."
    return f"MongoDB refuses it: {(error.details or {}).get('codeName', error.code)}."


@contextmanager
def _kept(lease: Lease, seconds: float) -> Iterator[None]:
    """Renew the lease in a thread: one command, such as an index, may take longer than it."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(seconds / 4):
            with suppress(PyMongoError):
                lease.acquire()

    thread = threading.Thread(target=renew, name="migrations-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(PyMongoError):
            lease.give_up()
