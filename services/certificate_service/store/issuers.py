"""Awarding bodies as issuers: their sealed keys, their status lists, and what is reserved for certificates to come.

All of it is made before the transaction that uses it, race-safe by its own id: a reservation that is never used costs a
place in a list of 131,072.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from pymongo import IndexModel
from pymongo.errors import BulkWriteError

from services.certificate_service.adapters.keys import IssuerKey
from services.certificate_service.adapters.status_list import SIZE
from shared.errors import NotFound
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

ISSUERS, LISTS, RESERVATIONS = "issuers", "status_lists", "reservations"
INDEXES: dict[str, list[IndexModel]] = {ISSUERS: [], LISTS: [], RESERVATIONS: []}
_DUPLICATE_KEY = 11000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What the certificate of an enrolment will be called, and its number in a status list. Stays the same on retries."""

    enrolment_id: str
    certificate_id: str
    subject_id: str
    list_id: str
    counter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFacts:
    """A status list: whose it is, which bits are set, and a number that grows with each."""

    issuer_id: str
    revision: int


class Issuers:
    """Reads and makes issuers outside of any transaction."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    # -- keys

    def keys(self, issuer_id: str) -> list[IssuerKey]:
        """All keys of the issuer, oldest first. NotFound for one that never issued."""
        document = self._work.collection(ISSUERS).find_one({"_id": issuer_id})
        if document is None:
            raise NotFound(f"No issuer {issuer_id}.")
        return _keys(document)

    def ensure(self, issuer_id: str, new_key: Callable[[], IssuerKey]) -> IssuerKey:
        """The key that signs for the issuer now, made on first use; of two at once, the first one's stays."""
        rows = self._work.collection(ISSUERS)
        if rows.find_one({"_id": issuer_id}, {"_id": 1}) is None:
            fresh = {"keys": [msgspec.to_builtins(new_key(), builtin_types=(bytes, datetime))], "list_number": 1}
            rows.update_one({"_id": issuer_id}, {"$setOnInsert": fresh}, upsert=True)
        return self.keys(issuer_id)[-1]

    # -- places

    def take_numbers(self, issuer_id: str, count: int) -> list[tuple[str, int]]:
        """Numbers never given out before: (list, number). The issuer must be there. Opens the next list when one is full."""
        lists = self._work.collection(LISTS)
        while True:
            number = self._work.collection(ISSUERS).find_one({"_id": issuer_id}, {"list_number": 1})["list_number"]  # type: ignore[index]
            list_id = f"{issuer_id}-{number}"
            row = lists.find_one_and_update({"_id": list_id, "next": {"$lte": SIZE - count}}, {"$inc": {"next": count}})
            if row is not None:
                return [(list_id, row["next"] + i) for i in range(count)]
            self._open_list(issuer_id, number)

    def _open_list(self, issuer_id: str, number: int) -> None:
        """The list of this number when it is not there yet, else the one after it."""
        lists = self._work.collection(LISTS)
        if lists.find_one({"_id": f"{issuer_id}-{number}"}) is not None:
            self._work.collection(ISSUERS).update_one(
                {"_id": issuer_id, "list_number": number}, {"$set": {"list_number": number + 1}}
            )
            return
        fresh = {"issuer_id": issuer_id, "next": 0, "revision": 0}
        lists.update_one({"_id": f"{issuer_id}-{number}"}, {"$setOnInsert": fresh}, upsert=True)

    def list_facts(self, list_id: str) -> ListFacts:
        """Whose list it is and how often it changed. Raises NotFound if the list is not ours."""
        document = self._work.collection(LISTS).find_one({"_id": list_id})
        if document is None:
            raise NotFound(f"No status list {list_id}.")
        return ListFacts(issuer_id=document["issuer_id"], revision=document["revision"])

    def revoked_numbers(self, list_id: str) -> list[int]:
        """The places whose bit is set."""
        rows = self._work.collection("revoked_places").find({"list_id": list_id}, {"number": 1, "_id": 0})
        return [row["number"] for row in rows]

    # -- reservations

    def reservations(self, enrolment_ids: Iterable[str]) -> dict[str, Reservation]:
        """What is reserved for these enrolments, by enrolment."""
        rows = self._work.collection(RESERVATIONS).find({"_id": {"$in": list(enrolment_ids)}})
        return {row["_id"]: _reservation(row) for row in rows}

    def reserve(self, wanted: Iterable[Reservation]) -> dict[str, Reservation]:
        """Keep these unless something is reserved already; what holds now, by enrolment."""
        rows = [_row(reservation) for reservation in wanted]
        if rows:
            try:
                self._work.collection(RESERVATIONS).insert_many(rows, ordered=False)
            except BulkWriteError as error:
                if any(failure["code"] != _DUPLICATE_KEY for failure in error.details["writeErrors"]):
                    raise
        return self.reservations(row["_id"] for row in rows)


def _row(reservation: Reservation) -> Document:
    row: Document = msgspec.to_builtins(reservation)
    row["_id"] = row.pop("enrolment_id")
    return row


def _reservation(row: Mapping[str, Any]) -> Reservation:
    return msgspec.convert({**row, "enrolment_id": row["_id"]}, Reservation)


def _keys(document: Mapping[str, Any]) -> list[IssuerKey]:
    return msgspec.convert(document["keys"], list[IssuerKey], builtin_types=(bytes, datetime))
