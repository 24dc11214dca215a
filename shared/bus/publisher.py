"""What the relay sends with: a producer that is made anew after each failure, and looks whether the log is whole."""

import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from shared.bus.client import Loyal, manager_of, opened
from shared.bus.kafka import KafkaSettings, close_consumer, ensure_topics, partition_of, partitions_of
from shared.logs import get_logger
from shared.schemas.codec import headers
from shared.storage.mongo import Document
from shared.storage.places import Places
from shared.storage.relay import LogLost

log = get_logger(__name__)
_LOG_QUESTIONS, _LOG_PAUSE = 4, 0.5
_LOOK_SECONDS = 30.0
_FAILURES = (KafkaError, AssertionError, OSError, TypeError, ValueError, RuntimeError)


class KafkaPublisher:
    """Publishes outbox rows. A producer that failed is thrown away: after a fatal error it never recovers.

    Of each partition a prefix arrives: one batch is under way at a time, and the first failure stops the producer
    before it sends another. Left alone it would give up one batch and send the next: n+1 without n. For the same reason
    it neither tries again nor connects again by itself: a broker that comes back may have lost its log, and would get
    n+1 first. So each new producer first looks whether the log still reaches as far as it was acknowledged, by whatever
    process. What is sent twice by that, consumers drop.
    """

    def __init__(self, settings: KafkaSettings, places: Places, *, delivery_timeout_ms: int = 15_000) -> None:
        self._settings, self._places = settings, places
        self._delivery_timeout_ms = delivery_timeout_ms
        self._producer: KafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._hurried = False
        self._look_at = 0.0

    def publish(self, rows: Sequence[Document]) -> list[str]:
        """See `Publisher.publish`: acknowledged ids, per aggregate a prefix of what was given. Raises LogLost."""
        try:
            producer = self._open(rows)
            if self._hurried:
                return []
            sent = self._send_all(producer, rows)
        except _FAILURES as error:
            self._discard(error)
            return []
        return self._acknowledged(rows, sent)

    def watch(self) -> None:
        """See `Publisher.watch`: asks at first, when a connection was lost, and each half minute."""
        if self._hurried or (time.monotonic() < self._look_at and not self._is_lost()):
            return
        try:
            self._drop_if_lost()
            self._reached = self._noted()
            if self._producer is None and self._reached:
                self._open([])
            else:
                self._require_log()
            self._look_at = time.monotonic() + _LOOK_SECONDS
        except _FAILURES as error:
            self._look_at = time.monotonic() + _LOG_PAUSE
            self._discard(error)

    def forget(self, topics: Iterable[str]) -> None:
        """See `Publisher.forget`."""
        gone = set(topics)
        self._places.forget(gone)
        self._reached = {part: offset for part, offset in self._reached.items() if part.topic not in gone}

    def hurry(self) -> None:
        """Called by another thread, once and for all: what is not acknowledged by now counts as not sent."""
        self._hurried = True
        producer = self._producer
        if producer is not None:
            _stop_sending(producer)

    def close(self) -> None:
        """Close the producer; never raises, never hangs for long."""
        producer, self._producer = self._producer, None
        if producer is not None:
            _close(producer)

    def _open(self, rows: Sequence[Document]) -> KafkaProducer:
        self._drop_if_lost()
        unknown = {row["topic"] for row in rows} - self._partitions.keys()
        if self._producer is None:
            self._reached = self._noted()
        if self._producer is None or unknown:
            ensure_topics(self._settings, {row["topic"] for row in rows} | {part.topic for part in self._reached})
        if self._producer is None:
            self._producer = self._connected()
        for topic in unknown:
            self._partitions[topic] = len(self._producer.partitions_for(topic))
        return self._producer

    def _connected(self) -> KafkaProducer:
        """A producer whose connections are older than the answer where the log ends. Raises LogLost."""
        producer = opened(
            KafkaProducer,
            Loyal,
            **self._settings.client(),
            acks="all",
            enable_idempotence=False,
            retries=0,
            linger_ms=1,
            batch_size=524_288,
            max_in_flight_requests_per_connection=1,
            compression_type=None,
            max_block_ms=5_000,
            request_timeout_ms=min(10_000, self._delivery_timeout_ms - 1_000),
            delivery_timeout_ms=self._delivery_timeout_ms,
        )
        manager = manager_of(producer)
        manager.on_loss = partial(_stop_sending, producer)
        try:
            manager.settle()
            self._require_log()
        except BaseException:
            _abort(producer)
            raise
        return producer

    def _require_log(self) -> None:
        """Ask where the log ends. After an election that may be told too low for a moment: ask again then."""
        if not self._reached:
            return
        consumer = opened(KafkaConsumer, **self._settings.client(), enable_auto_commit=False)
        try:
            for _ in range(_LOG_QUESTIONS):
                there = {part for part in self._reached if part.partition in partitions_of(consumer, part.topic)}
                ends = consumer.end_offsets(list(there), timeout_ms=3_000) if there else {}
                short = {part.topic for part, offset in self._reached.items() if ends.get(part, 0) <= offset}
                if not short:
                    return
                time.sleep(_LOG_PAUSE)
        finally:
            close_consumer(consumer)
        raise LogLost(short)

    def _noted(self) -> dict[TopicPartition, int]:
        return {TopicPartition(*place): offset for place, offset in self._places.all().items()}

    def _is_lost(self) -> bool:
        return self._producer is not None and bool(manager_of(self._producer).lost)

    def _drop_if_lost(self) -> None:
        """A producer whose connection is gone, perhaps long ago, makes room for one that asks about the log."""
        if self._is_lost():
            log.info("broker_connection_was_lost")
            self._partitions.clear()
            producer, self._producer = self._producer, None
            _abort(producer)

    def _send_all(self, producer: KafkaProducer, rows: Sequence[Document]) -> list[Any]:
        def stop(_error: BaseException) -> None:
            # Runs in the sender's thread, where close() would wait for itself.
            _stop_sending(producer)

        futures = [self._send(producer, row).add_errback(stop) for row in rows]
        producer.flush(timeout=self._delivery_timeout_ms / 1000 + 1)
        return futures

    def _send(self, producer: KafkaProducer, row: Document) -> Any:
        key = row["key"].encode()
        return producer.send(
            row["topic"],
            key=key,
            value=row["data"],
            headers=headers(
                event_id=row["_id"],
                event_type=row["type"],
                source=row["source"],
                key=row["key"],
                sequence=row["sequence"],
                time=row["time"],
                traceparent=row["traceparent"],
            ),
            partition=partition_of(key, self._partitions[row["topic"]]),
        )

    def _acknowledged(self, rows: Sequence[Document], futures: list[Any]) -> list[str]:
        """The acknowledged ids up to the first failure of each aggregate; a failure discards the producer."""
        acknowledged, broken, before = [], set(), dict(self._reached)
        for row, future in zip(rows, futures, strict=True):
            aggregate = (row["topic"], row["key"])
            if future.succeeded() and aggregate not in broken:
                acknowledged.append(row["_id"])
                self._note(future.value)
            elif not future.succeeded():
                broken.add(aggregate)
        if broken:
            failed = next(future for future in futures if not future.succeeded())
            self._discard(failed.exception)
        self._places.note({part: at for part, at in self._reached.items() if before.get(part) != at})
        return acknowledged

    def _note(self, sent: Any) -> None:
        """How far the log of its partition reaches. An earlier place than before is one in another log."""
        if sent.offset < self._reached.get(sent.topic_partition, -1):
            raise LogLost({sent.topic})
        self._reached[sent.topic_partition] = sent.offset

    def _discard(self, error: BaseException | None) -> None:
        log.warning("publishing_failed", error=type(error).__name__, aggregates_wait=True)
        self._partitions.clear()
        producer, self._producer = self._producer, None
        if producer is not None:
            _abort(producer)


def _close(producer: KafkaProducer) -> None:
    """Close a producer; closing may raise and leave its thread behind, which would go on sending: then end that."""
    try:
        producer.close(timeout=3)
    except Exception as error:  # noqa: BLE001 (it raises what it likes)
        log.warning("kafka_close_failed", error=type(error).__name__)
        _abort(producer)


def _stop_sending(producer: KafkaProducer) -> None:
    producer._sender.force_close()  # noqa: SLF001 (no public way; the version is pinned)


def _abort(producer: KafkaProducer) -> None:
    """End a producer now, with what it has not sent yet. Its close() alone raises while something is unsent."""
    sender = producer._sender  # noqa: SLF001 (no public way; the version is pinned)
    try:
        sender.force_close()
        sender.join(timeout=3)
        producer.close(timeout=0)
    except Exception as error:  # noqa: BLE001 (it raises what it likes)
        log.warning("kafka_abort_failed", error=type(error).__name__, thread_left=sender.is_alive())
