"""Holders: one document per person, with the wrapped keys and the mapping to certificates. Destroyed on erasure."""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from services.certificate_service.domain import Holder
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

HOLDERS = "holders"
_DUPLICATE_KEY = 11000
NewKey = Callable[[], tuple[str, bytes]]
"""Makes a fresh key: its id, and it wrapped."""


class Holders:
    """Reads and writes holders through one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def ensure(self, person_ids: Iterable[str], new_key: NewKey) -> None:
        """See to it that each has a document, before any transaction: a race is settled by the first.

        Whoever decides about a holder then saves a known version, so that no two decisions about them cross.
        """
        wanted = list(dict.fromkeys(person_ids))
        rows = self._work.collection(HOLDERS)
        known = {row["_id"] for row in rows.find({"_id": {"$in": wanted}}, {"_id": 1})}
        missing = [
            UpdateOne({"_id": i}, {"$setOnInsert": self._fresh(new_key)}, upsert=True) for i in wanted if i not in known
        ]
        if missing:
            try:
                rows.bulk_write(missing, ordered=False)
            except BulkWriteError as error:
                if any(failure["code"] != _DUPLICATE_KEY for failure in error.details["writeErrors"]):
                    raise
        self._work.preload(HOLDERS, wanted)

    def resolve(self, person_id: str) -> Holder:
        """The holder who answers for this id now: after a merge the one that remains.

        Without `ensure` somebody unknown comes back as a holder of nothing.
        """
        seen: set[str] = set()
        holder = self.get(person_id)
        while holder.merged_into is not None and holder.merged_into not in seen:
            seen.add(holder.person_id)
            holder = self.get(holder.merged_into)
        return holder

    def get(self, person_id: str) -> Holder:
        """The holder's own document, merged or not."""
        document = self._work.peek(HOLDERS, person_id)
        return Holder(person_id=person_id) if document is None else _holder(document)

    def save(self, holder: Holder) -> None:
        """Store it: also unchanged, to make sure that nobody else decides about them at the same time."""
        document = msgspec.to_builtins(holder, builtin_types=(bytes,))
        document["_id"] = document.pop("person_id")
        self._work.save(HOLDERS, document)

    def _fresh(self, new_key: NewKey) -> Mapping[str, object]:
        now = self._work.clock()
        document = msgspec.to_builtins(Holder(person_id="", keys=dict([new_key()])), builtin_types=(bytes,))
        del document["person_id"]
        return {**document, "version": 1, "sequence": 0, "created_at": now, "updated_at": now}


def _holder(document: Document) -> Holder:
    return msgspec.convert({**document, "person_id": document["_id"]}, Holder, builtin_types=(bytes,))
