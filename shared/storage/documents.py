"""Documents <-> versioned things: what the stores of all services do alike."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from pymongo import ASCENDING, IndexModel

from shared.errors import Conflict, NotFound
from shared.schemas.event import Event
from shared.storage.mongo import Document
from shared.storage.work import Absent, UnitOfWork
from shared.versioned import Versioned

K = TypeVar("K", bound=Versioned)
TEXT: Final[Document] = {"$type": "string"}
"""Of a partial index, and of each query that is to use it: MongoDB asks for the same words."""


class Documents:
    """Things of several kinds, each kind in a collection of its own, as one unit of work sees them. Base of a store."""

    def __init__(self, work: UnitOfWork, collections: Mapping[type[Versioned], str]) -> None:
        self._work, self._collections = work, collections

    def get(self, kind: type[K], thing_id: str) -> K:
        """The thing with this id. Raises NotFound."""
        try:
            return thing_of(kind, self._work.get(self._collections[kind], thing_id))
        except Absent as error:
            raise not_found(kind, thing_id) from error

    def find(self, kind: type[K], thing_id: str) -> K | None:
        """As `get`, but None when there is none."""
        return self.known(kind, [thing_id]).get(thing_id)

    def known(self, kind: type[K], ids: Iterable[str]) -> dict[str, K]:
        """Those of the ids that are there, in their order, by one query."""
        wanted, collection = list(ids), self._collections[kind]
        self._work.preload(collection, wanted)
        found = ((thing_id, self._work.peek(collection, thing_id)) for thing_id in wanted)
        return {thing_id: thing_of(kind, row) for thing_id, row in found if row is not None}

    def named(self, kind: type[K], ids: Sequence[str]) -> list[K]:
        """The same as a list."""
        return list(self.known(kind, ids).values())

    def require_new(self, kind: type[Versioned], thing_id: str) -> None:
        """Raise Conflict when the id is taken."""
        if self._work.peek(self._collections[kind], thing_id) is not None:
            raise Conflict(f"There is a {kind.word()} with this id already.", code="ALREADY_EXISTS")

    def save(self, thing: K, events: Iterable[Event] = ()) -> K:
        """Keep it with what happened; returns it as stored."""
        document = {**document_of(thing), **self._beside(thing)}
        return thing_of(type(thing), self._work.save(self._collections[type(thing)], document, events))

    def _beside(self, thing: Versioned) -> Document:  # noqa: ARG002 (for stores that have some)
        """What is stored beside a thing, for queries only."""
        return {}

    def _find(self, kind: type[K], query: Document, **options: Any) -> list[K]:
        return [thing_of(kind, row) for row in self._work.find(self._collections[kind], query, **options)]


def thing_of(kind: type[K], document: Document) -> K:
    """The thing in a document."""
    return msgspec.convert({**document, "id": document["_id"]}, kind)


def document_of(thing: Versioned) -> Document:
    """The document of a thing, but for its version and times, which the unit of work sets."""
    document: Document = msgspec.to_builtins(thing, builtin_types=(datetime,))
    for field in ("version", "created_at", "updated_at"):
        del document[field]
    return {"_id": document.pop("id"), **document}


def not_found(kind: type[Versioned], thing_id: str) -> NotFound:
    """The same words whether it does not exist or is not for this caller."""
    return NotFound(f"No {kind.word()} {thing_id}.")


def index(*fields: str, name: str, unique: bool = False, only: Document | None = None) -> IndexModel:
    """An ascending index; `only`: of those documents."""
    partial = {"partialFilterExpression": only} if only else {}
    return IndexModel([(field, ASCENDING) for field in fields], name=name, unique=unique, **partial)
