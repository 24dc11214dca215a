"""The file store: write a stream, read any part of it, let it expire, destroy it."""

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from gridfs import GridFSBucket
from gridfs.errors import NoFile
from pymongo import ASCENDING, IndexModel

from shared.clock import Clock, new_id
from shared.errors import Invalid, NotFound
from shared.sealing import KEY_BYTES, MasterSecret, open_sealed, seal
from shared.storage.mongo import Document, MongoDatabase

COLLECTION = "files"
INDEXES = [IndexModel([("expires_at", ASCENDING)], name="expiring")]
BLOCK = 255 * 1024
"""Bytes of plain text in a block. Each is sealed by itself, so that a part can be read without all before it."""
_SEALED = BLOCK + len(seal(bytes(KEY_BYTES), "", b""))
_BUCKET, _PURPOSE = "file_blocks", "file keys"
_UPLOAD_TIME = timedelta(hours=1)


class TooLong(Invalid):
    """More came than this file may have."""

    code = "FILE_TOO_LARGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """What is known of a file. `size` in bytes; `tenant` is the cluster that it belongs to."""

    id: str
    tenant: str
    name: str
    media_type: str
    size: int
    created_at: datetime
    expires_at: datetime


class Files:
    """The files of one service.

    A file is there when `write` returned, whole, or not at all: an upload that breaks off is swept away. A destroyed
    file cannot be read any more, also not from a copy of its blocks: its key is gone with it.
    """

    def __init__(self, database: MongoDatabase, secret: MasterSecret, clock: Clock) -> None:
        self._files = database[COLLECTION]
        self._bucket = GridFSBucket(database, bucket_name=_BUCKET, chunk_size_bytes=_SEALED)
        self._secret, self._clock = secret, clock

    def write(
        self, chunks: Iterable[bytes], *, tenant: str, name: str, media_type: str, kept: timedelta, limit: int
    ) -> StoredFile:
        """Keep what comes, for this long. Raises TooLong beyond `limit` bytes, with nothing kept."""
        now, file_id, key = self._clock(), new_id(), os.urandom(KEY_BYTES)
        wrapped = self._secret.seal(_PURPOSE, file_id, key)
        facts = {"tenant": tenant, "name": name, "media_type": media_type, "size": 0, "key": wrapped}
        # Known before its first block: the sweep finds what a process left half written.
        begun = {"_id": file_id, **facts, "whole": False, "created_at": now, "expires_at": now + _UPLOAD_TIME}
        self._files.insert_one(begun)
        try:
            size = self._write_blocks(file_id, key, _at_most(chunks, limit))
        except BaseException:
            self.destroy(file_id)
            raise
        whole = {"whole": True, "size": size, "expires_at": now + kept}
        self._files.update_one({"_id": file_id}, {"$set": whole})
        return _stored({**begun, **whole})

    def describe(self, file_id: str) -> StoredFile:
        """What is known of it. Raises NotFound for one that is not whole, expired or destroyed."""
        return _stored(self._document(file_id))

    def read(self, file_id: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, block by block. Raises NotFound, also when it is destroyed meanwhile."""
        document = self._document(file_id)
        return self._blocks(document, start, document["size"] if end is None else min(end, document["size"]))

    def open(self, file_id: str) -> BinaryIO:
        """The file for reading and seeking, with one block in memory."""
        document = self._document(file_id)
        return io.BufferedReader(_Reader(document["size"], lambda s, e: self._blocks(document, s, e)), BLOCK)

    def destroy(self, file_id: str) -> None:
        """Remove the key and the blocks. One that is not there is no error."""
        self._files.delete_one({"_id": file_id})
        try:
            self._bucket.delete(file_id)
        except NoFile:
            return  # its blocks are removed all the same

    def sweep(self, limit: int = 100) -> int:
        """Destroy what expired and what was left half written. Returns how many."""
        query = {"expires_at": {"$lt": self._clock()}}
        expired = [row["_id"] for row in self._files.find(query, {"_id": 1}, limit=limit)]
        for file_id in expired:
            self.destroy(file_id)
        return len(expired)

    # -- inside

    def _document(self, file_id: str) -> Document:
        document = self._files.find_one({"_id": file_id, "whole": True})
        if document is None or document["expires_at"] < self._clock():
            raise _gone(file_id)
        return document

    def _write_blocks(self, file_id: str, key: bytes, chunks: Iterable[bytes]) -> int:
        size = number = 0
        with self._bucket.open_upload_stream_with_id(file_id, file_id) as stream:
            for number, block in enumerate(_blocks_of(chunks)):
                stream.write(seal(key, _name(file_id, number), block))
                size += len(block)
        return size

    def _blocks(self, document: Document, start: int, end: int) -> Iterator[bytes]:
        if start >= end:
            return
        file_id = document["_id"]
        key = self._secret.open(_PURPOSE, file_id, document["key"])
        try:
            with self._bucket.open_download_stream(file_id) as stream:
                first = start // BLOCK
                stream.seek(first * _SEALED)
                for number in range(first, (end - 1) // BLOCK + 1):
                    block = open_sealed(key, _name(file_id, number), stream.read(_SEALED))
                    offset = number * BLOCK
                    yield block[max(0, start - offset) : end - offset]
        except NoFile as error:
            raise _gone(file_id) from error


class _Reader(io.RawIOBase):
    """Reads by asking for a range each time."""

    def __init__(self, size: int, blocks: Any) -> None:
        super().__init__()
        self._size, self._blocks, self._place = size, blocks, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, origin + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        end = min(self._place + len(buffer), self._size, (self._place // BLOCK + 1) * BLOCK)
        data = b"".join(self._blocks(self._place, end))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def _at_most(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLong(f"The file may have {limit:,} bytes at most.")
        yield chunk


def _blocks_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        while len(rest) >= BLOCK:
            yield bytes(rest[:BLOCK])
            del rest[:BLOCK]
    if rest:
        yield bytes(rest)


def _name(file_id: str, block: int) -> str:
    return f"{file_id}/{block}"


def _stored(document: Document) -> StoredFile:
    names = ("tenant", "name", "media_type", "size", "created_at", "expires_at")
    return StoredFile(id=document["_id"], **{name: document[name] for name in names})


def _gone(file_id: str) -> NotFound:
    return NotFound(f"No file {file_id}; files are kept for a limited time.")
