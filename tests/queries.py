"""Every query that our code puts to MongoDB while tests of services run, explained once: none may read a collection from end to
end, and none may sort in memory what has no bound.

A listener of the driver sees each command with the code that asks (`services/`, `shared/`; what tests ask themselves is
theirs). A command of a new form is explained as soon as the server has answered it.
"""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from pymongo import MongoClient, monitoring
from pymongo.errors import PyMongoError

ROOT: Final = Path(__file__).resolve().parent.parent
_OURS: Final = (f"{ROOT}/services/", f"{ROOT}/shared/")
_HANDED_ON: Final = tuple(f"{ROOT}/shared/storage/{name}.py" for name in ("work", "patience", "pages"))
"""They ask for somebody else."""
_PASSING: Final = frozenset({"lsid", "txnNumber", "startTransaction", "autocommit", "writeConcern", "readConcern"})
_PLANNED: Final = frozenset({"find", "aggregate", "update", "delete", "findAndModify", "distinct"})
_PARTS: Final = {"update": "updates", "delete": "deletes"}
_OF_A_BATCH: Final = 3
_SHOWN: Final = 600

SMALL: Final = {
    "wakeup": "capped at a few documents",
    "generations": "one document for each read model",
    "consumer_progress": "one document for each consumer",
    "places": "one document for each topic",
    "frameworks": "one document for each imported vocabulary",
}
"""Collections that may be read as a whole, and what bounds them."""
RARE: Final = {
    "services/catalog_service/adapters/live_index.py:LiveIndex._follow": "a change stream: it follows what happens from now on",
    "services/catalog_service/store/skills.py:Skills._using": "an import of a vocabulary counts the courses that it concerns",
    "services/enrolment_service/store/changes.py:enter_all": "a migration: once, through all enrolments",
    "shared/storage/outbox.py:Outbox.replay": "an operator's replay, or a lost log: in the order of insertion",
}
"""Code that may read all of a collection, and why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A query that reads or sorts without a bound."""

    asked_by: str
    collection: str
    plan: str
    command: str


class Watch(monitoring.CommandListener):
    """Explains what it has not seen yet, and keeps what is wrong until somebody takes it."""

    def __init__(self, *, awake: bool = True) -> None:
        self.awake = awake
        self.explained: set[tuple[Any, ...]] = set()
        self._found: list[Finding] = []
        self._asked: dict[int, tuple[str, Mapping[str, Any]]] = {}
        self._clients: dict[Any, MongoClient[dict[str, Any]]] = {}
        self._busy = threading.local()
        self._opening = threading.Lock()

    def take(self) -> list[Finding]:
        """What was found since the last call. Closes what that was found with."""
        found, self._found = self._found, []
        while self._clients:
            self._clients.popitem()[1].close()
        return found

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if not self.awake or event.command_name not in _PLANNED or getattr(self._busy, "explaining", False):
            return
        asker = _asker(sys._getframe(1))
        if asker is not None:
            self._asked[event.request_id] = (asker, event.command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        asker, command = self._asked.pop(event.request_id, (None, {}))
        if asker is None:
            return
        for part in _parts(event.command_name, command):
            form = (asker, _form(part))
            if form not in self.explained and self._explain(event, asker, part):
                self.explained.add(form)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._asked.pop(event.request_id, None)

    def _explain(self, event: monitoring.CommandSucceededEvent, asker: str, command: dict[str, Any]) -> bool:
        self._busy.explaining = True
        try:
            plan = self._client(event.connection_id)[event.database_name].command("explain", command)
        except PyMongoError:  # the server went, or the collection did: the next one of this form is explained
            return False
        finally:
            self._busy.explaining = False
        self._found += _judged(asker, command, plan)
        return all(stage["stage"] != "EOF" for stage in _inside(plan, "stage"))  # else there was no collection yet

    def _client(self, address: Any) -> MongoClient[dict[str, Any]]:
        key = os.getpid(), address
        with self._opening:  # services ask from threads of their own, too
            if key not in self._clients:
                self._clients[key] = MongoClient(
                    *address, directConnection=True, serverSelectionTimeoutMS=500, timeoutMS=2000
                )
            return self._clients[key]


WATCH: Final = Watch(awake=False)


def _asker(frame: FrameType | None) -> str | None:
    """`file:Class.function` of the code of ours that asks; None when a test does."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_OURS) and name not in _HANDED_ON:
            return f"{Path(name).relative_to(ROOT)}:{frame.f_code.co_qualname.partition('.<locals>')[0]}"
        if name.startswith(f"{ROOT}/tests/"):
            return None
        frame = frame.f_back
    return None


def _parts(name: str, command: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What explain takes: a command without its session, one row of a bulk write at a time."""
    bare = {key: value for key, value in command.items() if key not in _PASSING and not key.startswith("$")}
    if name not in _PARTS:
        yield bare
        return
    rows = bare.pop(_PARTS[name])
    for row in rows[:_OF_A_BATCH]:
        yield {**bare, _PARTS[name]: [row]}


def _form(value: Any) -> Any:
    """A command without its values."""
    if isinstance(value, Mapping):
        return tuple((key, _form(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(dict.fromkeys(_form(inner) for inner in value[:_OF_A_BATCH]))
    return type(value).__name__


def _judged(asker: str, command: dict[str, Any], plan: Any) -> Iterator[Finding]:
    collection = str(next(iter(command.values())))
    if collection.partition(".g")[0] in SMALL or asker in RARE:
        return
    limited = "limit" in command
    if limited and not command.get("filter", True):
        return  # any document will do: the first of the collection is one
    for choice in _inside(plan, "winningPlan"):
        candidates = [choice["winningPlan"], *choice.get("rejectedPlans", ())]
        if all(_is_unbounded(candidate, limited=limited) for candidate in candidates):
            stages = " < ".join(stage["stage"] for stage in _inside(candidates[0], "stage"))
            yield Finding(asker, collection, stages, str(command)[:_SHOWN])


def _is_unbounded(plan: Any, *, limited: bool) -> bool:
    """Whether it reads all of a collection, or sorts in memory whatever it finds."""
    for stage in _inside(plan, "stage"):
        if stage["stage"] == "COLLSCAN":
            return True
        if stage["stage"] == "SORT" and "limitAmount" not in stage:
            return True
        if stage["stage"] == "IXSCAN" and not limited and _reads_all(stage):
            return True
    return False


def _reads_all(scan: Mapping[str, Any]) -> bool:
    """Of an index that holds every document; one that holds few is made to be read as a whole."""
    bounds = scan.get("indexBounds", {}).values()
    whole = all(bound == ["[MinKey, MaxKey]"] for bound in bounds)
    return bool(bounds) and whole and not (scan["isPartial"] or scan["isSparse"])


def _inside(plan: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """Every part of a plan that has this field."""
    if isinstance(plan, list):
        for part in plan:
            yield from _inside(part, name)
    elif isinstance(plan, Mapping):
        if name in plan:
            yield plan
        for key, part in plan.items():
            if key != "rejectedPlans":
                yield from _inside(part, name)
