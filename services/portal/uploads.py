"""Files that somebody has chosen in a wizard and not yet imported. Kept for an hour, sealed, for who chose them only."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from io import BytesIO
from itertools import islice
from typing import Any, Final

import msgspec
from pymongo import IndexModel

from services.portal.sealed import Seal
from shared.clock import Clock
from shared.errors import NotFound
from shared.storage.mongo import MongoDatabase
from shared.storage.patience import Patience
from shared.tables.reading import open_table

LARGEST: Final = 10 * 1024 * 1024
KEPT: Final = timedelta(hours=1)
_SAMPLES: Final = 3
_LONGEST_SAMPLE: Final = 60
_TTL: Final = IndexModel("expires_at", name="over", expireAfterSeconds=0)


class Upload(msgspec.Struct, frozen=True, dict=True):
    """A file as it was sent."""

    name: str
    content: bytes

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names in its first row. Raises TableError when it is no table."""
        return open_table(BytesIO(self.content)).columns

    def samples(self) -> dict[str, list[str]]:
        """The first cells of each column that have something in them."""
        rows = list(islice(open_table(BytesIO(self.content)).rows, _SAMPLES))
        return {column: [cell for row in rows if (cell := _shown(row.cells.get(column)))] for column in self.columns}


@dataclass(frozen=True, slots=True)
class Uploads:
    """The files. An id opens one together with the subject who sent it; the database alone opens none."""

    database: MongoDatabase
    seal: Seal
    now: Clock

    def keep(self, subject: str, upload: Upload) -> str:
        """The id under which the file can be read for an hour."""
        upload_id = secrets.token_urlsafe(18)
        secret = _secret(subject, upload_id)
        document = {
            "_id": self.seal.digest("upload", secret),
            "box": self.seal.close(secret, msgspec.msgpack.encode(upload)),
            "expires_at": self.now() + KEPT,
        }
        kept = self.database["uploads"]
        patience = Patience.with_(self.database.client)
        patience.repeat(lambda: kept.create_indexes([_TTL]))
        patience.repeat(lambda: kept.replace_one({"_id": document["_id"]}, document, upsert=True))
        return upload_id

    def get(self, subject: str, upload_id: str) -> Upload:
        """The file. NotFound when there is none of theirs, or its hour is over."""
        secret = _secret(subject, upload_id)
        query = {"_id": self.seal.digest("upload", secret), "expires_at": {"$gt": self.now()}}
        found = Patience.with_(self.database.client).repeat(lambda: self.database["uploads"].find_one(query))
        if found is None:
            raise NotFound("This file is not kept any longer.", code="UPLOAD_OVER")
        return msgspec.msgpack.decode(self.seal.open(secret, found["box"]), type=Upload)

    def drop(self, subject: str, upload_id: str) -> None:
        """Forget a file that was imported."""
        key = {"_id": self.seal.digest("upload", _secret(subject, upload_id))}
        Patience.with_(self.database.client).repeat(lambda: self.database["uploads"].delete_one(key))


def _secret(subject: str, upload_id: str) -> str:
    return f"{subject}:{upload_id}"


def _shown(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    return text if len(text) <= _LONGEST_SAMPLE else f"{text[:_LONGEST_SAMPLE]} …"
