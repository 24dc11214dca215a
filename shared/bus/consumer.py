"""The consumer loop: poll, take in, commit the offset; back off while something is away."""

import threading
import time
from collections.abc import Callable
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaError, KafkaTimeoutError, RetriableError
from kafka.structs import OffsetAndMetadata, TopicPartition
from pymongo.errors import PyMongoError

from shared.bus.held import Incoming
from shared.bus.inbox import Inbox
from shared.bus.kafka import KafkaSettings, close_consumer, ensure_topics, open_consumer, partitions_of
from shared.errors import Transient
from shared.logs import get_logger

log = get_logger(__name__)

POLL_RECORDS = 500
_POLL_MS = 1000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_SWEEP_SECONDS = 0.5
_LAG_SECONDS = 2.0
_REBALANCE_SECONDS = 15.0
_COMMIT_SECONDS = 0.5
_ANSWER_MS = 2000
_BROKER_SECONDS = 120.0

Batch = dict[TopicPartition, list[Any]]


class Consumer:
    """Feeds one inbox from its topics. Runs in one thread of its own; `run` returns soon after `stop` is set.

    The offset is committed after the inbox's transaction: a crash in between delivers again, and the inbox drops it.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        topics: list[str],
        inbox: Inbox,
        *,
        superseded: Callable[[], bool] = lambda: False,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """`superseded` says that another generation is in use now: `run` returns then. `alive` is told of each turn."""
        self._settings, self._group, self._topics, self._inbox = settings, group, topics, inbox
        self._superseded, self._alive = superseded, alive
        self._stop = threading.Event()
        self._kafka: KafkaConsumer | None = None
        self._swept_at = self._looked_at = self._member_at = self._heard_at = 0.0
        self.caught_up: dict[TopicPartition, float] = {}
        """When all that the log held was last taken in, in epoch seconds, of each partition of our topics; 0: never."""
        self.lag: int | None = None
        self._aim: dict[TopicPartition, tuple[int, float]] = {}
        self._taken: dict[TopicPartition, OffsetAndMetadata] = {}
        self._assigned_anew = False
        self._committed_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop`, whatever dies in between."""
        self._stop = stop
        try:
            while not stop.is_set() and not self._superseded_now():
                self._alive()
                self.guarded_turn(stop)
        finally:
            self.close()

    def turn(self) -> int:
        """One poll and, if something came, one batch. Returns how many records were taken in."""
        consumer = self._opened()
        batch: Batch = consumer.poll(timeout_ms=_POLL_MS, max_records=POLL_RECORDS)
        self._forget_if_assigned_anew()
        records = [_incoming(record) for part in batch.values() for record in part]
        if records:
            self._take(consumer, batch, records)
        self._watch_membership(consumer)
        self._report(consumer)
        self._sweep()
        return len(records)

    def left(self) -> int | None:
        """How many records of what the broker has now are not taken in; None while not every partition is ours."""
        if self._kafka is None or not self._has_all(self._kafka):
            return None
        try:
            self._measure_lag(self._kafka)
        except KafkaError:
            return None
        return self.lag

    # -- one turn

    def _report(self, consumer: KafkaConsumer) -> None:
        """Tell the broker how far we are and ask it where the log ends.

        A broker that does not answer for a while finds its members again when it comes back. A new client would be a
        new member, and wait for the session of the old one to time out. Any other error
        discards the client.
        """
        now = time.monotonic()
        try:
            if self._taken and now - self._committed_at > _COMMIT_SECONDS:
                self._commit(consumer)
            if now - self._looked_at > _LAG_SECONDS:
                self._looked_at = now
                self._measure_lag(consumer)
                self._heard_at = now
        except RetriableError as error:
            if now - self._heard_at > _BROKER_SECONDS:
                raise
            log.info("broker_awaited", consumer=self._group, error=type(error).__name__)

    def _watch_membership(self, consumer: KafkaConsumer) -> None:
        """See that a rebalance ends.

        One that the client began because of new metadata, and that ended while nobody polled, is forgotten by
        kafka-python 3.0.12: no heartbeat any more, nothing polled for ever. To ask for another one wakes it up.
        """
        now = time.monotonic()
        coordinator = consumer._coordinator  # noqa: SLF001 (no public way; the version is pinned)
        if not coordinator.rebalance_in_progress():
            self._member_at = now
        elif not coordinator.need_rejoin():
            coordinator.request_rejoin()
        elif now - self._member_at > _REBALANCE_SECONDS:
            raise KafkaTimeoutError("The group did not take us in.")

    def guarded_turn(self, stop: threading.Event) -> None:
        """One turn that survives whatever dies: waits a moment then, with a new client if need be."""
        try:
            self.turn()
        except (KafkaError, OSError, RuntimeError, ValueError, AssertionError) as error:
            # What kafka-python raises is no promise to recover: the next turn starts with a new client.
            log.warning("consumer_reopens", consumer=self._group, error=type(error).__name__)
            self.close()
            stop.wait(_FIRST_PAUSE * 5)
        except (PyMongoError, Transient) as error:
            log.warning("consumer_storage_failed", consumer=self._group, error=type(error).__name__)
            stop.wait(_FIRST_PAUSE)
        except Exception:
            log.exception("consumer_failed", consumer=self._group)
            self.close()
            stop.wait(_LONGEST_PAUSE)

    def _take(self, consumer: KafkaConsumer, batch: Batch, records: list[Incoming]) -> None:
        pause = _FIRST_PAUSE
        while True:
            self._alive()
            try:
                self._inbox.take(records)
                break
            except (PyMongoError, Transient) as error:
                log.warning("batch_waits", consumer=self._group, error=type(error).__name__, pause_seconds=pause)
                if not self._rest(consumer, pause):
                    raise
                pause = min(pause * 2, _LONGEST_PAUSE)
        self._taken |= _offsets(batch)
        self._heard_at = time.monotonic()

    def _assigned(self) -> None:
        """Called in the client's own thread, before the first record of partitions that are ours from now on."""
        self._assigned_anew = True
        self._inbox.held.doubt()

    def _forget_if_assigned_anew(self) -> None:
        """What was taken in before may be a place in a log that is gone. What comes again, the inbox drops."""
        if self._assigned_anew:
            self._assigned_anew, self._taken = False, {}

    def _commit(self, consumer: KafkaConsumer) -> None:
        """Say how far we are, twice a second at most: what is delivered again after a crash, the inbox drops."""
        self._forget_if_assigned_anew()
        ours = consumer.assignment()
        offsets = {partition: offset for partition, offset in self._taken.items() if partition in ours}
        self._committed_at = time.monotonic()
        if offsets:
            consumer.commit(offsets, timeout_ms=_ANSWER_MS)  # else half a minute
        self._taken = {}

    def _rest(self, consumer: KafkaConsumer, seconds: float) -> bool:
        """Wait without losing the place in the group. False when stopping, or when partitions were taken away.

        A partition that was taken away and came back is no longer paused: what this polls of it was skipped, were it
        not delivered to a new client once more.
        """
        assigned = set(consumer.assignment())
        consumer.pause(*assigned)
        until, same = time.monotonic() + seconds, True
        while same and time.monotonic() < until:
            same = not consumer.poll(timeout_ms=50)
            if self._stop.is_set():
                return False
        same = same and set(consumer.assignment()) == assigned
        if same:
            consumer.resume(*assigned)
        else:
            self.close()
        return same

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept_at > _SWEEP_SECONDS:
            self._swept_at = now
            self._inbox.retry_awaiting()

    def _measure_lag(self, consumer: KafkaConsumer) -> None:
        """Ask the broker for the ends: what the client remembers says nothing while the broker is away."""
        partitions = consumer.assignment()
        if not partitions:
            if not all(partitions_of(consumer, topic) for topic in self._topics):
                raise KafkaTimeoutError("The broker has not all of our topics; a new client makes them.")
            return
        ends = consumer.end_offsets(partitions, timeout_ms=_ANSWER_MS)
        places = {partition: _place(consumer, partition) for partition in ends}
        self._note_progress(places, ends, time.time())
        self.caught_up = dict.fromkeys(self._partitions(consumer), 0.0) | self.caught_up
        self.lag = sum(max(0, end - places[partition]) for partition, end in ends.items())

    def _note_progress(self, places: dict[TopicPartition, int], ends: dict[TopicPartition, int], now: float) -> None:
        """We are caught up with a moment when all that the log held then is taken in, however much came since."""
        for partition, end in ends.items():
            aim, aimed_at = self._aim.setdefault(partition, (end, now))
            if places[partition] >= end:
                self.caught_up[partition] = now
            elif places[partition] >= aim:
                self.caught_up[partition] = aimed_at
            if places[partition] >= min(aim, end):
                self._aim[partition] = (end, now)

    def _partitions(self, consumer: KafkaConsumer) -> set[TopicPartition]:
        return {TopicPartition(topic, number) for topic in self._topics for number in partitions_of(consumer, topic)}

    def _has_all(self, consumer: KafkaConsumer) -> bool:
        """Whether every partition of every topic is ours: a topic that was just made is assigned a moment later."""
        every = self._partitions(consumer)
        return {partition.topic for partition in every} == set(self._topics) and every <= consumer.assignment()

    # -- opening and closing

    def _opened(self) -> KafkaConsumer:
        if self._kafka is None:
            ensure_topics(self._settings, self._topics)
            self._kafka = open_consumer(self._settings, self._group, self._topics, self._assigned)
            self._member_at = self._heard_at = time.monotonic()
        return self._kafka

    def _superseded_now(self) -> bool:
        try:
            return self._superseded()
        except PyMongoError:
            return False

    def close(self) -> None:
        """Leave the group. Safe to call twice."""
        consumer, self._kafka = self._kafka, None
        if consumer is None:
            return
        answers = True
        try:
            self._commit(consumer)
        except (KafkaError, OSError, RuntimeError, ValueError, AssertionError) as error:
            log.info("offsets_not_committed", consumer=self._group, error=type(error).__name__)
            answers = not isinstance(error, KafkaTimeoutError)
        self._taken = {}
        close_consumer(consumer, timeout_ms=_ANSWER_MS if answers else 100)


def _incoming(record: Any) -> Incoming:
    key = record.key.decode(errors="replace") if record.key is not None else f"{record.partition}@{record.offset}"
    return Incoming(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=key,
        headers=tuple((name, value or b"") for name, value in record.headers or ()),
        value=record.value or b"",
    )


def _place(consumer: KafkaConsumer, partition: TopicPartition) -> int:
    """The next record's offset. Raises KafkaTimeoutError when the broker does not say where we are."""
    place: int | None = consumer.position(partition, timeout_ms=_ANSWER_MS)
    if place is None:
        raise KafkaTimeoutError(f"No place in {partition}.")
    return place


def _offsets(batch: Batch) -> dict[TopicPartition, OffsetAndMetadata]:
    """The place after the last record, with that one's epoch: by it the client sees that the log was cut since."""
    last = {partition: records[-1] for partition, records in batch.items() if records}
    return {partition: OffsetAndMetadata(at.offset + 1, "", at.leader_epoch) for partition, at in last.items()}
