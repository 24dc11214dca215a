"""A group commit with two kinds of questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from shared.errors import Conflict, Unavailable
from shared.storage.group import GroupCommit
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.work import UnitOfWork
from tests.shared.storage.writing import Name, Seat


@pytest.fixture
def group(client: Mongo, database: MongoDatabase) -> Iterator[GroupCommit]:
    database["things"].create_index("place", unique=True, name="one_place", sparse=True)
    group = GroupCommit(
        client,
        database,
        "/probe",
        duplicates={"one_place": lambda: Conflict("Taken.", code="TAKEN")},
        resolvers={Seat: _seats},
        apart={Name: _slow_name},
    )
    yield group
    group.close()


def _slow_name(question: Name) -> str:
    question.asked.set()
    if not question.answered.wait(10):
        raise Unavailable("Nobody answers.")
    return f"the name of {question.of}"


def _seats(work: UnitOfWork, questions: Sequence[Seat]) -> Mapping[Any, Any]:
    return {seat: (len(questions), seat.person) for seat in questions}
