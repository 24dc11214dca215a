"""An inbox as its tests use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.bus.held import Incoming
from shared.bus.inbox import Inbox, Subscription
from shared.errors import Conflict, NotYetKnown
from shared.schemas.event import Envelope
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.work import UnitOfWork
from tests.chaos.probe import Probe, probe_of
from tests.records import incoming

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
Act = Callable[[Probe, UnitOfWork], None]


@dataclass
class Desk:
    """An inbox with a handler that a test can change, and records to give it."""

    client: Mongo
    database: MongoDatabase
    topic: str
    act: Act
    prepare: Callable[[Sequence[Envelope], UnitOfWork], None] | None = None
    event_time: bool = False

    def __post_init__(self) -> None:
        self.offset = 0
        self.inbox = self.another()

    def another(self, act: Act | None = None) -> Inbox:
        """As another process would have it, perhaps with a mended handler."""
        handler = act or (lambda event, work: self.act(event, work))
        subscription = Subscription(
            name="desk", handlers={probe_of(self.topic): handler}, prepare=self.prepare, event_time=self.event_time
        )
        return Inbox(self.client, self.database, "/desk", subscription)

    def record(self, key: str, n: int, **facts: Any) -> Incoming:
        event = probe_of(self.topic)(probe_id=key, n=n, **facts)
        self.offset += 1
        return incoming(event, n, source="/probe", offset=self.offset, at=NOW + timedelta(seconds=n))

    def effects(self, key: str) -> list[int]:
        row = self.database["seen"].find_one({"_id": key})
        return row["ns"] if row else []

    def states(self) -> dict[str, int]:
        return self.inbox.held.counts()


def append(event: Probe, work: UnitOfWork) -> None:
    document = work.peek("seen", event.probe_id) or {"_id": event.probe_id, "ns": []}
    work.save("seen", {**document, "ns": [*document["ns"], event.n]})


def poisoned(event: Probe, work: UnitOfWork) -> None:
    if event.poison:
        raise Conflict("quotes data", code="BROKEN_RULE")
    append(event, work)


def waiting(event: Probe, work: UnitOfWork) -> None:
    if event.names is not None and work.peek("seen", event.names) is None:
        raise NotYetKnown(event.topic, event.names)
    append(event, work)
