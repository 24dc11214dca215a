"""The unit of work: documents read once, decided on in memory, written in one transaction with their events."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pymongo import DeleteOne, InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from shared.clock import Clock
from shared.errors import Invalid
from shared.schemas.codec import encode_data
from shared.schemas.event import Event, event_id
from shared.storage.mongo import Document, MongoCollection, MongoDatabase
from shared.tracing import current_traceparent

EVENT_BYTES = 900_000
"""Kafka takes a record of a million bytes. A larger event would be committed and then hold up its outbox for ever."""

_PART = "_part"
_ONE_BATCH = 10_000
Operation = Any  # pymongo's write models have no common public base
Key = tuple[str, Any]
Hint = tuple[str, str, Any]
"""What will be read: collection, field ("_id" or an indexed one), value."""
K = TypeVar("K")
V = TypeVar("V")
Mark = tuple[int, int, int, int]


class Absent(Exception):
    """The document is not there. A store turns it into NotFound or NotYetKnown, as it knows what was asked for."""


class Asked(Exception):
    """The act needs an answer first. No error: the runner gets the answer and runs the act again."""

    def __init__(self, question: Hashable) -> None:
        super().__init__(question)
        self.question = question


class Raced(Exception):
    """Somebody else changed a document in between: decide again on fresh state."""


class Blocked(Exception):
    """Somebody else's open transaction holds a document that this needs, or changed what the answer would rest on. Nothing
    was written, a moment later it can be tried again, and others need not wait.

    Raised, or given as the answer to a question.
    """


class Duplicate(Exception):
    """A unique index refused it. `index` is the index's name."""

    def __init__(self, index: str) -> None:
        super().__init__(index)
        self.index = index


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is known of one document: the version in the database (None: not there), and the document now."""

    stored: int | None
    now: Document | None
    dirty: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Slot(Generic[K, V]):
    """Names what a unit of work keeps beside its documents, by key: found out once for all its requests or events."""

    name: str


class UnitOfWork:
    """Identity map and list of writes of one transaction, which may hold the work of many requests or events.

    Documents carry `version` (one per save, the ETag) and `sequence` (one per event). Treat a document from `get` as
    read-only and give a new one to `save`. Nothing reaches the database before `flush`.
    """

    def __init__(
        self, database: MongoDatabase, clock: Clock, source: str, aliases: Mapping[str, str] | None = None
    ) -> None:
        """`aliases` maps a read model's name to the collection of its present generation."""
        self.database = database
        self.clock = clock
        self.source = source
        self._aliases = dict(aliases or {})
        self._entries: dict[Key, _Entry] = {}
        self._journal: list[tuple[Key, _Entry | None]] = []
        self._outbox: list[Document] = []
        self._extra: list[tuple[str, Operation]] = []
        self._after: list[Callable[[], None]] = []
        self._found: dict[tuple[str, str, Any], Any] = {}
        self.answers: dict[Hashable, Any] = {}
        """What was answered to questions; see `ask`."""
        self._slots: dict[Slot[Any, Any], dict[Any, Any]] = {}
        self.alone = False
        """Whether it holds one request, in that request's own thread: nobody waits for it."""

    # -- reading

    def preload(self, collection: str, ids: Iterable[Any]) -> None:
        """Load many documents in one query; absent ones are remembered as absent."""
        self.load((collection, "_id", document_id) for document_id in ids)

    def load(self, hints: Iterable[Hint]) -> bool:
        """Load what the hints name, of whatever collections, in one query. False when all of it is known already."""
        wanted: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for collection, field, value in dict.fromkeys(hints):
            known = self._entries if field == "_id" else self._found
            if ((collection, value) if field == "_id" else (collection, field, value)) not in known:
                wanted[collection, field].append(value)
        for (collection, field), values, documents in self._query(wanted):
            self._learn(collection, field, values, documents)
        return bool(wanted)

    def find_by(self, collection: str, field: str, values: Iterable[Any]) -> dict[Any, Document]:
        """By value, a document with it (any of several), as it was when first asked for; values of none are left out."""
        asked = list(values)
        self.load((collection, field, value) for value in asked)
        ids = {value: self._found[collection, field, value] for value in asked}
        found = {value: self._entries[collection, i].now for value, i in ids.items() if i is not None}
        return {value: document for value, document in found.items() if document is not None}

    def get(self, collection: str, document_id: Any) -> Document:
        """The document as this unit of work sees it. Raises Absent."""
        document = self.peek(collection, document_id)
        if document is None:
            raise Absent(f"{collection} {document_id}")
        return document

    def peek(self, collection: str, document_id: Any) -> Document | None:
        """As `get`, but None when there is none."""
        key = (collection, document_id)
        if key not in self._entries:
            self._remember(collection, document_id, self.collection(collection).find_one({"_id": document_id}))
        return self._entries[key].now

    def known(self, collection: str, document_id: Any) -> Document | None:
        """The document if this unit of work has already read or saved it; asks no database."""
        entry = self._entries.get((collection, document_id))
        return entry.now if entry else None

    def find(self, collection: str, query: Document, **options: Any) -> list[Document]:
        """Documents that match in the database, each as this unit of work sees it; own unsaved inserts excluded."""
        found = (self._seen(collection, document) for document in self.collection(collection).find(query, **options))
        return [document for document in found if document is not None]

    def collection(self, name: str) -> MongoCollection:
        """The collection behind a name, for queries that are no business of the identity map."""
        return self.database[self._aliases.get(name, name)]

    def ask(self, question: Hashable) -> Any:
        """The answer to a question that is put to the database for many at once (a seat, say).

        Raises Asked when nobody has answered yet: the runner collects the questions of all that wait, has them
        answered together, and runs the act again. Raises Blocked when that is what was answered.
        """
        if question not in self.answers:
            raise Asked(question)
        answer = self.answers[question]
        if isinstance(answer, Blocked):
            raise answer
        return answer

    def slot(self, slot: Slot[K, V]) -> dict[K, V]:
        """What is kept under this name, empty at first. It is not undone with a savepoint: keep what was read only."""
        return self._slots.setdefault(slot, {})

    # -- changing

    def save(self, collection: str, document: Document, events: Iterable[Event] = ()) -> Document:
        """Insert or replace by `_id`, and record the aggregate's events after those it already has.

        Returns the document as it will be stored: `version`, `sequence`, `created_at`, `updated_at` are set here.
        """
        key = (collection, document["_id"])
        entry = self._entries.get(key)
        before = entry.now if entry else None
        happened = list(events)
        after = self._stamped(document, before, len(happened))
        self._note(key, _Entry(stored=entry.stored if entry else None, now=after, dirty=True))
        for offset, event in enumerate(happened, start=1):
            self._record(event, after["sequence"] - len(happened) + offset)
        return after

    def delete(self, collection: str, document_id: Any) -> None:
        """Remove the document when the unit of work is flushed."""
        document = self.peek(collection, document_id)
        if document is not None:
            entry = self._entries[(collection, document_id)]
            self._note((collection, document_id), _Entry(stored=entry.stored, now=None, dirty=True))

    def also(self, collection: str, operation: Operation) -> None:
        """Write this, too, in the same transaction: for rows that are no aggregates."""
        self._extra.append((collection, operation))

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run when the transaction is known to be committed. May be lost in a crash: a sweep must stand behind it."""
        self._after.append(action)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """All or nothing for the part inside: an exception undoes what it did to this unit of work."""
        mark = self.mark()
        try:
            yield
        except BaseException:
            self.undo(mark)
            raise

    def mark(self) -> Mark:
        """Where this unit of work stands now, for `undo`."""
        return len(self._journal), len(self._outbox), len(self._extra), len(self._after)

    # -- writing

    def flush(self, session: ClientSession) -> None:
        """Write everything inside the session's transaction. Raises Raced or Duplicate; the caller aborts then."""
        for collection, (operations, checked) in self._operations().items():
            self._write(collection, operations, checked, session)
        if self._outbox:
            self._write("outbox", [InsertOne(row) for row in self._outbox], 0, session)

    def committed(self) -> None:
        """Tell those who wait for the commit."""
        for action in self._after:
            action()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self._extra or self._outbox or any(entry.dirty for entry in self._entries.values()))

    @property
    def events(self) -> int:
        """How many events will be published."""
        return len(self._outbox)

    # -- inside

    def _query(
        self, wanted: Mapping[tuple[str, str], list[Any]]
    ) -> Iterator[tuple[tuple[str, str], list[Any], list[Document]]]:
        """One command for all collections: a round trip costs more than what it fetches."""
        if not wanted:
            return
        matches = [
            (self.collection(name), {"$match": {field: {"$in": values}}}) for (name, field), values in wanted.items()
        ]
        collection, match = matches[0]
        if len(matches) == 1:
            parts = [list(collection.find(match["$match"]))]
        else:
            parts = [[] for _ in matches]
            stages: list[Document] = [match, {"$set": {_PART: 0}}]
            for number, (other, match) in enumerate(matches[1:], start=1):
                stages.append({"$unionWith": {"coll": other.name, "pipeline": [match, {"$set": {_PART: number}}]}})
            for document in collection.aggregate(stages, batchSize=_ONE_BATCH):
                parts[document.pop(_PART)].append(document)
        for (key, values), documents in zip(wanted.items(), parts, strict=True):
            yield key, values, documents

    def _learn(self, collection: str, field: str, values: list[Any], documents: list[Document]) -> None:
        found = {document[field]: document for document in documents}
        for value in values:
            document = found.get(value)
            if field == "_id":
                self._remember(collection, value, document)
            else:
                self._found[collection, field, value] = None if document is None else document["_id"]
                if document is not None:
                    self._seen(collection, document)

    def _remember(self, collection: str, document_id: Any, document: Document | None) -> None:
        stored = None if document is None else document.get("version", 0)
        self._entries[(collection, document_id)] = _Entry(stored=stored, now=document)

    def _seen(self, collection: str, document: Document) -> Document | None:
        key = (collection, document["_id"])
        if key not in self._entries:
            self._remember(collection, document["_id"], document)
        return self._entries[key].now

    def _stamped(self, document: Document, before: Document | None, events: int) -> Document:
        now = self.clock()
        return {
            **document,
            "version": (before or {}).get("version", 0) + 1,
            "sequence": (before or {}).get("sequence", 0) + events,
            # Earliest and latest, so that a read model comes out the same in whatever order its topics are read.
            "created_at": min(before.get("created_at", now), now) if before else now,
            "updated_at": max(before.get("updated_at", now), now) if before else now,
        }

    def _note(self, key: Key, entry: _Entry) -> None:
        self._journal.append((key, self._entries.get(key)))
        self._entries[key] = entry

    def _record(self, event: Event, sequence: int) -> None:
        data = encode_data(event)
        if len(data) > EVENT_BYTES:
            raise Invalid(f"{event.TYPE} would be {len(data)} bytes; at most {EVENT_BYTES} can be published.")
        self._outbox.append(
            {
                "_id": event_id(event.topic, event.key, sequence),
                "topic": event.topic,
                "key": event.key,
                "sequence": sequence,
                "type": event.TYPE,
                "source": self.source,
                "time": self.clock(),
                "data": data,
                "traceparent": current_traceparent() or "",
                "sent": False,
            }
        )

    def undo(self, mark: Mark) -> None:
        """Forget what was changed since; what was read stays known."""
        journal, outbox, extra, after = mark
        for key, entry in reversed(self._journal[journal:]):
            if entry is None:
                self._entries.pop(key)
            else:
                self._entries[key] = entry
        del self._journal[journal:], self._outbox[outbox:], self._extra[extra:], self._after[after:]

    def _operations(self) -> dict[str, tuple[list[Operation], int]]:
        """Per collection: the write models, and how many matches the version checks must give."""
        operations: dict[str, list[Operation]] = defaultdict(list)
        checked: dict[str, int] = defaultdict(int)
        # Kind by kind: the driver sends a run of the same kind as one command. What is freed comes before what is taken.
        kinds: tuple[dict[str, list[Operation]], ...] = (defaultdict(list), defaultdict(list), defaultdict(list))
        deletes, replaces, inserts = kinds
        for (collection, document_id), entry in self._entries.items():
            condition = {"_id": document_id, "version": entry.stored}
            if not entry.dirty or (entry.now is None and entry.stored is None):
                continue
            if entry.now is None:
                deletes[collection].append(DeleteOne(condition))
            elif entry.stored is None:
                inserts[collection].append(InsertOne(entry.now))
            else:
                replaces[collection].append(ReplaceOne(condition, entry.now))
        for kind in kinds:
            for collection, alike in kind.items():
                operations[collection] += alike
                checked[collection] += 0 if kind is inserts else len(alike)
        for collection, operation in self._extra:
            operations[collection].append(operation)
            checked[collection] += 0 if isinstance(operation, InsertOne) else 1
        return {name: (operations[name], checked[name]) for name in operations}

    def _write(self, collection: str, operations: list[Operation], checked: int, session: ClientSession) -> None:
        try:
            result = self.collection(collection).bulk_write(operations, ordered=True, session=session)
        except BulkWriteError as error:
            raise duplicate_of(error) from error
        if result.matched_count + result.deleted_count + result.upserted_count != checked:
            raise Raced(collection)


def duplicate_of(error: BulkWriteError | DuplicateKeyError) -> Exception:
    """The refused unique index by name, or the error itself when it is something else."""
    details: Any = error.details or {}
    first = (details.get("writeErrors") or [details])[0]
    if first.get("code") != 11000:
        return error
    text = str(first.get("errmsg", ""))
    return Duplicate(text.split("index: ", 1)[-1].split(" ", 1)[0])
