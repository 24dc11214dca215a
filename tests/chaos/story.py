"""The story of a session whose history is impossible: one sighting must be enough to find out why."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from shared.storage.mongo import Document, MongoDatabase
from tests.chaos.checker import Verdict, judge
from tests.chaos.history import Case


def judged(database: MongoDatabase, cases: Sequence[Case]) -> Verdict:
    """The verdict on all sessions. Of those whose history is impossible the story is printed."""
    verdict = judge(cases)
    for case in cases:
        if any(sentence.startswith(case.session) for sentence in verdict.violations):
            print(f"The story of {case.session}:\n{story(database, case)}", file=sys.stderr)
    return verdict


def story(database: MongoDatabase, case: Case) -> str:
    """What was asked in this session, and what MongoDB's log says was written to its seats and enrolments, in the order
    of time: for whoever must find out why its history is impossible."""
    lines = [(operation.called, str(operation)) for operation in case.operations]
    documents = [case.session, *(track.id for track in case.tracks)]
    for entry in _written(database, documents):
        parts = entry["o"].get("applyOps") or [entry]
        written = [_one_write(part) for part in parts if _document_of(part) in documents]
        lines.append((entry["wall"].timestamp(), f"written: {'; '.join(written)}"))
    return "\n".join(f"{at:.3f} {line}" for at, line in sorted(lines))


def _written(database: MongoDatabase, documents: Sequence[str]) -> Iterable[Document]:
    fields = ("o._id", "o2._id", "o.applyOps.o._id", "o.applyOps.o2._id")
    collections = [f"{database.name}.{name}" for name in ("seats", "enrolments")]
    ours = {"$or": [{"ns": {"$in": collections}}, {"o.applyOps.ns": {"$in": collections}}]}
    log = database.client["local"]["oplog.rs"]
    return log.find({"$and": [ours, {"$or": [{field: {"$in": documents}} for field in fields]}]})


def _document_of(entry: Document) -> Any:
    return (entry.get("o2") or entry["o"]).get("_id")


def _one_write(entry: Document) -> str:
    what = entry["o"].get("diff") or entry["o"]
    return f"{entry['op']} {entry['ns'].split('.')[-1]} {_document_of(entry)} {what}"
