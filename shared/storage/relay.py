"""The relay: takes events from the outbox to the broker, one at a time per service, in each aggregate's order."""

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Protocol

from pymongo.errors import PyMongoError

from shared.logs import get_logger
from shared.metrics import EVENTS_SENT
from shared.storage.lease import Lease
from shared.storage.mongo import Document, Mongo, MongoDatabase
from shared.storage.outbox import BATCH, RECOGNISED, Outbox
from shared.storage.wakeup import Wakeup

log = get_logger(__name__)

SWEEP_SECONDS = 1.0
_PAUSE_AFTER_FAILURE = 0.2
_TURN_SECONDS = 0.01


class LogLost(Exception):
    """The broker has less of these topics than it acknowledged: what it lost must come before anything new."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = sorted(topics)
        super().__init__(", ".join(self.topics))


class Publisher(Protocol):
    """Sends outbox rows to the broker."""

    def publish(self, rows: Sequence[Document]) -> list[str]:
        """Send in the given order; the ids that the broker acknowledged. Of each aggregate these are a prefix.

        Raises LogLost when the broker lost what it had acknowledged, again and again until it is told to `forget`.
        """
        ...

    def watch(self) -> None:
        """Called while there is nothing to send. Raises LogLost as `publish` does."""
        ...

    def forget(self, topics: Iterable[str]) -> None:
        """All that was sent of these topics is marked unsent: the log may begin anew."""
        ...

    def hurry(self) -> None:
        """Called by another thread: end the publishing that is under way soon, with what is acknowledged by then."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Relay:
    """Promises: an event is marked sent only after the broker's acknowledgement; event n+1 of an aggregate first
    appears after n; every committed event is sent, whatever died in between; the lease keeps a second relay waiting.

    A relay that froze, lost its lease and woke up may send again what was sent. It cannot reorder first appearances:
    its batch is a prefix of what its successor sent from the same outbox.
    """

    def __init__(
        self,
        client: Mongo,
        database: MongoDatabase,
        publisher: Publisher,
        *,
        stamp: Callable[[Lease], int] | None = None,
        batch: int = BATCH,
        lease_seconds: float = 5.0,
        recognised: timedelta = RECOGNISED,
    ) -> None:
        """`stamp` numbers the entries of a feed under the lease; returns how many it numbered."""
        self._database = database
        self._outbox = Outbox(client, database, recognised)
        self._publisher = publisher
        self._stamp = stamp
        self._batch = batch
        self._lease = Lease(database, "relay", uuid.uuid4().hex, lease_seconds)
        self._wakeup = Wakeup(client, database)
        self.sent = 0
        self._refused = False
        self._lost: set[str] = set()

    def run(self, stop: threading.Event, alive: Callable[[], None] = lambda: None) -> None:
        """Relay until `stop`; survives the loss of MongoDB and of the broker. `alive` is told of each turn."""
        while not stop.is_set():
            alive()
            try:
                self._turn(stop)
            except PyMongoError as error:
                log.warning("relay_storage_failed", error=type(error).__name__, code=getattr(error, "code", None))
                self._wakeup.close()
                stop.wait(_PAUSE_AFTER_FAILURE)
            except Exception:
                # A relay that ends by an error of ours would leave the service mute while it looks alive.
                log.exception("relay_failed")
                stop.wait(SWEEP_SECONDS)
        self._finish()

    def step(self) -> int:
        """Send one batch if we hold the lease. Returns how many events were acknowledged."""
        if self._lease.due and not self._lease.acquire():
            return 0
        if self._lost:
            self._send_again()
        stamped = self._stamp(self._lease) if self._stamp else 0
        rows = self._outbox.unsent(self._batch)
        if not self._lease.held:
            return stamped
        try:
            if not rows:
                self._publisher.watch()
                return stamped
            acknowledged = self._publisher.publish(rows)
        except LogLost as lost:
            self._lost |= set(lost.topics)
            self._send_again()
            return 0
        self._refused = not acknowledged
        self._outbox.mark_sent(acknowledged)
        self.sent += len(acknowledged)
        EVENTS_SENT.inc(len(acknowledged))
        return len(acknowledged)

    def hurry(self) -> None:
        """Called by another thread when we are to stop: do not wait for a broker that hangs."""
        self._publisher.hurry()

    def backlog(self) -> tuple[int, float]:
        """Unsent events and the age of the oldest in seconds."""
        return self._outbox.backlog()

    def _send_again(self) -> None:
        """Mark what was lost unsent. Until that is done nothing else is sent: when MongoDB fails, the next step tries."""
        again = self._outbox.replay({"topic": {"$in": sorted(self._lost)}})
        self._publisher.forget(self._lost)
        log.error("broker_lost_its_log", topics=sorted(self._lost), events_sent_again=again)
        self._lost.clear()

    def _turn(self, stop: threading.Event) -> None:
        # Listening starts before the read: what is committed after the read rings.
        self._wakeup.open()
        begun = time.monotonic()
        if self._refused:
            stop.wait(_PAUSE_AFTER_FAILURE)
        if self.step() < self._batch and not stop.is_set() and self._wakeup.wait(SWEEP_SECONDS):
            # Under load this gathers what several transactions commit: one read, one send, one mark for all of it.
            stop.wait(max(0.0, begun + _TURN_SECONDS - time.monotonic()))

    def _finish(self) -> None:
        self._wakeup.close()
        self._publisher.close()
        try:
            self._lease.give_up()
        except PyMongoError as error:
            log.warning("relay_lease_not_given_up", error=type(error).__name__)
