"""The inbox: turns batches of records, delivered at least once, into effects that happen exactly once."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, IndexModel, InsertOne, UpdateOne

from shared.bus.held import AWAITING, BEHIND, DEAD, Held, HeldEvent, Incoming
from shared.clock import Clock, utc_now
from shared.errors import NotYetKnown, Transient, Unavailable
from shared.logs import get_logger
from shared.metrics import EVENTS_HANDLED
from shared.schemas.codec import Undecodable, decode
from shared.schemas.event import Envelope, Event
from shared.storage.mongo import Mongo, MongoDatabase, is_outage
from shared.storage.outbox import RECOGNISED
from shared.storage.transaction import commit
from shared.storage.work import Duplicate, Raced, UnitOfWork
from shared.tracing import consumer_span

log = get_logger(__name__)

COLLECTION = "inbox"
INDEXES = [IndexModel([("expires_at", ASCENDING)], name="kept", expireAfterSeconds=0)]
DISCARDED = "discarded_events"
_RACES = 20
_PAUSES = (0.0, 0.005, 0.02, 0.08)
"""Before each further attempt at what was refused as a duplicate, in seconds: what somebody else inserted can be read
only when a majority has it in its journal."""
_LAST_PAUSES = (0.2, 0.4, 0.8, 1.6)
"""And before an event that stands alone is set aside for it: a majority may lag for seconds."""
_RELEASE_PAUSES = (*_PAUSES, *_LAST_PAUSES, *[0.0] * _RACES)
RETRY_AWAITING = timedelta(seconds=2)

Handler = Callable[[Any, UnitOfWork], None]
Prepare = Callable[[Sequence[Envelope], UnitOfWork], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a consumer does with which events.

    `handlers`: one per event class. `prepare` runs once per batch before the transaction: it preloads what the batch
    names and looks up over HTTP what is needed (a failure there is Transient). With `event_time` the unit of work's
    clock shows each event's own time, so that a rebuilt read model comes out the same.
    """

    name: str
    handlers: Mapping[type[Event], Handler]
    prepare: Prepare | None = None
    event_time: bool = False

    @property
    def topics(self) -> list[str]:
        """The topics to subscribe to."""
        return sorted({kind.TYPE.split(".", 1)[0] for kind in self.handlers})


@dataclass(frozen=True, slots=True)
class _Item:
    record: Incoming
    id: str
    envelope: Envelope | None
    fault: str = ""

    @property
    def aggregate(self) -> str:
        return f"{self.record.topic}/{self.record.key}"


class Inbox:
    """Takes batches for one subscription of one service.

    Promises: the effects of an event and its inbox row are committed in one transaction, so a redelivered event has no
    second effect. A poison event goes to the dead letters, and the later ones of its key wait behind it, in the same
    transaction; other keys go on. An event that names what has not come yet is set aside and tried again. What fails
    for a passing reason raises Transient, with nothing written.
    """

    def __init__(
        self,
        client: Mongo,
        database: MongoDatabase,
        source: str,
        subscription: Subscription,
        *,
        generation: int = 1,
        clock: Clock = utc_now,
        aliases: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        passes_discarded: bool = False,
        recognised: timedelta = RECOGNISED,
    ) -> None:
        """`aliases` (or what returns them at the moment) maps read models' names to collections.

        `recognised`: how long an event that comes again is known to have come.

        With `passes_discarded` an event that an operator discarded in any generation has no effect in this one.
        """
        self._client, self._database, self._source = client, database, source
        self._subscription = subscription
        self._clock = clock
        self._aliases = aliases if callable(aliases) else lambda: aliases or {}
        self._wanted = {kind.TYPE.encode() for kind in subscription.handlers}
        self._name = f"{subscription.name}.g{generation}"
        self._rows = database[COLLECTION]
        self._discarded_rows = database[DISCARDED]
        self._passes_discarded = passes_discarded
        self._recognised = recognised
        self.held = Held(database, self._name)
        self.applied = 0
        self._awaiting = True
        self._speaks = False

    def take(self, records: Sequence[Incoming]) -> None:
        """Take in a batch. When it returns, every record has had its effect once, or is safely set aside."""
        items = _once_each([item for item in map(self._decoded, records) if item is not None])
        if not items:
            return
        self._take(items)
        self._count(items)
        if self._awaiting:
            self._try_all(self.held.awaited({item.aggregate for item in items}))

    def retry_awaiting(self) -> int:
        """Try again what awaits something and was not tried for a while. Returns how many events found it.

        What a batch brings is tried with that batch; this is for what came by another way or to another process.
        """
        self._awaiting = self.held.look()
        return self._try_all(self.held.awaiting(self._clock() - RETRY_AWAITING)) if self._awaiting else 0

    def release(
        self,
        aggregate: str,
        *,
        discard: str | None = None,
        note: Callable[[UnitOfWork], None] = lambda _work: None,
    ) -> int:
        """Apply what is set aside of one key in its order, as far as it goes. `discard` drops that one instead.

        Commits the effects with the release of the key, and with what `note` adds. Returns how many left. May be called
        from another process than the consumer's.
        """
        for attempt in range(_RACES):
            events = self.held.of_aggregate(aggregate)
            if not events:
                return 0
            try:
                return self._release(events, discard, note)
            except (Raced, Duplicate) as refused:
                last = refused
                # Out of step with whoever else works on this key: the consumer, another release.
                pause = 0.002 * attempt if isinstance(refused, Raced) else _RELEASE_PAUSES[attempt]
                time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 (no secret)
        if isinstance(last, Duplicate):
            raise last
        raise Transient(f"{aggregate} is busy; try again.")

    def is_discarded(self, event_id: str) -> bool:
        """Whether an operator discarded this event for this consumer, in whatever generation."""
        return event_id in self._discarded([event_id])

    def _discarded(self, ids: Iterable[str]) -> set[str]:
        wanted = [self._discarded_id(i) for i in ids]
        return {row["event"] for row in self._discarded_rows.find({"_id": {"$in": wanted}}, {"event": 1})}

    def _discarded_id(self, event_id: str) -> str:
        return f"{self._subscription.name}/{event_id}"

    def _try_all(self, events: Iterable[HeldEvent]) -> int:
        return sum(self._try_again(event) for event in events)

    def _try_again(self, event: HeldEvent) -> int:
        try:
            return self.release(event.aggregate)
        except Exception as error:
            if isinstance(error, Transient) or is_outage(error):
                raise
            log.warning("awaiting_event_failed", event_id=event.id, consumer=self._name, reason=_reason(error))
            self._bury(event, _reason(error))
            return 0

    def _bury(self, event: HeldEvent, reason: str) -> None:
        """It is no longer awaiting but dead; unless it has left meanwhile."""
        work = self._new_work()
        self.held.mark(work, event, state=DEAD, reason=reason, awaits=None)
        with suppress(Raced):
            commit(self._client, work)

    # -- taking

    def _decoded(self, record: Incoming) -> _Item | None:
        """None for an event that nobody here asked for: told by its type, before it is read."""
        if any(name == "ce_type" and value not in self._wanted for name, value in record.headers):
            return None
        try:
            envelope = decode(record.headers, record.value)
        except Undecodable as error:
            return _Item(record, f"{record.topic}/{record.partition}@{record.offset}", None, str(error))
        return _Item(record, envelope.id, envelope)

    def _fresh(self, items: list[_Item]) -> list[_Item]:
        """Without those taken in before, which may have been set aside."""
        self.held.doubt()
        known = self._known([item.id for item in items])
        return [item for item in items if item.id not in known]

    def _known(self, ids: list[str]) -> set[str]:
        wanted = [self._row_id(i) for i in ids]
        cut = len(self._name) + 1
        return {row["_id"][cut:] for row in self._rows.find({"_id": {"$in": wanted}}, {"_id": 1})}

    def _take(self, items: list[_Item]) -> None:
        """Optimistic: that nothing came before is not asked, the inbox's unique ids refuse what did."""
        pauses = iter(_PAUSES if len(items) > 1 else _PAUSES + _LAST_PAUSES)
        for _ in range(_RACES):
            try:
                return self._take_once(items)
            except Raced:
                items = self._fresh(items)
            except Duplicate as refused:
                # It came before, or somebody inserted the same in between: decide again on what is there now.
                pause = next(pauses, None)
                if pause is None:
                    return self._bisect(self._fresh(items), refused)
                time.sleep(pause)
                items = self._fresh(items)
            except Exception as error:
                if isinstance(error, Transient) or is_outage(error):
                    raise
                return self._bisect(self._fresh(items), error)
        raise Transient("Too many races on the same documents.")

    def _bisect(self, items: list[_Item], error: Exception) -> None:
        """The transaction was refused for good: halve the batch until the culprit stands alone, then set it aside."""
        if len(items) > 1:
            middle = len(items) // 2
            self._take(items[:middle])
            self._take(items[middle:])
        elif items and items[0].envelope is not None:
            self._take([_Item(items[0].record, items[0].id, None, _reason(error))])
        elif items:
            raise error  # not even the setting aside is accepted: nothing that we could skip

    def _take_once(self, items: list[_Item]) -> None:
        if not items:
            return
        self._speaks = log.is_enabled_for(logging.DEBUG)  # asked once a batch: a call that says nothing costs 15 us
        work = self._new_work()
        passed = self._discarded(item.id for item in items) if self._passes_discarded else ()
        barred = self.held.held_aggregates(item.aggregate for item in items)
        self._prepare(work, [item for item in items if item.aggregate not in barred and item.id not in passed])
        applied, expires_at = 0, self._clock() + self._recognised
        for item in items:
            if item.id in passed:
                pass  # only its inbox row
            elif item.aggregate in barred:
                self.held.add(work, item.record, held_id=item.id, state=BEHIND, reason="waits for an earlier event")
            elif not self._apply_or_hold(work, item):
                barred.add(item.aggregate)
            else:
                applied += 1
            work.also(COLLECTION, InsertOne({"_id": self._row_id(item.id), "expires_at": expires_at}))
        commit(self._client, work)
        self.applied += applied

    def _prepare(self, work: UnitOfWork, items: list[_Item]) -> None:
        if self._subscription.prepare is None:
            return
        envelopes = [item.envelope for item in items if item.envelope is not None]
        try:
            if envelopes:
                self._subscription.prepare(envelopes, work)
        except Unavailable as error:
            raise Transient(error.detail) from error

    def _apply_or_hold(self, work: UnitOfWork, item: _Item) -> bool:
        state, reason, awaits = self._apply(work, item)
        if state is None:
            return True
        self._awaiting = self._awaiting or state == AWAITING
        log.warning("event_set_aside", state=state, event_id=item.id, consumer=self._name, reason=reason)
        self.held.add(work, item.record, held_id=item.id, state=state, reason=reason, awaits=awaits)
        return False

    def _apply(self, work: UnitOfWork, item: _Item) -> tuple[str | None, str, str | None]:
        """Run the handler. (None, ...) when it went well, else the state to hold it in, why, and what it awaits."""
        if item.envelope is None:
            return DEAD, item.fault, None
        handler = self._subscription.handlers[type(item.envelope.event)]
        clock, mark = work.clock, work.mark()
        try:
            with consumer_span(item.envelope.type, item.envelope.traceparent):
                self._set_clock(work, item.envelope.time)
                handler(item.envelope.event, work)
                if self._speaks:
                    log.debug("event_applied", event_id=item.id, consumer=self._name)
        except NotYetKnown as missing:
            work.undo(mark)
            return AWAITING, missing.detail, f"{missing.topic}/{missing.key}"
        except (Transient, Unavailable) as error:
            raise Transient(error.detail) from error
        except Exception as error:
            if is_outage(error):
                raise
            work.undo(mark)
            return DEAD, _reason(error), None
        finally:
            work.clock = clock
        return None, "", None

    # -- releasing

    def _release(self, events: list[HeldEvent], discard: str | None, note: Callable[[UnitOfWork], None]) -> int:
        work = self._new_work()
        left: list[HeldEvent] = []
        gone: list[HeldEvent] = []
        items = [self._decoded(event.record) for event in events]
        self._prepare(work, [item for item in items if item is not None])
        verdict: tuple[str | None, str, str | None] = (None, "", None)
        for event, item in zip(events, items, strict=True):
            if left:
                left.append(event)
            elif event.id == discard or item is None:
                gone.append(event)
                if event.id == discard:
                    self._note_discarded(work, event.id)
            else:
                verdict = self._apply(work, item)
                (left if verdict[0] else gone).append(event)
        self.held.remove(work, gone, key_is_free=not left)
        if left:
            state, reason, awaits = verdict
            self.held.mark(work, left[0], state=state or DEAD, reason=reason, awaits=awaits)
        note(work)
        commit(self._client, work)
        return len(gone)

    def _note_discarded(self, work: UnitOfWork, event_id: str) -> None:
        """In the work's transaction: a rebuild passes it over, too."""
        row = {"consumer": self._subscription.name, "event": event_id, "at": work.clock()}
        work.also(DISCARDED, UpdateOne({"_id": self._discarded_id(event_id)}, {"$setOnInsert": row}, upsert=True))

    # -- small things

    def _count(self, items: list[_Item]) -> None:
        for topic, count in Counter(item.record.topic for item in items).items():
            EVENTS_HANDLED.labels(topic).inc(count)

    def _row_id(self, item_id: str) -> str:
        return f"{self._name}/{item_id}"

    def _new_work(self) -> UnitOfWork:
        return UnitOfWork(self._database, self._clock, self._source, self._aliases())

    def _set_clock(self, work: UnitOfWork, moment: datetime) -> None:
        if self._subscription.event_time:
            work.clock = lambda: moment


def _once_each(items: list[_Item]) -> list[_Item]:
    """Without repeats inside the batch."""
    first: dict[str, _Item] = {}
    for item in items:
        first.setdefault(item.id, item)
    return list(first.values())


def _reason(error: Exception) -> str:
    """Types and codes only: a message may quote data."""
    kind = type(error).__name__
    if isinstance(error, Duplicate):
        return f"{kind}: {error.index}"
    return str(getattr(error, "error_code", kind))
