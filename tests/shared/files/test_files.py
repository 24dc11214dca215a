"""Files are there whole or not at all, readable in parts, encrypted, and gone when their time is over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import NotFound
from shared.files.files import BLOCK, Files, TooLong
from shared.sealing import MasterSecret
from shared.storage.mongo import MongoDatabase

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
SECRET = MasterSecret(b"s" * 32)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def files(database: MongoDatabase, clock: Clock) -> Files:
    return Files(database, SECRET, clock)


def write(files: Files, data: bytes, **options: Any) -> str:
    facts = {"tenant": "heilbronn", "name": "people.csv", "media_type": "text/csv", "kept": timedelta(days=1)}
    chunks = (data[start : start + 10_000] for start in range(0, len(data), 10_000))
    return files.write(chunks, limit=10**9, **{**facts, **options}).id


def blocks_of(database: MongoDatabase) -> int:
    return database["file_blocks.chunks"].count_documents({})


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_a_file_is_read_as_it_was_written(files: Files, size: int) -> None:
    data = os.urandom(size)
    file_id = write(files, data)

    assert b"".join(files.read(file_id)) == data
    assert files.open(file_id).read() == data
    assert files.describe(file_id).size == size


@pytest.mark.parametrize(
    ("start", "end"), [(0, 1), (5, BLOCK), (BLOCK - 1, BLOCK + 1), (2 * BLOCK, None), (10**9, None)]
)
def test_any_part_of_a_file_can_be_read(files: Files, start: int, end: int | None) -> None:
    data = os.urandom(2 * BLOCK + 100)

    assert b"".join(files.read(write(files, data), start, end)) == data[start:end]


def test_an_opened_file_can_be_sought(files: Files) -> None:
    data = os.urandom(2 * BLOCK + 100)
    file = files.open(write(files, data))

    assert file.seek(0, os.SEEK_END) == len(data)
    file.seek(BLOCK - 10)
    assert file.read(20) == data[BLOCK - 10 : BLOCK + 10]


def test_nothing_of_a_file_is_stored_in_clear(files: Files, database: MongoDatabase) -> None:
    write(files, b"Ada Lovelace, 1815-12-10; " * 20_000)

    stored = b"".join(bytes(block["data"]) for block in database["file_blocks.chunks"].find())
    assert len(stored) > 500_000
    assert b"Ada Lovelace" not in stored


def test_a_file_that_is_too_long_leaves_nothing(files: Files, database: MongoDatabase) -> None:
    with pytest.raises(TooLong):
        files.write(
            (b"x" * BLOCK for _ in range(10)),
            tenant="t",
            name="n",
            media_type="m",
            kept=timedelta(days=1),
            limit=5 * BLOCK,
        )

    assert blocks_of(database) == 0
    assert database["files"].count_documents({}) == 0


def test_an_upload_that_breaks_off_leaves_nothing(files: Files, database: MongoDatabase) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"x" * (2 * BLOCK)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        files.write(breaking(), tenant="t", name="n", media_type="m", kept=timedelta(days=1), limit=10**9)

    assert blocks_of(database) == 0


def test_what_a_killed_process_left_half_written_is_swept(files: Files, database: MongoDatabase, clock: Clock) -> None:
    class Killed(BaseException):
        pass

    def breaking() -> Iterator[bytes]:
        yield b"x" * (2 * BLOCK)
        files.destroy = lambda _file_id: None  # type: ignore[method-assign,assignment]  # a killed process cleans nothing up
        raise Killed

    with pytest.raises(Killed):
        files.write(breaking(), tenant="t", name="n", media_type="m", kept=timedelta(days=9), limit=10**9)
    successor = Files(database, SECRET, clock)

    assert successor.sweep() == 0
    clock.now += timedelta(hours=2)
    assert successor.sweep() == 1
    assert blocks_of(database) == 0


def test_an_expired_file_is_not_found_and_then_swept(files: Files, database: MongoDatabase, clock: Clock) -> None:
    file_id = write(files, b"x")
    clock.now += timedelta(days=1, seconds=1)

    with pytest.raises(NotFound):
        files.read(file_id)
    assert files.sweep() == 1
    assert blocks_of(database) == 0


def test_a_destroyed_file_is_not_found(files: Files, database: MongoDatabase) -> None:
    file_id = write(files, b"x")
    files.destroy(file_id)
    files.destroy(file_id)

    with pytest.raises(NotFound):
        files.describe(file_id)
    assert blocks_of(database) == 0


def test_blocks_cannot_be_exchanged(files: Files, database: MongoDatabase) -> None:
    file_id = write(files, os.urandom(2 * BLOCK))
    blocks = database["file_blocks.chunks"]
    first, second = (blocks.find_one({"files_id": file_id, "n": n}) or {} for n in (0, 1))
    blocks.update_one({"_id": first["_id"]}, {"$set": {"data": second["data"]}})

    with pytest.raises(ValueError, match="sealed"):
        b"".join(files.read(file_id))
